#pragma once
/// Numbers, texts and attributes as bytes of a record, and back.

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "cartan/data/group.hpp"

namespace cartan::data {

struct Packer {
  std::vector<char> bytes;
  void raw(const void* p, std::size_t n) {
    const char* c = static_cast<const char*>(p);
    bytes.insert(bytes.end(), c, c + n);
  }
  void add(std::int64_t v) { raw(&v, sizeof v); }
  void add(double v) { raw(&v, sizeof v); }
  void add(const std::string& v) {
    add(static_cast<std::int64_t>(v.size()));
    raw(v.data(), v.size());
  }
  template <class T>
  void add(const std::vector<T>& v) {
    add(static_cast<std::int64_t>(v.size()));
    for (const T& x : v) add(x);
  }
};

/// Throws std::length_error where the bytes do not hold what is asked for.
struct Unpacker {
  const std::vector<char>& bytes;
  std::size_t at = 0;
  void raw(void* p, std::size_t n) {
    if (n > bytes.size() - at) throw std::length_error("record");
    if (n > 0) std::memcpy(p, bytes.data() + at, n);
    at += n;
  }
  void get(std::int64_t& v) { raw(&v, sizeof v); }
  void get(double& v) { raw(&v, sizeof v); }
  std::size_t length() {
    std::int64_t n = 0;
    get(n);
    if (n < 0 || static_cast<std::size_t>(n) > bytes.size() - at) throw std::length_error("record");
    return static_cast<std::size_t>(n);
  }
  void get(std::string& v) {
    v.resize(length());
    raw(v.data(), v.size());
  }
  template <class T>
  void get(std::vector<T>& v) {
    v.resize(length());
    for (T& x : v) get(x);
  }
};

template <std::size_t I = 0>
Attribute unpack_attribute(Unpacker& in, std::size_t index) {
  if constexpr (I < std::variant_size_v<Attribute>) {
    if (index != I) return unpack_attribute<I + 1>(in, index);
    std::variant_alternative_t<I, Attribute> value{};
    in.get(value);
    return value;
  } else {
    throw std::length_error("record");
  }
}

}  // namespace cartan::data
