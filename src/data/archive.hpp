#pragma once
// Zip archives: .npz, and the files of PyTorch.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cartan::data {

/// A zip archive open for reading (libzip): members stored or deflated, zip64 too. Its directory must agree
/// with the headers of the members, no two members may share bytes, none may be encrypted or claim more than
/// deflate can pack, so that all members together are at most 1032 times the file. Throws IoError and
/// FormatError, which names the member.
class Archive {
 public:
  explicit Archive(const std::string& path);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  struct Member {
    std::string name;
    std::uint64_t size = 0, packed = 0;  ///< bytes, unpacked and in the file
  };
  const std::string& path() const { return path_; }
  /// In the order of the archive; folders are left out.
  const std::vector<Member>& members() const { return members_; }
  bool has(const std::string& name) const { return index_.count(name) > 0; }
  /// Unpacks and checks (CRC-32) one member; one of more than `limit` bytes is refused before anything is
  /// allocated. One thread at a time.
  std::vector<unsigned char> read(const std::string& name, std::uint64_t limit = ~std::uint64_t{0}) const;

 private:
  struct Zip;
  struct Entry {
    std::uint64_t number = 0;  // in the archive
    std::size_t member = 0;
  };
  std::string path_;
  std::unique_ptr<Zip> zip_;
  std::vector<Member> members_;
  std::map<std::string, Entry> index_;
};

}  // namespace cartan::data
