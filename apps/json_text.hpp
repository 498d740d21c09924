#pragma once
// JSON for standard output and files.

#include <nlohmann/json.hpp>

#include <string>

namespace cartan::app {

/// Indented by two blanks. Bytes that are not UTF-8 (names of files, keys of old files) become U+FFFD: what
/// is printed is JSON whatever the input.
template <class Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cartan::app
