#pragma once
/// The words of strangers, made fit for a terminal and for JSON.

#include <string>
#include <string_view>

namespace cartan {

/// Control bytes, and bytes that are no UTF-8, as "\x1b"; everything else as it is.
std::string printable(std::string_view words);
/// The first byte that is no UTF-8, or belongs to a control character beyond ASCII; npos where all are well.
std::size_t first_not_utf8(std::string_view words);

}  // namespace cartan
