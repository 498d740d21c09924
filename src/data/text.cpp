#include "cartan/data/text.hpp"

namespace cartan::data {

bool is_utf8(std::string_view bytes, std::size_t* at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (std::size_t i = 0; i < bytes.size();) {
    const unsigned char c = byte(i);
    // How many bytes follow, and the limits of the first of them (Unicode 15, table 3-7).
    const int more = c < 0x80                 ? 0
                     : c >= 0xc2 && c <= 0xdf ? 1
                     : c >= 0xe0 && c <= 0xef ? 2
                     : c >= 0xf0 && c <= 0xf4 ? 3
                                              : -1;
    const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    bool good = more >= 0 && i + static_cast<std::size_t>(more) < bytes.size();
    for (int k = 1; good && k <= more; ++k) {
      const unsigned char next = byte(i + static_cast<std::size_t>(k));
      good = k == 1 ? next >= low && next <= high : next >= 0x80 && next <= 0xbf;
    }
    if (!good) {
      if (at) *at = i;
      return false;
    }
    i += 1 + static_cast<std::size_t>(more);
  }
  return true;
}

}  // namespace cartan::data
