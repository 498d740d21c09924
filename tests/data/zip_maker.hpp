#pragma once
// Zip archives made by hand, right and wrong ones.

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cartan::testing {

inline std::string number(std::uint64_t value, int width) {
  std::string out;
  for (int k = 0; k < width; ++k, value >>= 8) out += static_cast<char>(value & 255);
  return out;
}

struct Entry {
  std::string name, bytes;
  std::uint64_t size = 0;  // unpacked
  std::uint32_t crc = 0;
  int method = 0, flags = 0;
  std::int64_t offset = -1;  // of its local header; -1: it has one of its own
};

inline Entry stored(const std::string& name, const std::string& bytes) {
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  return {name, bytes, bytes.size(), static_cast<std::uint32_t>(crc)};
}

inline Entry deflated(const std::string& name, const std::string& bytes) {
  Entry e = stored(name, bytes);
  e.method = 8;
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
  e.bytes.resize(bytes.size() + 100);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(e.bytes.data());
  stream.avail_out = static_cast<uInt>(e.bytes.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  e.bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return e;
}

inline std::string common(const Entry& e) {
  return number(20, 2) + number(e.flags, 2) + number(e.method, 2) + number(0x210000, 4) + number(e.crc, 4) +
         number(e.bytes.size(), 4) + number(e.size, 4) + number(e.name.size(), 2) + number(0, 2);
}

inline std::string local(const Entry& e) {
  return "PK\3\4" + common(e) + e.name + e.bytes;
}

inline std::string zip(const std::vector<Entry>& entries) {
  std::string body, directory;
  for (const Entry& e : entries) {
    const std::uint64_t at = e.offset < 0 ? body.size() : e.offset;
    if (e.offset < 0) body += local(e);
    directory += "PK\1\2" + number(20, 2) + common(e) + number(0, 10) + number(at, 4) + e.name;
  }
  return body + directory + "PK\5\6" + number(0, 4) + number(entries.size(), 2) + number(entries.size(), 2) +
         number(directory.size(), 4) + number(body.size(), 4) + number(0, 2);
}

}  // namespace cartan::testing
