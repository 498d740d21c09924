// Frames in Cartan's HDF5 layout as a format of read_frames and write_frames.

#include <algorithm>

#include "data/formats.hpp"

namespace cartan::data {
namespace {

void read(const std::string& path, const Slice& slice, const FrameSink& sink) {
  constexpr Index block = 1024;
  const FrameFile file(path);
  const auto range = slice.ascending(file.size());
  for (Index k = 0; k < range.count;) {
    if (range.step > 16) {  // far apart: one by one
      if (!sink(file.read(range.first + k++ * range.step))) return;
      continue;
    }
    const Index begin = range.first + k * range.step;
    auto frames = file.read(begin, std::min(begin + block, range.first + (range.count - 1) * range.step + 1));
    for (Index i = 0; i < static_cast<Index>(frames.size()); i += range.step, ++k)
      if (!sink(std::move(frames[i]))) return;
  }
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
