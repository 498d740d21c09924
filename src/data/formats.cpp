#include "data/formats.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "data/file_io.hpp"

namespace cartan::data {

// One function a format, in the order in which contents are compared: strict ones first.
Format frames_hdf5_format(), h5md_format(), rmd17_format(), deepmd_format(), poscar_format(),
    lammps_dump_format(), lammps_data_format(), qm9_format(), extxyz_format();

const std::vector<Format>& formats() {
  static const std::vector<Format> table = [] {
    std::vector<Format> all{
        h5md_format(),        frames_hdf5_format(), rmd17_format(), deepmd_format(), lammps_dump_format(),
        lammps_data_format(), poscar_format(),      qm9_format(),   extxyz_format(),
    };
    for (Format& f : all) f.writes = f.write != nullptr;
    return all;
  }();
  return table;
}

namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// `pattern`: ".xyz" (an extension, in any case), "/" (a folder), "POSCAR" (how a file name begins).
bool fits(const std::string& path, const std::string& pattern) {
  if (pattern == "/") return !path.empty() && path.back() == '/';
  const std::filesystem::path p(without_gz(path));
  if (pattern[0] == '.') return lower(p.extension().string()) == pattern;
  const std::string file = p.filename().string();
  const auto ends = [](char c) { return c == '.' || c == '_' || c == '-'; };
  return file.rfind(pattern, 0) == 0 && (file.size() == pattern.size() || ends(file[pattern.size()]));
}

FileStart start_of(const std::string& path) {
  FileStart start;
  start.path = path;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    start.folder = S_ISDIR(info.st_mode);
    return start;
  }
  const InputFile file(path);  // complains where the file is absent
  start.regular = file.regular();
  start.bytes.resize(std::min<std::uint64_t>(file.size(), 4096));
  file.read_at(0, start.bytes.data(), start.bytes.size());
  if (start.regular && is_gzip(start.bytes.data(), start.bytes.size())) {
    start.packed = true;
    start.bytes.resize(4096);
    TextInput unpacked(path);
    std::size_t size = 0;
    while (size < start.bytes.size()) {
      const std::size_t n = unpacked.read(start.bytes.data() + size, start.bytes.size() - size, 1);
      if (n == 0) break;
      size += n;
    }
    start.bytes.resize(size);
  }
  if (start.begins_with("\xEF\xBB\xBF")) start.bytes.erase(0, 3);  // a byte order mark
  return start;
}

}  // namespace

std::string_view FileStart::line(int k) const {
  std::string_view rest = bytes;
  for (; k > 0; --k) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

const Format* format_named(const std::string& path) {
  for (const Format& format : formats())
    for (const std::string& pattern : format.names)
      if (fits(path, pattern)) return &format;
  return nullptr;
}

const Format& format_of(const std::string& path) {
  const FileStart start = start_of(path);
  const char* const packed = start.packed ? "compressed by gzip: " : "";
  for (const Format& format : formats())
    if (format.sniff(start)) {
      if (start.packed && !format.lines)
        throw FormatError(path, "", text(packed, format.title, " files are read unpacked; gunzip it"));
      return format;
    }
  if (const std::string kind = foreign_kind(start); !kind.empty())
    throw FormatError(path, "", text(packed, kind, "; frames are read from ", frame_format_names()));
  if (const Format* named = format_named(path)) return *named;
  if (!start.regular) return *format_named("frames.xyz");  // a pipe
  throw FormatError(path, "", text("of no kind that is known; frames are read from ", frame_format_names()));
}

std::vector<FrameFormat> frame_formats() {
  return {formats().begin(), formats().end()};
}

FrameFormat frame_format(const std::string& path) {
  return format_of(path);
}

bool holds_frames(const std::string& path) {
  const Format& format = format_of(path);
  return !format.holds_frames || format.holds_frames(path);
}

std::string frame_format_names(bool written) {
  std::string out, last;
  for (const Format& format : formats()) {
    if (written && !format.write) continue;
    for (const std::string& name : format.names)
      if (name == "/")
        last = written ? ", or a name ending in / for a " + format.title : ", or a " + format.title;
      else
        out += (out.empty() ? "" : " ") + name;
  }
  return out + last;
}

}  // namespace cartan::data
