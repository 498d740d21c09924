#pragma once
/// Cartan's files: HDF5 with root attributes `format`, `format_version`, `creator`, `config`, every dataset
/// checksummed. Written to a temporary file, flushed to the disk and renamed, so that a reader finds the
/// old file or the new one, never a torn one.

#include <memory>
#include <string>

#include <cartan/data/group.hpp>

namespace cartan::data {

/// What a file says of itself.
struct Header {
  std::string format;       ///< "cartan-model", "cartan-frames", "cartan-checkpoint", ...
  int format_version = 1;
  std::string creator;      ///< filled in by save()
  std::string config;       ///< the resolved run description (TOML or JSON text); may be empty
};

/// Writes the tree atomically. Throws IoError and leaves an older file of that name as it was.
void save(const std::string& path, const Group& root, const Header& header);

/// Reads and verifies a whole file. Throws IoError (cannot be opened) or FormatError (not HDF5, truncated,
/// checksum wrong, unexpected kind of object, `format` other than asked for; "" accepts any).
Group load(const std::string& path, const std::string& format = "", Header* header = nullptr);

/// One open file for reading parts of datasets that do not fit in memory.
class Hdf5File {
 public:
  explicit Hdf5File(const std::string& path);
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;
  const Header& header() const;
  bool has(const std::string& dataset) const;
  Shape shape(const std::string& dataset) const;
  DType dtype(const std::string& dataset) const;
  /// Rows [begin, end) of the first axis; every touched chunk is verified.
  Array read_rows(const std::string& dataset, Index begin, Index end) const;
  Array read(const std::string& dataset) const;
  /// The tree of names, shapes and attributes without the elements of the arrays (their arrays are empty).
  Group outline() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A file written piece by piece: datasets that grow along the first axis (trajectories, large frame sets).
/// It is written under a temporary name; `close()` makes it appear. `flush()` makes what was appended so
/// far durable: after a kill the temporary file (path + ".part") holds all rows up to the last flush, and
/// Hdf5Appender(path, header, resume = true) goes on from there (or from the finished file).
class Hdf5Appender {
 public:
  Hdf5Appender(const std::string& path, const Header& header, bool resume = false);
  ~Hdf5Appender();
  Hdf5Appender(const Hdf5Appender&) = delete;
  /// Appends rows to `dataset` (made at the first call with the array's type and row shape).
  void append(const std::string& dataset, const Array& rows, const std::string& units = "", const std::string& axes = "");
  /// Writes a dataset of fixed size, once.
  void write(const std::string& dataset, const Array& array, const std::string& units = "", const std::string& axes = "");
  void set_attribute(const std::string& object, const std::string& name, const Attribute& value);
  Index rows(const std::string& dataset) const;  ///< 0 when there is none
  /// Drops rows past `count` (after resuming from an earlier checkpoint).
  void truncate(const std::string& dataset, Index count);
  void flush();
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cartan::data
