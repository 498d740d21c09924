#pragma once
// A callback with what every use of it must check and count.

#include <vector>

#include "cartan/chebyshev/fit.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

class Sampler {
 public:
  Sampler(const BatchFunction& f, const Box& box, const FitOptions& options);

  /// Thrown between batches when the stop flag is set.
  struct Stopped {};
  /// Thrown instead of going beyond max_evaluations.
  struct Exhausted {};

  /// Values at n points of the box. Throws std::invalid_argument naming a point where f is not finite.
  void operator()(const std::vector<double>& points, std::vector<double>& values);
  /// Values at nodes: nodes[k] is the list of Chebyshev nodes (of m_k) taken in variable k; all combinations,
  /// last fastest.
  Array at_nodes(const std::vector<Index>& m, const std::vector<std::vector<Index>>& indices);
  /// Coordinate of node j of m in variable k.
  double node(int k, Index m, Index j) const;

  const Box& box() const { return box_; }
  int dim() const { return box_.dim(); }
  Index evaluations() const { return evaluations_; }
  Index room() const { return options_.max_evaluations - evaluations_; }
  double largest() const { return largest_; }  ///< |f| so far
  const std::vector<double>& largest_point() const { return largest_point_; }

 private:
  const BatchFunction& f_;
  Box box_;
  const FitOptions& options_;
  Index evaluations_ = 0;
  double largest_ = 0;
  std::vector<double> largest_point_;
};

/// Values at the nodes in Tucker format by fibres: starts from `start` (lists of node indices by variable),
/// to `tolerance` relative to the largest value. `capped` is set where the ranks stay below that to keep
/// within the evaluations allowed.
linalg::Tucker cross_approximation(Sampler& f, const std::vector<Index>& m,
                                   std::vector<std::vector<Index>> start, double tolerance,
                                   const std::vector<Index>& ranks, bool& capped);

}  // namespace cartan::chebyshev
