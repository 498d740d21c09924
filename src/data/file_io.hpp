#pragma once
// Plain files: reading at offsets, reading lines.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cartan/core/array.hpp"

namespace cartan::data {

/// A file open for reading. Throws IoError when the operating system refuses.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }
  bool regular() const { return regular_; }     ///< false: a pipe or a device, whose size is not known
  std::uint64_t size() const { return size_; }  ///< bytes of a regular file
  /// The next bytes, at most `count`; 0 at the end.
  std::size_t read(void* to, std::size_t count);
  /// Bytes [offset, offset + count); a FormatError when the file ends before.
  void read_at(std::uint64_t offset, void* to, std::size_t count) const;

 private:
  std::string path_;
  int fd_ = -1;
  bool regular_ = false;
  std::uint64_t size_ = 0;
};

/// Lines of a text file, with "\n" or "\r\n" line ends, the last with or without one.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : file_(path), buffer_(1 << 20) {}
  /// The next line without its end, valid until the next call; false at the end of the file.
  bool next(std::string_view& line);
  Index number() const { return number_; }  ///< of the last line returned, from 1
  const std::string& path() const { return file_.path(); }
  /// Bytes of the file that are still to come (a large number for a pipe).
  std::uint64_t remaining() const;

 private:
  bool fill();

  InputFile file_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t taken_ = 0;
  bool finished_ = false;
  Index number_ = 0;
};

}  // namespace cartan::data
