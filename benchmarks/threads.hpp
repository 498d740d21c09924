#pragma once
// Thread counts to measure: 1, 2, 4 ... up to what the library uses by itself (OMP_NUM_THREADS or all cores).

#include <cstdint>
#include <vector>

#include <cartan/core/parallel.hpp>

inline std::vector<std::int64_t> thread_counts() {
  std::vector<std::int64_t> counts{1};
  while (2 * counts.back() <= cartan::threads()) counts.push_back(2 * counts.back());
  return counts;
}
