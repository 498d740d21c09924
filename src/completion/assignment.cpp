#include "completion/assignment.hpp"

#include <cstddef>
#include <limits>

namespace cartan::completion {

std::vector<std::size_t> least_assignment(const std::vector<double>& cost, std::size_t n) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  // rows and columns from 1; 0 is the column that a row starts from
  std::vector<double> u(n + 1, 0.0), v(n + 1, 0.0);
  std::vector<std::size_t> row_of(n + 1, 0), way(n + 1, 0);
  for (std::size_t i = 1; i <= n; ++i) {
    row_of[0] = i;
    std::size_t j = 0;
    std::vector<double> least(n + 1, infinite);
    std::vector<bool> used(n + 1, false);
    do {
      used[j] = true;
      const std::size_t row = row_of[j];
      double delta = infinite;
      std::size_t next = 0;
      for (std::size_t c = 1; c <= n; ++c) {
        if (used[c]) continue;
        const double reduced = cost[(row - 1) * n + c - 1] - u[row] - v[c];
        if (reduced < least[c]) least[c] = reduced, way[c] = j;
        if (least[c] < delta) delta = least[c], next = c;
      }
      for (std::size_t c = 0; c <= n; ++c)
        if (used[c])
          u[row_of[c]] += delta, v[c] -= delta;
        else
          least[c] -= delta;
      j = next;
    } while (row_of[j] != 0);
    for (; j != 0; j = way[j]) row_of[j] = row_of[way[j]];
  }
  std::vector<std::size_t> column(n);
  for (std::size_t c = 1; c <= n; ++c) column[row_of[c] - 1] = c - 1;
  return column;
}

}  // namespace cartan::completion
