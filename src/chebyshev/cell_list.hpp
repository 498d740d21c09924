#pragma once
// Points sorted into cubic cells, in open space.

#include <array>
#include <vector>

#include "cartan/core/array.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

/// Finds the points within `radius` of a place. Points are kept sorted by cell, coordinates apart.
class CellList {
 public:
  CellList(const double* positions, Index n, double radius);

  /// Calls visit(first, end) for runs of sorted points that hold all within the radius of p.
  template <class Visit>
  void near(const double* p, Visit&& visit) const {
    std::array<Index, 3> low{}, high{};
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = cell(p[k] - radius_, k);
      high[k] = cell(p[k] + radius_, k);
    }
    for (Index i = low[0]; i <= high[0]; ++i)
      for (Index j = low[1]; j <= high[1]; ++j) {
        const Index row = (i * count_[1] + j) * count_[2];
        const Index begin = begin_[row + low[2]], end = begin_[row + high[2] + 1];
        if (begin < end) visit(begin, end);
      }
  }
  double radius() const { return radius_; }
  /// Coordinate k of the sorted points, and which point each is.
  const double* coordinate(int k) const { return sorted_[k].data(); }
  Index original(Index sorted) const { return original_[sorted]; }

 private:
  Index cell(double x, std::size_t k) const;

  double radius_;
  std::array<double, 3> low_{}, width_{};
  std::array<Index, 3> count_{};
  std::vector<Index> begin_, original_;
  std::array<std::vector<double>, 3> sorted_;
};

}  // namespace cartan::chebyshev
