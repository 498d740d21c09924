#include "cartan/data/readers.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "data/file_io.hpp"
#include "data/formats.hpp"

namespace cartan::data {
namespace {

// Frames know their place in the file.
void read_numbered(const std::string& path, const Slice& slice, const ReadOptions& options,
                   const FrameSink& sink) {
  Index count = 0;
  format_of(path).read(path, slice, options, [&](Frame&& frame) {
    frame.index = slice.place(count++);
    return sink(std::move(frame));
  });
}

}  // namespace

void for_each_frame(const std::string& path, const std::function<bool(Frame&&)>& receive,
                    const std::string& range, const ReadOptions& options) {
  const Slice slice(range);
  require(!slice.backwards(), "[for_each_frame] the range '", range,
          "' steps backwards; read_frames can do that");
  read_numbered(path, slice, options, receive);
}

std::vector<Frame> read_frames(const std::string& path, const std::string& range,
                               const ReadOptions& options) {
  const Slice slice(range);
  std::vector<Frame> frames;
  read_numbered(path, slice, options, [&](Frame&& frame) {
    frames.push_back(std::move(frame));
    return true;
  });
  if (slice.backwards()) std::reverse(frames.begin(), frames.end());
  return frames;
}

std::vector<std::string> write_frames(const std::string& path, const std::vector<Frame>& frames) {
  require(without_gz(path) == path, "[write_frames] ", path,
          ": compressed files are read, not written; leave .gz away and gzip the file");
  const Format* format = format_named(path);
  require(format, "[write_frames] ", path,
          ": the kind of file follows from the name, which must end in one of ", frame_format_names(true));
  require(format->write, "[write_frames] ", path, ": ", format->title, " files are read, not written; write ",
          frame_format_names(true));
  format->write(path, frames);
  return not_kept(*format, frames);
}

}  // namespace cartan::data
