#pragma once
// The short-range part of a split kernel, for many pairs at a time.

#include "cartan/chebyshev/gaussian_sum.hpp"

namespace cartan::chebyshev {

/// The switch of the short-range part takes this much beyond the radius where it may be neglected.
constexpr double switch_width = 0.05;

/// S(r) = kernel(r) - L(r), L(r) = sum_k a_k exp(-(t_k r)^2), times a switch that falls from 1 at `inner` to
/// 0 at `outer` with two continuous derivatives.
class ShortRange {
 public:
  ShortRange() = default;
  ShortRange(const RadialKernel& kernel, GaussianSum long_range, double inner, double outer);

  const RadialKernel& kernel() const { return kernel_; }
  const GaussianSum& long_range() const { return long_range_; }
  double inner() const { return inner_; }
  double outer() const { return outer_; }

  /// value[i] = S(sqrt(s_i)), slope[i] = dS/ds (by the squared distance), 0 < s_i < outer^2. `slope` may be
  /// null. value and slope must not overlap s.
  void evaluate(const double* s, Index n, double* value, double* slope) const;

 private:
  RadialKernel kernel_;
  GaussianSum long_range_;
  double inner_ = 0, outer_ = 0;
  /// L is an entire function of s = r^2: on [0, outer^2] a Chebyshev series to rounding, much cheaper than
  /// its exponentials; the second is the series of its derivative.
  std::vector<double> series_, slope_series_;
};

}  // namespace cartan::chebyshev
