#pragma once
// The short-range part of a split kernel, for many pairs at a time.

#include "cartan/chebyshev/gaussian_sum.hpp"

namespace cartan::chebyshev {

/// S(r) = kernel(r) - sum_k a_k exp(-(t_k r)^2), times a switch that falls from 1 at `inner` to 0 at `outer`
/// with two continuous derivatives.
struct ShortRange {
  RadialKernel kernel;
  GaussianSum long_range;
  double inner = 0, outer = 0;

  /// value[i] = S(sqrt(s_i)), slope[i] = dS/ds (by the squared distance), 0 < s_i < outer^2. `slope` may be
  /// null. value and slope must not overlap s.
  void evaluate(const double* s, Index n, double* value, double* slope) const;
};

}  // namespace cartan::chebyshev
