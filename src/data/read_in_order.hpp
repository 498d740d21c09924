#pragma once
// Frames of a slice out of a file that is read from its beginning.

#include <algorithm>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "data/formats.hpp"

namespace cartan::data {

/// `open()` makes a reader with `bool next(Frame&)` and `bool skip()`, both false at the end of the file. A
/// slice other than the whole needs the number of frames first, and reads the file twice.
template <class Open>
void read_in_order(const std::string& path, const Slice& slice, const FrameSink& sink, const Open& open) {
  Frame frame;
  if (slice.all()) {
    for (auto reader = open(); reader.next(frame);)
      if (!sink(std::move(frame))) return;
    return;
  }
  std::error_code ignored;
  require(
      std::filesystem::is_regular_file(path, ignored), "[read_frames] ", path,
      " is no regular file and can be read once: a range needs a file, since it needs the number of frames");
  Index total = 0;
  for (auto counter = open(); counter.skip();) ++total;
  const auto range = slice.ascending(total);
  auto reader = open();
  for (Index i = 0, k = 0; k < range.count; ++i) {
    const bool wanted = i == range.first + k * range.step;
    if (!(wanted ? reader.next(frame) : reader.skip()))
      throw FormatError(path, text("frame ", i), "the file has changed while it was read");
    if (!wanted) continue;
    ++k;
    if (!sink(std::move(frame))) return;
  }
}

/// `file` has size() and read(begin, end), which returns the frames of a range: of a binary file, in blocks.
template <class File>
void read_blocks(const File& file, const Slice& slice, const FrameSink& sink, Index block = 1024) {
  constexpr Index far_apart = 16;
  const auto range = slice.ascending(file.size());
  for (Index k = 0; k < range.count;) {
    const Index begin = range.first + k * range.step, last = range.first + (range.count - 1) * range.step;
    auto frames = file.read(begin, range.step > far_apart ? begin + 1 : std::min(begin + block, last + 1));
    for (Index i = 0; i < static_cast<Index>(frames.size()); i += range.step, ++k)
      if (!sink(std::move(frames[static_cast<std::size_t>(i)]))) return;
  }
}

}  // namespace cartan::data
