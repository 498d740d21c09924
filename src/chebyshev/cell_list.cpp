#include "chebyshev/cell_list.hpp"

#include <algorithm>
#include <cmath>

namespace cartan::chebyshev {

CellList::CellList(const double* positions, Index n, double radius) : radius_(radius) {
  for (std::size_t k = 0; k < 3; ++k) {
    double low = INFINITY, high = -INFINITY;
    for (Index i = 0; i < n; ++i) {
      low = std::min(low, positions[(3 * i) + k]);
      high = std::max(high, positions[(3 * i) + k]);
    }
    // Cells of half a radius, but not many more cells than points.
    const double most = std::max(1.0, 2 * std::cbrt(static_cast<double>(n)));
    const double extent = n > 0 ? high - low : 0, cells = std::min(std::floor(2 * extent / radius) + 1, most);
    low_[k] = n > 0 ? low : 0;
    count_[k] = static_cast<Index>(cells);
    width_[k] = extent > 0 ? extent / cells : 1;
  }
  const Index cells = count_[0] * count_[1] * count_[2];
  std::vector<Index> home(n);
  begin_.assign(cells + 1, 0);
  for (Index i = 0; i < n; ++i) {
    const double* p = positions + 3 * i;
    home[i] = (cell(p[0], 0) * count_[1] + cell(p[1], 1)) * count_[2] + cell(p[2], 2);
    ++begin_[home[i] + 1];
  }
  for (Index c = 0; c < cells; ++c) begin_[c + 1] += begin_[c];
  std::vector<Index> next(begin_.begin(), begin_.end() - 1);
  original_.resize(n);
  for (Index i = 0; i < n; ++i) original_[next[home[i]]++] = i;
  for (std::size_t k = 0; k < 3; ++k)
    for (const Index i : original_) sorted_[k].push_back(positions[(3 * i) + k]);
}

Index CellList::cell(double x, std::size_t k) const {
  const double place = std::floor((x - low_[k]) / width_[k]);
  return static_cast<Index>(std::clamp(place, 0.0, static_cast<double>(count_[k] - 1)));
}

}  // namespace cartan::chebyshev
