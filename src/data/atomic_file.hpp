#pragma once
/// A file that appears whole or not at all.

#include <cstddef>
#include <string>

namespace cartan::data {

/// Writes beside `path` and renames over it at commit(), after the bytes have reached the disk. Without a
/// commit the temporary file is removed and an older file of that name stays as it was. A symbolic link is
/// followed, also one that leads nowhere yet; the permissions of an older file are kept. Temporary files that
/// processes no longer alive have left beside `path` are removed. Every member throws IoError.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  int fd() const { return fd_; }
  void write(const void* bytes, std::size_t count);
  void commit();

 private:
  std::string path_, temporary_;
  int fd_ = -1;
};

/// The text of an errno.
std::string errno_text(int error);
/// Makes the names in the folder of `path` durable.
void sync_folder_of(const std::string& path);

}  // namespace cartan::data
