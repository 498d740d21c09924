#include "cartan/data/readers.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "data/extxyz.hpp"
#include "data/formats.hpp"

namespace cartan::data {
namespace {

enum class Kind { extxyz, hdf5, npz, deepmd };

std::string extension_of(const std::string& path) {
  std::string out = std::filesystem::path(path).extension().string();
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// By name, and by the first bytes where the name says nothing.
Kind kind_of(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return Kind::deepmd;
  const std::string extension = extension_of(path);
  if (extension == ".xyz" || extension == ".extxyz") return Kind::extxyz;
  if (extension == ".h5" || extension == ".hdf5") return Kind::hdf5;
  if (extension == ".npz") return Kind::npz;
  char start[8] = {};
  InputFile file(path);
  if (!file.regular()) return Kind::extxyz;
  file.read_at(0, start, std::min<std::uint64_t>(file.size(), sizeof start));
  if (std::memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0) return Kind::hdf5;
  if (std::memcmp(start, "PK", 2) == 0) return Kind::npz;
  if (std::memcmp(start, "\x93NUMPY", 6) == 0)
    throw FormatError(path, "", "a single array; frames need several (an .npz or a deepmd folder)");
  return Kind::extxyz;
}

void read_extxyz_frames(const std::string& path, const Slice& slice, const FrameSink& sink) {
  Frame frame;
  if (slice.all()) {
    for (ExtxyzReader reader(path); reader.next(frame);)
      if (!sink(std::move(frame))) return;
    return;
  }
  Index total = 0;
  for (ExtxyzReader counter(path); counter.skip();) ++total;
  const auto range = slice.ascending(total);
  ExtxyzReader reader(path);
  for (Index i = 0, k = 0; k < range.count; ++i) {
    if (i != range.first + k * range.step) {
      reader.skip();
      continue;
    }
    ++k;
    if (!reader.next(frame))
      throw FormatError(path, text("frame ", i), "the file has changed while it was read");
    if (!sink(std::move(frame))) return;
  }
}

void read_hdf5_frames(const std::string& path, const Slice& slice, const FrameSink& sink) {
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
      if (!sink(std::move(frames[static_cast<std::size_t>(i)]))) return;
  }
}

void read_kind(const std::string& path, const Slice& slice, const FrameSink& sink) {
  switch (kind_of(path)) {
    case Kind::extxyz:
      return read_extxyz_frames(path, slice, sink);
    case Kind::hdf5:
      return read_hdf5_frames(path, slice, sink);
    case Kind::npz:
      return read_rmd17(path, slice, sink);
    case Kind::deepmd:
      return read_deepmd(path, slice, sink);
  }
}

}  // namespace

void for_each_frame(const std::string& path, const std::function<bool(Frame&&)>& receive,
                    const std::string& range) {
  const Slice slice(range);
  require(!slice.backwards(), "[for_each_frame] the range '", range,
          "' steps backwards; read_frames can do that");
  read_kind(path, slice, receive);
}

std::vector<Frame> read_frames(const std::string& path, const std::string& range) {
  const Slice slice(range);
  std::vector<Frame> frames;
  read_kind(path, slice, [&](Frame&& frame) {
    frames.push_back(std::move(frame));
    return true;
  });
  if (slice.backwards()) std::reverse(frames.begin(), frames.end());
  return frames;
}

void write_frames(const std::string& path, const std::vector<Frame>& frames) {
  if (!path.empty() && path.back() == '/') return write_deepmd(path, frames);
  const std::string extension = extension_of(path);
  if (extension == ".xyz" || extension == ".extxyz") return write_extxyz(path, frames);
  if (extension == ".npz") return write_rmd17(path, frames);
  require(extension == ".h5" || extension == ".hdf5", "[write_frames] ", path,
          ": the kind of file follows from the name, which must end in .xyz, .extxyz, .h5, .npz or / (a "
          "deepmd folder)");
  Header header;
  header.format = "cartan-frames";
  save(path, frames_to_group(frames), header);
}

}  // namespace cartan::data
