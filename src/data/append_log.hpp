#pragma once
/// The log behind Hdf5Appender: records appended to a file, each with a checksum, made durable by commits.
/// What was written after the last commit does not count. HDF5 itself cannot be used for this: it has no
/// journal, and a process killed while it writes leaves a file that does not open.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cartan::data {

enum class Record : std::uint32_t { header = 1, dataset, rows, truncate, attribute, commit };

class AppendLog {
 public:
  /// Opens or makes the file and locks it against other writers. Throws IoError.
  explicit AppendLog(const std::string& path);
  ~AppendLog();
  AppendLog(const AppendLog&) = delete;
  AppendLog& operator=(const AppendLog&) = delete;

  struct Entry {
    Record kind;
    std::uint64_t tag;       ///< what the writer gave, the number of a dataset
    std::uint64_t position;  ///< for read()
    std::uint64_t bytes;     ///< of the payload
  };
  using Visit = std::function<void(const Entry&)>;
  /// Calls `visit` for every record up to the last commit and cuts the file there; false when there is no
  /// commit. Throws FormatError when a committed record is damaged.
  bool replay(const Visit& visit);
  /// Forgets everything.
  void clear();
  /// Appends a record and returns its position. After an IoError the record does not exist.
  std::uint64_t append(Record kind, std::uint64_t tag, const void* payload, std::size_t bytes);
  /// Returns when everything appended so far is on the disk and will be found by replay().
  void commit();
  /// The payload of the record at `position`, verified.
  std::vector<char> read(std::uint64_t position) const;
  /// Removes the file.
  void remove();
  const std::string& path() const { return path_; }

 private:
  struct Head;
  bool read_head(std::uint64_t position, Head& head) const;
  bool read_payload(const Head& head, std::vector<char>& payload) const;
  std::uint64_t file_size() const;
  bool commit_after(std::uint64_t position, std::uint64_t size) const;
  bool get(std::uint64_t position, void* to, std::size_t bytes) const;
  void put(std::uint64_t position, const void* from, std::size_t bytes);

  std::string path_;
  int fd_ = -1;
  std::uint64_t end_ = 0;  // where the next record goes
  bool named_ = false;     // the name in the folder is durable
};

}  // namespace cartan::data
