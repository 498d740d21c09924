#pragma once
/// Texts of files.

#include <string_view>

namespace cartan::data {

/// True when the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
/// @param at  where not null, gets the offset of the first byte that is not
bool is_utf8(std::string_view bytes, std::size_t* at = nullptr);

}  // namespace cartan::data
