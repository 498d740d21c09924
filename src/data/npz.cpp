// .npz: a zip archive (PKWARE APPNOTE 6.3) of .npy members.

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/atomic_file.hpp"
#include "data/npy.hpp"

namespace cartan::data {
namespace {

// The archive is written by hand: members stored as they are need little more than the two headers below, go
// straight to the disk behind the temporary name, and make the same bytes whatever the version of a library.
constexpr std::uint32_t end_signature = 0x06054b50, end64_signature = 0x06064b50,
                        locator64_signature = 0x07064b50;
constexpr std::uint32_t entry_signature = 0x02014b50, local_signature = 0x04034b50;
constexpr std::uint64_t unknown32 = 0xffffffff;

void put(std::string& out, std::uint64_t value, int width) {
  for (int k = 0; k < width; ++k) out += static_cast<char>(value >> 8 * k & 255);
}

std::uint32_t crc_of(std::uint32_t crc, const void* data, std::size_t size) {
  const auto* p = static_cast<const Bytef*>(data);
  while (size > 0) {
    const std::size_t n = std::min(size, std::size_t{1} << 30);
    crc = static_cast<std::uint32_t>(crc32(crc, p, static_cast<uInt>(n)));
    p += n;
    size -= n;
  }
  return crc;
}

}  // namespace

NpzReader::NpzReader(const std::string& path) : archive_(path) {
  for (const auto& member : archive_.members()) {
    std::string name = member.name;
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0) name.resize(name.size() - 4);
    if (!members_.emplace(name, member.name).second)
      throw FormatError(path, "zip directory", "the name " + name + " stands twice");
    names_.push_back(std::move(name));
  }
}

std::vector<unsigned char> NpzReader::unpack(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) throw FormatError(archive_.path(), name, "there is no array of this name");
  return archive_.read(found->second);
}

Array NpzReader::read(const std::string& name) const {
  auto bytes = unpack(name);
  const NpyHeader header = parse_npy_header(archive_.path(), name, bytes.data(),
                                            std::min(bytes.size(), npy_longest_header), bytes.size());
  return npy_elements(archive_.path(), name, header, bytes.data() + header.data_offset);
}

std::string NpzReader::read_text(const std::string& name) const {
  const auto bytes = unpack(name);
  const NpyHeader h = parse_npy_header(archive_.path(), name, bytes.data(),
                                       std::min(bytes.size(), npy_longest_header), bytes.size());
  std::string out;
  if ((h.kind != 'U' && h.kind != 'S') || h.data_bytes() < h.element_bytes()) return out;
  const std::size_t unit = h.kind == 'U' ? 4 : 1;
  for (std::size_t i = 0; i < h.width; ++i) {
    const unsigned char c = bytes[h.data_offset + i * unit + (unit == 4 && h.order == '>' ? 3 : 0)];
    if (c) out += static_cast<char>(c);
  }
  return out;
}

std::vector<std::pair<std::string, Array>> read_npz(const std::string& path) {
  const NpzReader reader(path);
  std::vector<std::pair<std::string, Array>> out;
  for (const auto& name : reader.names()) out.emplace_back(name, reader.read(name));
  return out;
}

void write_npz(const std::string& path, const std::vector<std::pair<std::string, Array>>& arrays) {
  constexpr std::uint64_t day = 0x21;  // 1 January 1980: the same arrays make the same bytes
  AtomicFile file(path);
  std::string directory;
  std::set<std::string> seen;
  std::uint64_t offset = 0;
  for (const auto& [name, array] : arrays) {
    require(seen.insert(name).second && !name.empty() && name.size() < 60000, "[write_npz] the name '", name,
            "' is empty, too long or given twice");
    const std::string header = npy_header_for(array), file_name = name + ".npy";
    const std::uint64_t size = header.size() + array.bytes();
    const std::uint32_t crc = crc_of(crc_of(0, header.data(), header.size()), array.raw(), array.bytes());
    const bool big = size >= unknown32, far = offset >= unknown32;
    std::string common;  // what both headers share, from "version needed" to the sizes
    put(common, 45, 2);
    put(common, 0x800, 2);  // names are UTF-8
    put(common, 0, 2);      // stored
    put(common, day << 16, 4);
    put(common, crc, 4);
    put(common, big ? unknown32 : size, 4);
    put(common, big ? unknown32 : size, 4);
    put(common, file_name.size(), 2);

    std::string local;
    put(local, local_signature, 4);
    local += common;
    put(local, big ? 20 : 0, 2);
    local += file_name;
    if (big) {
      put(local, 1, 2);
      put(local, 16, 2);
      put(local, size, 8);
      put(local, size, 8);
    }
    file.write(local.data(), local.size());
    file.write(header.data(), header.size());
    file.write(array.raw(), array.bytes());

    std::string extra;
    if (big) {
      put(extra, size, 8);
      put(extra, size, 8);
    }
    if (far) put(extra, offset, 8);
    put(directory, entry_signature, 4);
    put(directory, 45, 2);
    directory += common;
    put(directory, extra.empty() ? 0 : extra.size() + 4, 2);
    put(directory, 0, 2);  // comment
    put(directory, 0, 2);  // part
    put(directory, 0, 2);  // internal attributes
    put(directory, 0, 4);  // external attributes
    put(directory, far ? unknown32 : offset, 4);
    directory += file_name;
    if (!extra.empty()) {
      put(directory, 1, 2);
      put(directory, extra.size(), 2);
      directory += extra;
    }
    offset += local.size() + size;
  }
  std::string end;
  const bool wide = offset >= unknown32 || directory.size() >= unknown32 || arrays.size() >= 0xffff;
  if (wide) {
    put(end, end64_signature, 4);
    put(end, 44, 8);
    put(end, 45, 2);
    put(end, 45, 2);
    put(end, 0, 8);
    put(end, arrays.size(), 8);
    put(end, arrays.size(), 8);
    put(end, directory.size(), 8);
    put(end, offset, 8);
    put(end, locator64_signature, 4);
    put(end, 0, 4);
    put(end, offset + directory.size(), 8);
    put(end, 1, 4);
  }
  put(end, end_signature, 4);
  put(end, 0, 4);
  put(end, wide ? 0xffff : arrays.size(), 2);
  put(end, wide ? 0xffff : arrays.size(), 2);
  put(end, wide ? unknown32 : directory.size(), 4);
  put(end, wide ? unknown32 : offset, 4);
  put(end, 0, 2);
  file.write(directory.data(), directory.size());
  file.write(end.data(), end.size());
  file.commit();
}

}  // namespace cartan::data
