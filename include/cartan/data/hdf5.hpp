#pragma once
/// Cartan's files: HDF5 with root attributes `format`, `format_version`, `creator`, `config`, every dataset
/// checksummed. Written to a temporary file, flushed to the disk and renamed, so that a reader finds the
/// old file or the new one, never a torn one.
///
/// Layout. HDF5 1.10 objects with checksummed metadata; no times, so that a file depends on its contents
/// alone. Elements are little-endian as in memory; up to 1 KiB in the object header, otherwise in chunks of
/// at most 1 MiB with Fletcher-32. Complex arrays have a last axis of 2 and the attribute `complex` = 1.
/// Every dataset has the attribute `digest`, XXH3-64 of its elements; one in chunks also `block_digests`, a
/// list of uint64: the rows of a block, then the XXH3-64 of each block of so many rows, by which parts are
/// verified. The root has `digest`, the same over header, names, types, shapes, attributes and digests. Links
/// and attributes stay in object headers. A text attribute `unit` is of variable length, for readers of H5MD,
/// and beside it stands `unit_text`, of fixed length, by which it is read. The attributes named here, `unit`
/// apart, do not show in a Group and may not be set. Attributes are int64, float64, or UTF-8 text of fixed
/// length, single or in a list; no zero bytes in texts.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <cartan/data/group.hpp>

namespace cartan::data {

/// What a file says of itself.
struct Header {
  std::string format;  ///< "cartan-model", "cartan-frames", "cartan-checkpoint", ...
  int format_version = 1;
  std::string creator;  ///< filled in by save()
  std::string config;   ///< the resolved run description (TOML or JSON text); may be empty
};

/// Writes the tree atomically. Throws IoError and leaves an older file of that name as it was;
/// std::invalid_argument for names, texts or more than 8 axes (complex: 7) that a file cannot hold.
void save(const std::string& path, const Group& root, const Header& header);

/// Reads and verifies a whole file. Throws IoError (cannot be opened) or FormatError (not HDF5, truncated,
/// checksum wrong, unexpected kind of object, `format` other than asked for; "" accepts any).
/// With format "", HDF5 files of other programs are read too (root without `format` and `digest`; `header`
/// stays empty): integers up to 16 bits become i32, unsigned 32 bits i64; attributes of unknown types and
/// objects that Cartan does not read are left out (Hdf5File::not_read names the latter); nothing but HDF5's
/// own checksums is verified.
Group load(const std::string& path, const std::string& format = "", Header* header = nullptr);

/// One open file for reading parts of datasets that do not fit in memory. The constructor verifies all but
/// the elements. Throws as load() does; one object may be used by several threads.
class Hdf5File {
 public:
  explicit Hdf5File(const std::string& path);
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;
  const Header& header() const;
  bool has(const std::string& dataset) const;
  Shape shape(const std::string& dataset) const;
  DType dtype(const std::string& dataset) const;
  /// Rows [begin, end) of the first axis, out of blocks that are verified by their digests. In a file of a
  /// version without such digests the first call verifies the whole dataset by its one digest.
  Array read_rows(const std::string& dataset, Index begin, Index end) const;
  /// The whole dataset, verified by its digest.
  Array read(const std::string& dataset) const;
  /// Reads every dataset, piece by piece, and compares its digest. False for a file of another program, which
  /// has none: then nothing but HDF5's own checksums is known.
  bool verify() const;
  /// The tree of names and attributes; its arrays are empty (see shape() and dtype()).
  Group outline() const;
  /// Objects of another program's file that are passed over, as "/path", and why; asking for one throws.
  const std::map<std::string, std::string>& not_read() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A file written piece by piece: datasets that grow along the first axis (trajectories, large frame sets).
///
/// Rows go to a log, path + ".part" (not HDF5, which has no journal: records with checksums, see
/// src/data/append_log.hpp). `flush()` makes what was appended so far durable: after a kill or a power cut
/// Hdf5Appender(path, header, resume = true) continues with exactly what the last flush saw, or with the
/// finished file when there is no log. `close()` turns the log into the HDF5 file, the same bytes that save()
/// writes for the same contents, verifying every record, and removes the log; it needs room for both. An
/// object destroyed before close() flushes and leaves the log.
/// Throws IoError (disk full: the last flush stays good; another process writes the same file), FormatError
/// (a damaged log, resuming a file of another format), std::invalid_argument. One thread at a time.
class Hdf5Appender {
 public:
  Hdf5Appender(const std::string& path, const Header& header, bool resume = false);
  ~Hdf5Appender();
  Hdf5Appender(const Hdf5Appender&) = delete;
  /// Appends rows to `dataset` (made at the first call with the array's type and row shape).
  void append(const std::string& dataset, const Array& rows, const std::string& units = "",
              const std::string& axes = "");
  /// Writes a dataset of known size; a dataset of that name is replaced.
  void write(const std::string& dataset, const Array& array, const std::string& units = "",
             const std::string& axes = "");
  /// `object`: a dataset that exists already, otherwise a group ("" the root), made when there is none.
  void set_attribute(const std::string& object, const std::string& name, const Attribute& value);
  /// What was set (or was in the file that is resumed); nothing where it was not.
  std::optional<Attribute> attribute(const std::string& object, const std::string& name) const;
  Index rows(const std::string& dataset) const;  ///< 0 when there is none
  /// Drops rows past `count` (after resuming from an earlier checkpoint).
  void truncate(const std::string& dataset, Index count);
  void flush();
  void close();  ///< nothing can be appended afterwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cartan::data
