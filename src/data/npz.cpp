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

constexpr std::uint32_t end_signature = 0x06054b50, end64_signature = 0x06064b50,
                        locator64_signature = 0x07064b50;
constexpr std::uint32_t entry_signature = 0x02014b50, local_signature = 0x04034b50;
constexpr std::uint64_t unknown32 = 0xffffffff;

// Little-endian numbers of a byte string, with bounds.
class Bytes {
 public:
  Bytes(const unsigned char* data, std::size_t size) : data_(data), size_(size) {}
  std::size_t size() const { return size_; }
  bool holds(std::size_t at, std::size_t count) const { return at <= size_ && count <= size_ - at; }
  std::uint64_t get(std::size_t at, int width) const {
    std::uint64_t value = 0;
    for (int k = width; k-- > 0;) value = value << 8 | data_[at + static_cast<std::size_t>(k)];
    return value;
  }
  std::uint32_t u32(std::size_t at) const { return static_cast<std::uint32_t>(get(at, 4)); }
  std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(get(at, 2)); }
  std::string string(std::size_t at, std::size_t n) const {
    return {reinterpret_cast<const char*>(data_) + at, n};
  }

 private:
  const unsigned char* data_;
  std::size_t size_;
};

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

bool inflate_all(const std::vector<unsigned char>& packed, std::vector<unsigned char>& out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::size_t in = 0, done = 0;
  unsigned char nothing = 0;
  int status = Z_OK;
  do {
    const std::size_t n = std::min(packed.size() - in, std::size_t{1} << 30);
    const std::size_t room = std::min(out.size() - done, std::size_t{1} << 30);
    stream.next_in = const_cast<Bytef*>(packed.data() + in);
    stream.avail_in = static_cast<uInt>(n);
    stream.next_out = room ? out.data() + done : &nothing;
    stream.avail_out = room ? static_cast<uInt>(room) : 1;
    status = inflate(&stream, Z_NO_FLUSH);
    in += n - stream.avail_in;
    if (room)
      done += room - stream.avail_out;
    else if (stream.avail_out == 0)
      status = Z_DATA_ERROR;  // more than the directory says
    if (status == Z_OK && in == packed.size() && stream.avail_out > 0) status = Z_DATA_ERROR;
  } while (status == Z_OK);
  inflateEnd(&stream);
  return status == Z_STREAM_END && done == out.size() && in == packed.size();
}

}  // namespace

NpzReader::NpzReader(const std::string& path) : file_(path) {
  read_directory();
}

void NpzReader::read_directory() {
  const auto damaged = [&](const std::string& what) {
    throw FormatError(file_.path(), "zip directory", what);
  };
  const std::uint64_t size = file_.size();
  std::vector<unsigned char> tail(std::min<std::uint64_t>(size, 65536 + 22 + 20));
  const std::uint64_t tail_start = size - tail.size();
  file_.read_at(tail_start, tail.data(), tail.size());
  const Bytes end(tail.data(), tail.size());
  std::size_t at = tail.size() < 22 ? 0 : tail.size() - 22 + 1;
  while (at > 0 && !(end.u32(at - 1) == end_signature && at - 1 + 22 + end.u16(at - 1 + 20) == tail.size()))
    --at;
  if (at-- == 0) damaged("not a zip archive, or truncated: it has no end of directory");

  std::uint64_t count = end.u16(at + 10), length = end.u32(at + 12), start = end.u32(at + 16);
  if (end.u16(at + 4) != 0 && end.u16(at + 4) != 0xffff) damaged("archives of several parts cannot be read");
  if (at >= 20 && end.u32(at - 20) == locator64_signature) {
    unsigned char record[56];
    const std::uint64_t where = end.get(at - 20 + 8, 8);
    if (where > size || size - where < sizeof record) damaged("the zip64 record lies outside the file");
    file_.read_at(where, record, sizeof record);
    const Bytes r(record, sizeof record);
    if (r.u32(0) != end64_signature) damaged("the zip64 record is damaged");
    count = r.get(32, 8);
    length = r.get(40, 8);
    start = r.get(48, 8);
  }
  if (start > size || length > size - start || count > length / 46 || length > (std::uint64_t{1} << 30))
    damaged("it lies outside the file");

  std::vector<unsigned char> directory(length);
  file_.read_at(start, directory.data(), directory.size());
  const Bytes d(directory.data(), directory.size());
  std::set<std::string> seen;
  for (std::size_t p = 0; count-- > 0;) {
    if (!d.holds(p, 46) || d.u32(p) != entry_signature) damaged("an entry is damaged");
    const std::size_t name_length = d.u16(p + 28), extra_length = d.u16(p + 30),
                      comment_length = d.u16(p + 32);
    if (!d.holds(p + 46, name_length + extra_length + comment_length)) damaged("an entry is truncated");
    Member m;
    m.name = d.string(p + 46, name_length);
    m.method = d.u16(p + 10);
    m.crc = d.u32(p + 16);
    m.packed = d.u32(p + 20);
    m.size = d.u32(p + 24);
    m.offset = d.u32(p + 42);
    if (d.u16(p + 8) & 1) damaged(m.name + " is encrypted");
    for (std::size_t x = p + 46 + name_length, last = x + extra_length; x + 4 <= last;) {
      const std::size_t field = d.u16(x + 2), field_end = x + 4 + field;
      if (field_end > last) damaged("the entry of " + m.name + " is damaged");
      std::size_t y = x + 4;
      if (d.u16(x) == 1)
        for (std::uint64_t* value : {&m.size, &m.packed, &m.offset})
          if (*value == unknown32 && y + 8 <= field_end) {
            *value = d.get(y, 8);
            y += 8;
          }
      x = field_end;
    }
    p += 46 + name_length + extra_length + comment_length;
    if (!m.name.empty() && m.name.back() == '/') continue;
    if (m.name.size() > 4 && m.name.compare(m.name.size() - 4, 4, ".npy") == 0)
      m.name.resize(m.name.size() - 4);
    if (!seen.insert(m.name).second) damaged("the name " + m.name + " stands twice");
    members_.push_back(std::move(m));
  }
}

std::vector<std::string> NpzReader::names() const {
  std::vector<std::string> out;
  for (const auto& m : members_) out.push_back(m.name);
  return out;
}

bool NpzReader::has(const std::string& name) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
}

const NpzReader::Member& NpzReader::find(const std::string& name) const {
  for (const auto& m : members_)
    if (m.name == name) return m;
  throw FormatError(file_.path(), name, "there is no array of this name");
}

std::vector<unsigned char> NpzReader::unpack(const Member& m) const {
  const auto damaged = [&](const std::string& what) { throw FormatError(file_.path(), m.name, what); };
  if (m.method != 0 && m.method != 8)
    damaged(text("compression method ", m.method, " is not known (stored and deflated are)"));
  unsigned char local[30];
  if (m.offset > file_.size() || file_.size() - m.offset < sizeof local) damaged("lies outside the file");
  file_.read_at(m.offset, local, sizeof local);
  const Bytes l(local, sizeof local);
  if (l.u32(0) != local_signature) damaged("its local header is damaged");
  const std::uint64_t start = m.offset + 30 + l.u16(26) + l.u16(28);
  if (start > file_.size() || m.packed > file_.size() - start) damaged("it is truncated");
  // Deflate packs at most 1032 to 1, which bounds what a damaged size can make us allocate.
  if (m.method == 0 ? m.size != m.packed : m.size / 1032 > m.packed + 64) damaged("its sizes do not agree");
  std::vector<unsigned char> packed(m.packed);
  file_.read_at(start, packed.data(), packed.size());
  std::vector<unsigned char> out;
  if (m.method == 0) {
    out = std::move(packed);
  } else {
    out.resize(m.size);
    if (!inflate_all(packed, out)) damaged("the compressed data are damaged");
  }
  if (crc_of(0, out.data(), out.size()) != m.crc)
    damaged("the checksum (CRC-32) is wrong: the data are damaged");
  return out;
}

Array NpzReader::read(const std::string& name) const {
  auto bytes = unpack(find(name));
  const NpyHeader header = parse_npy_header(file_.path(), name, bytes.data(),
                                            std::min(bytes.size(), npy_longest_header), bytes.size());
  return npy_elements(file_.path(), name, header, bytes.data() + header.data_offset);
}

std::string NpzReader::read_text(const std::string& name) const {
  const auto bytes = unpack(find(name));
  const NpyHeader h = parse_npy_header(file_.path(), name, bytes.data(),
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
