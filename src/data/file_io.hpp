#pragma once
// Plain files: reading at offsets, reading lines.

#include <cstdint>
#include <memory>
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

/// True for the first bytes of a gzip file.
inline bool is_gzip(const void* bytes, std::size_t size) {
  const auto* b = static_cast<const unsigned char*>(bytes);
  return size >= 2 && b[0] == 0x1f && b[1] == 0x8b;
}
/// The name without ".gz", in any case of letters.
std::string without_gz(const std::string& path);

/// A file or pipe read from its beginning to its end. One that begins as gzip does is unpacked on the way,
/// all of its members (RFC 1952), and its checksums are compared; memory does not depend on its size. What
/// unpacks to more than 1 GiB and 200 times its size is refused: text is never that dense.
class TextInput {
 public:
  explicit TextInput(const std::string& path);
  ~TextInput();

  const std::string& path() const { return file_.path(); }
  /// The next bytes, at most `count`; 0 at the end. `line` is the line that they belong to, for errors.
  std::size_t read(void* to, std::size_t count, Index line);
  /// The most bytes that can still come (a large number for a pipe).
  std::uint64_t remaining() const;

 private:
  struct Inflater;

  void start();
  std::size_t unpack(void* to, std::size_t count, Index line);
  [[noreturn]] void fail(Index line, const std::string& what) const;

  InputFile file_;
  std::vector<unsigned char> raw_;  // bytes of the file that are not handed on yet
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t taken_ = 0;     // bytes read from the file
  std::uint64_t unpacked_ = 0;  // bytes that came out of the inflater
  bool started_ = false, finished_ = false;
  std::unique_ptr<Inflater> inflater_;  // for gzip alone
};

/// Lines of a text file, with "\n" or "\r\n" line ends, the last with or without one; of a gzip file too.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : input_(path), buffer_(1 << 16) {}
  /// The next line without its end, valid until the next call; false at the end of the file.
  bool next(std::string_view& line);
  Index number() const { return number_; }  ///< of the last line returned, from 1
  const std::string& path() const { return input_.path(); }
  /// The most bytes that are still to come (a large number for a pipe).
  std::uint64_t remaining() const;

 private:
  bool fill();

  TextInput input_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool finished_ = false;
  Index number_ = 0;
};

}  // namespace cartan::data
