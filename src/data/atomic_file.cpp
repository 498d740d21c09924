#include "data/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
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

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  require(!path.empty(), "[save] empty file name");
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored)) {
    const auto target = std::filesystem::canonical(path, ignored);
    if (!ignored) path_ = target.string();
  }
  struct stat old {};
  const bool exists = ::stat(path_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) throw IoError(path_, "is not a regular file");

  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; fd_ < 0; ++attempt) {
    temporary_ = text(path_, ".tmp.", ::getpid(), ".", counter++);
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && (errno != EEXIST || attempt > 100))
      throw IoError(path_, "cannot be written: " + errno_text(errno));
  }
  if (exists) ::fchmod(fd_, old.st_mode & 07777);
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
