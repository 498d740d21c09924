// Frames in Cartan's HDF5 layout as a format of read_frames and write_frames.

#include "data/read_in_order.hpp"

namespace cartan::data {
namespace {

void read(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  read_blocks(FrameFile(path), slice, sink);
}

void write(const std::string& path, const std::vector<Frame>& frames) {
  Header header;
  header.format = "cartan-frames";
  save(path, frames_to_group(frames), header);
}

}  // namespace

Format frames_hdf5_format() {
  Format f;
  f.name = "h5";
  f.title = "cartan-frames";
  f.names = {".h5", ".hdf5"};
  f.complete = true;
  f.sniff = [](const FileStart& start) { return start.begins_with("\x89HDF\r\n\x1a\n"); };
  f.read = read;
  f.write = write;
  f.holds_frames = [](const std::string& path) { return Hdf5File(path).header().format == "cartan-frames"; };
  return f;
}

}  // namespace cartan::data
