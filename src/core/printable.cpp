#include <algorithm>
#include <cstdio>

#include "cartan/core/printable.hpp"

namespace cartan {
namespace {

// Bytes of the UTF-8 character at the start of `words`; 0 where there is none, or one that is not shown:
// overlong forms, halves of surrogate pairs, the control characters U+0080 to U+009F.
std::size_t character(std::string_view words) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(words[k]); };
  const unsigned first = byte(0);
  if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || words.size() < size) return 0;
  unsigned code = first & (0xffu >> (size + 1));
  for (std::size_t k = 1; k < size; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(k) & 0x3f);
  }
  constexpr unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};
  if (code < least[size] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return 0;
  return size;
}

}  // namespace

std::string printable(std::string_view words) {
  std::string out;
  while (!words.empty()) {
    const std::size_t size = character(words);
    if (size > 0) {
      out += words.substr(0, size);
    } else {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(words[0]));
      out += code;
    }
    words.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::size_t first_not_utf8(std::string_view words) {
  for (std::size_t at = 0; at < words.size();) {
    const bool ascii = static_cast<unsigned char>(words[at]) < 0x80;
    const std::size_t size = ascii ? 1 : character(words.substr(at));
    if (size == 0) return at;
    at += size;
  }
  return words.npos;
}

}  // namespace cartan
