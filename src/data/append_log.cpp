#include "data/append_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cartan/core/error.hpp"
#include "data/atomic_file.hpp"
#include "data/hdf5_digest.hpp"

namespace cartan::data {

/// Records lie at multiples of 8. `position` is the record's own, so that no copy of a record, in the payload
/// of another or left from before, is taken for one.
struct AppendLog::Head {
  std::uint32_t magic = 0x474f4c43;  // "CLOG"
  Record kind = Record::commit;
  std::uint64_t tag = 0;
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  std::uint64_t payload_digest = 0;
  std::uint64_t digest = 0;  // of the fields above

  std::uint64_t own_digest() const { return digest_of(this, offsetof(Head, digest)); }
  std::uint64_t next() const { return position + sizeof(Head) + (bytes + 7) / 8 * 8; }
};

AppendLog::AppendLog(const std::string& path) : path_(path) {
  static_assert(sizeof(Head) == 48);
  // A link under this name would lead to a file that is not ours.
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd_ < 0 && errno == ELOOP)
    throw IoError(path, "is a symbolic link, where Cartan keeps a log: remove it");
  if (fd_ < 0) throw IoError(path, "cannot be written: " + errno_text(errno));
  struct stat info {};
  std::string problem;
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode))
    problem = "is not a regular file";
  else if (info.st_nlink > 1)
    problem = "has another name (a hard link), where Cartan keeps a log: remove it";
  // Advisory: a file system without locks is used without.
  else if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    problem = "is being written by another process";
  // Between open and lock another writer may have finished and removed it.
  else if (::fstat(fd_, &info) != 0 || info.st_nlink == 0)
    problem = "was being written by another process";
  if (problem.empty()) return;
  ::close(fd_);
  throw IoError(path, problem);
}

AppendLog::~AppendLog() {
  if (fd_ >= 0) ::close(fd_);
}

bool AppendLog::get(std::uint64_t position, void* to, std::size_t bytes) const {
  char* p = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, p, std::min(bytes, std::size_t{1} << 30), static_cast<off_t>(position));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw IoError(path_, "cannot be read: " + errno_text(errno));
    if (n == 0) return false;
    p += n;
    position += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

void AppendLog::put(std::uint64_t position, const void* from, std::size_t bytes) {
  const char* p = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t n = ::pwrite(fd_, p, std::min(bytes, std::size_t{1} << 30), static_cast<off_t>(position));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw IoError(path_, "cannot be written: " + errno_text(errno));
    p += n;
    position += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

bool AppendLog::read_head(std::uint64_t position, Head& head) const {
  return get(position, &head, sizeof head) && head.magic == Head{}.magic && head.position == position &&
         head.digest == head.own_digest();
}

std::uint64_t AppendLog::file_size() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) throw IoError(path_, "cannot be read: " + errno_text(errno));
  return static_cast<std::uint64_t>(info.st_size);
}

bool AppendLog::read_payload(const Head& head, std::vector<char>& payload) const {
  if (head.bytes > file_size()) return false;
  payload.resize(head.bytes);
  return get(head.position + sizeof head, payload.data(), payload.size()) &&
         digest_of(payload.data(), payload.size()) == head.payload_digest;
}

std::vector<char> AppendLog::read(std::uint64_t position) const {
  Head head;
  std::vector<char> payload;
  if (!read_head(position, head) || !read_payload(head, payload))
    throw FormatError(path_, text("byte ", position), "the checksum is wrong: the file is damaged");
  return payload;
}

bool AppendLog::commit_after(std::uint64_t position, std::uint64_t size) const {
  constexpr std::size_t window = std::size_t{1} << 20;
  std::vector<char> buffer(std::min<std::uint64_t>(window + sizeof(Head), size));
  for (; position + sizeof(Head) <= size; position += window) {
    const std::size_t count = std::min<std::uint64_t>(buffer.size(), size - position);
    if (!get(position, buffer.data(), count)) return false;
    for (std::size_t i = 0; i + sizeof(Head) <= count; i += 8) {
      Head head;
      std::memcpy(&head, buffer.data() + i, sizeof head);
      if (head.magic == Head{}.magic && head.kind == Record::commit && head.position == position + i &&
          head.digest == head.own_digest())
        return true;
    }
  }
  return false;
}

bool AppendLog::replay(const Visit& visit) {
  const std::uint64_t size = file_size();
  // A commit is written when its records are on the disk, so that before one nothing may be damaged.
  std::uint64_t committed = 0;
  std::vector<Entry> entries;
  std::vector<char> payload;
  Head head;
  for (std::uint64_t at = 0;; at = head.next()) {
    if (!read_head(at, head) || !read_payload(head, payload)) {
      if (commit_after(at, size))
        throw FormatError(path_, text("byte ", at), "the checksum is wrong: the file is damaged");
      break;
    }
    entries.push_back({head.kind, head.tag, at, head.bytes});
    if (head.kind == Record::commit) committed = head.next();
  }
  for (const Entry& entry : entries)
    if (entry.position < committed) visit(entry);
  if (::ftruncate(fd_, static_cast<off_t>(committed)) != 0)
    throw IoError(path_, "cannot be written: " + errno_text(errno));
  end_ = committed;
  named_ = committed > 0;
  return committed > 0;
}

void AppendLog::clear() {
  if (::ftruncate(fd_, 0) != 0) throw IoError(path_, "cannot be written: " + errno_text(errno));
  end_ = 0;
}

std::uint64_t AppendLog::append(Record kind, std::uint64_t tag, const void* payload, std::size_t bytes) {
  Head head;
  head.kind = kind;
  head.tag = tag;
  head.position = end_;
  head.bytes = bytes;
  head.payload_digest = digest_of(payload, bytes);
  head.digest = head.own_digest();
  put(end_, &head, sizeof head);
  put(end_ + sizeof head, payload, bytes);
  const std::uint64_t zeros = 0;
  put(end_ + sizeof head + bytes, &zeros, head.next() - (end_ + sizeof head + bytes));
  return std::exchange(end_, head.next());
}

void AppendLog::commit() {
  const auto sync = [&] {
    if (::fsync(fd_) != 0) throw IoError(path_, "cannot be written to the disk: " + errno_text(errno));
  };
  sync();
  append(Record::commit, 0, nullptr, 0);
  sync();
  if (!named_) sync_folder_of(path_);
  named_ = true;
}

void AppendLog::remove() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
}

}  // namespace cartan::data
