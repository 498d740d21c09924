#include "data/file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "cartan/core/error.hpp"
#include "data/atomic_file.hpp"

namespace cartan::data {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 26;
constexpr std::size_t largest_transfer = std::size_t{1} << 30;

std::string reason(const char* what) {
  return std::string(what) + ": " + errno_text(errno);
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  do fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) throw IoError(path, reason("cannot open"));
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || S_ISDIR(info.st_mode)) {
    if (S_ISDIR(info.st_mode)) errno = EISDIR;
    const std::string why = reason("cannot read");
    ::close(fd_);
    throw IoError(path, why);
  }
  regular_ = S_ISREG(info.st_mode);
  if (regular_) size_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t InputFile::read(void* to, std::size_t count) {
  for (;;) {
    const ssize_t n = ::read(fd_, to, std::min(count, largest_transfer));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) throw IoError(path_, reason("cannot read"));
  }
}

void InputFile::read_at(std::uint64_t offset, void* to, std::size_t count) const {
  char* at = static_cast<char*>(to);
  while (count > 0) {
    const ssize_t n = ::pread(fd_, at, std::min(count, largest_transfer), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw IoError(path_, reason("cannot read"));
    if (n == 0)
      throw FormatError(path_, text("byte ", offset), text("the file ends, ", count, " bytes are missing"));
    at += n;
    offset += static_cast<std::uint64_t>(n);
    count -= static_cast<std::size_t>(n);
  }
}

bool LineReader::fill() {
  if (finished_) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) {
    if (end_ >= longest_line)
      throw FormatError(path(), text("line ", number_ + 1),
                        text("longer than ", longest_line, " bytes: not a text file"));
    buffer_.resize(2 * buffer_.size());
  }
  const std::size_t n = input_.read(buffer_.data() + end_, buffer_.size() - end_, number_ + 1);
  end_ += n;
  finished_ = n == 0;
  return n > 0;
}

// Text of other systems: a byte order mark is passed over, what cannot be read as lines is named.
void LineReader::check_first(std::string_view& line) const {
  if (line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
  if (line.substr(0, 2) == "\xFF\xFE" || line.substr(0, 2) == "\xFE\xFF")
    throw FormatError(path(), "line 1", "is UTF-16: convert the file to UTF-8 (iconv -f UTF-16 -t UTF-8)");
  if (line.find('\r') != std::string_view::npos)
    throw FormatError(
        path(), "line 1",
        "has carriage returns (CR) for line ends, as old Macintosh files: convert them to newlines "
        "(tr '\\r' '\\n')");
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;
  for (;;) {
    const char* start = buffer_.data() + begin_;
    const void* found = std::memchr(start + searched, '\n', end_ - begin_ - searched);
    std::size_t length = 0, used = 0;
    if (found) {
      length = static_cast<std::size_t>(static_cast<const char*>(found) - start);
      used = length + 1;
    } else {
      searched = end_ - begin_;
      if (fill()) continue;
      if (begin_ == end_) return false;
      start = buffer_.data() + begin_;
      length = used = end_ - begin_;
    }
    begin_ += used;
    ++number_;
    if (length > 0 && start[length - 1] == '\r') --length;
    line = std::string_view(start, length);
    if (number_ == 1) check_first(line);
    return true;
  }
}

std::uint64_t LineReader::remaining() const {
  const std::uint64_t rest = input_.remaining(), here = end_ - begin_;
  return rest > std::numeric_limits<std::uint64_t>::max() - here ? rest : rest + here;
}

}  // namespace cartan::data
