#pragma once
// What a text must be before toml++ (3.3) may see it.

#include <string>

namespace cartan::app {

/// toml++ takes for granted what nothing has checked: characters beyond ASCII outside of strings and
/// comments, a header that begins with none of the characters of a key, a list closed by a brace and dates
/// that are none are undefined behaviour or a failed assertion in it; keys of very many parts exhaust the
/// stack. Whatever could be any of them is refused, dates and times altogether. Throws FormatError naming the
/// line; `path` is the file's name.
void check_toml_text(const std::string& content, const std::string& path);

}  // namespace cartan::app
