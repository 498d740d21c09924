#pragma once
// A line as the words between its blanks and tabs.

#include <string_view>
#include <vector>

namespace cartan::data {

inline std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t at = line.find_first_not_of(" \t"); at != std::string_view::npos;) {
    const std::size_t found = line.find_first_of(" \t", at), end = found < line.size() ? found : line.size();
    out.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return out;
}

}  // namespace cartan::data
