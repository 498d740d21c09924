#pragma once
// The table of the kinds of files that hold frames. To add one: a source with a function that returns its
// Format, and the name of that function in formats.cpp.

#include <functional>
#include <string>
#include <vector>

#include "cartan/data/frame.hpp"
#include "cartan/data/readers.hpp"
#include "data/slice.hpp"

namespace cartan::data {

/// Gets one frame; false: no more are wanted.
using FrameSink = std::function<bool(Frame&&)>;

/// What a file shows of itself before it is read.
struct FileStart {
  std::string path;
  bool folder = false;
  bool regular = false;  ///< false: a folder, or a pipe, which cannot be looked at twice
  bool packed = false;   ///< by gzip
  std::string bytes;     ///< the first of a regular file, at most 4096; unpacked where it is packed

  bool begins_with(std::string_view magic, std::size_t at = 0) const {
    return bytes.size() >= at && std::string_view(bytes).substr(at, magic.size()) == magic;
  }
  /// Line k (from 0) of the bytes, without its end; empty where there is none.
  std::string_view line(int k) const;
};

/// What a kind of file has a place for beside elements, positions, energy and forces.
struct Keeps {
  bool cell = false;    ///< of periodic frames
  bool charge = false;  ///< of the whole frame
  bool stress = false;  ///< of periodic frames
  bool velocities = false;
};

/// A row of the table.
struct Format : FrameFormat {
  bool lines = false;  ///< read line after line: from gzip too
  /// True when the content is of this kind, whatever its name.
  bool (*sniff)(const FileStart&) = nullptr;
  /// Calls `sink` for the frames of `slice` in ascending order.
  void (*read)(const std::string& path, const Slice& slice, const ReadOptions& options,
               const FrameSink& sink) = nullptr;
  bool names_labels = false;  ///< `read` looks for the names of options.labels itself
  Keeps keeps;                ///< where not `complete`
  /// Absent where frames of this kind are read only.
  void (*write)(const std::string& path, const std::vector<Frame>& frames) = nullptr;
  /// For containers that may hold something else than frames.
  bool (*holds_frames)(const std::string& path) = nullptr;
};

/// Every kind, in the order in which contents are compared.
const std::vector<Format>& formats();
/// The kind of a file that exists: by content, then by name. Throws IoError, and FormatError for files of
/// other programs (named) and for what is not known.
const Format& format_of(const std::string& path);
/// The kind that a name asks for; null when none does.
const Format* format_named(const std::string& path);

/// What frames have and a kind of file has no place for, one text each: "charge (3 of 10 frames)".
std::vector<std::string> not_kept(const Format& format, const std::vector<Frame>& frames);

/// The program or format that a start belongs to, in words; "" when it is not known. See foreign.cpp.
std::string foreign_kind(const FileStart& start);

}  // namespace cartan::data
