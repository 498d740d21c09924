// The memory that a process may use.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "cartan/core/memory.hpp"

namespace cartan {
namespace {

// The limit of a control group, version 2 or 1; a file without a number ("max") is none.
void lower_to_file(std::size_t& bytes, const std::string& path) {
  std::uint64_t limit = 0;
  if (std::ifstream(path) >> limit) bytes = std::min<std::size_t>(bytes, limit);
}

// Those of this process's group and of the groups around it.
void lower_to_groups(std::size_t& bytes) {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // number:controllers:/path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool second_version = controllers.empty();
    if (!second_version && controllers.find("memory") == line.npos) continue;
    const std::string root = second_version ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const char* file = second_version ? "/memory.max" : "/memory.limit_in_bytes";
    for (std::string at = line.substr(second + 1);; at.resize(at.rfind('/'))) {
      if (at == "/") at.clear();
      lower_to_file(bytes, root + at + file);
      if (at.empty() || at.rfind('/') == at.npos) break;
    }
  }
}

}  // namespace

std::size_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  std::size_t bytes = pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page)
                                            : std::size_t{1} << 40;
  lower_to_groups(bytes);
  for (const auto kind : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (::getrlimit(kind, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
      bytes = std::min<std::size_t>(bytes, limit.rlim_cur);
  }
  return bytes;
}

}  // namespace cartan
