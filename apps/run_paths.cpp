#include "run_paths.hpp"

#include <cartan/core/error.hpp>
#include <cstdlib>
#include <filesystem>

namespace cartan::app {

namespace fs = std::filesystem;

std::string absolute(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

namespace {

// $NAME and ${NAME} of the environment, so that a run file can say $CARTAN_DATA; $$ is a dollar.
std::string with_environment(const std::string& path) {
  static constexpr const char* letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  std::string out;
  for (std::size_t k = 0; k < path.size(); ++k) {
    if (path[k] != '$' || k + 1 == path.size()) {
      out += path[k];
      continue;
    }
    const bool braces = path[k + 1] == '{';
    const std::size_t begin = k + (braces ? 2 : 1);
    const std::size_t end =
        std::min(braces ? path.find('}', begin) : path.find_first_not_of(letters, begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    if (path[begin] == '$' && !braces) {
      out += '$';
      ++k;
    } else if (name.empty()) {
      out += '$';
    } else {
      const char* value = std::getenv(name.c_str());
      require(value != nullptr, "[run] the environment has no ", name, ", which '", path,
              "' names; a dollar reads $$");
      out += value;
      k = end - (braces ? 0 : 1);
    }
  }
  return out;
}
}  // namespace

std::string with_dollars(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '$' ? "$$" : std::string(1, c);
  return out;
}

void locate(const std::string& run_file, const std::vector<Override>& overrides, const std::string& key,
            std::string& path) {
  if (path.empty()) return;
  bool typed = false;
  for (const Override& o : overrides) typed = typed || o.key == key;
  if (!typed) path = with_environment(path);
  const fs::path beside = fs::path(run_file).parent_path() / path;
  const fs::path first = typed ? fs::path(path) : beside, second = typed ? beside : fs::path(path);
  path = absolute((fs::exists(first) || !fs::exists(second) ? first : second).string());
}

}  // namespace cartan::app
