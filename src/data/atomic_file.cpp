#include "data/atomic_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include "cartan/core/error.hpp"

namespace cartan::data {

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

void sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // a folder that may be written but not read
  ::fsync(fd);         // some file systems refuse this; the rename stands all the same
  ::close(fd);
}

namespace {

namespace fs = std::filesystem;

// Where symbolic links lead, whether something is there or not.
std::string followed(const std::string& path) {
  fs::path at = path;
  std::error_code error;
  for (int k = 0; fs::is_symlink(fs::symlink_status(at, error)); ++k) {
    if (k == 40) throw IoError(path, "is a symbolic link that leads in a circle, or through too many others");
    const fs::path target = fs::read_symlink(at, error);
    if (error) throw IoError(path, "is a symbolic link that cannot be read: " + error.message());
    at = target.is_absolute() ? target : at.parent_path() / target;
  }
  return at.string();
}

// The number that a name ends in after `.`; -1 when it does not.
long number_after(std::string& name, char mark) {
  const auto at = name.rfind(mark);
  if (at == std::string::npos || at + 1 == name.size() || name.size() - at > 12) return -1;
  for (std::size_t k = at + 1; k < name.size(); ++k)
    if (name[k] < '0' || name[k] > '9') return -1;
  const long number = std::stol(name.substr(at + 1));
  name.resize(at);
  return number;
}

// Removes `path`.tmp.PID.N of processes that are no more. A file that is being written is locked by its
// writer, which may run on another machine; one that was made just now may not be locked yet.
void remove_leftovers(const std::string& path) {
  const fs::path whole(path), folder = whole.has_parent_path() ? whole.parent_path() : fs::path(".");
  const std::string prefix = whole.filename().string() + ".tmp";
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.rfind(prefix + ".", 0) != 0) continue;
    const long count = number_after(name, '.'), pid = number_after(name, '.');
    if (name != prefix || count < 0 || pid <= 0) continue;
    if (::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH) continue;
    const std::string file = it->path().string();
    const int fd = ::open(file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    struct stat info {};
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && std::time(nullptr) - info.st_mtime >= 1 &&
        ::flock(fd, LOCK_EX | LOCK_NB) == 0)
      ::unlink(file.c_str());
    ::close(fd);
  }
}

// Once a process and file: a folder may hold many files.
bool first_time(const std::string& path) {
  static std::mutex mutex;
  static auto* seen = new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(mutex);
  return seen->insert(path).second;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(followed(path)) {
  require(!path.empty(), "[save] empty file name");
  struct stat old {};
  const bool exists = ::stat(path_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) throw IoError(path_, "is not a regular file");

  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; fd_ < 0; ++attempt) {
    temporary_ = text(path_, ".tmp.", ::getpid(), ".", counter++);
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd_ < 0 && (errno != EEXIST || attempt > 100))
      throw IoError(path_, "cannot be written: " + errno_text(errno));
  }
  ::flock(fd_, LOCK_EX | LOCK_NB);  // tells others that it is alive; a file system may have no locks
  if (exists) ::fchmod(fd_, old.st_mode & 07777);
  if (first_time(path_)) remove_leftovers(path_);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const char* p = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t n = ::write(fd_, p, count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw IoError(path_, "cannot be written: " + errno_text(errno));
    p += n;
    count -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) throw IoError(path_, "cannot be written to the disk: " + errno_text(errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw IoError(path_, "cannot be replaced: " + errno_text(errno));
  ::close(fd_);
  fd_ = -1;
  sync_folder_of(path_);
}

}  // namespace cartan::data
