#pragma once
/// Radial kernels as sums of Gaussians, by sinc quadrature of their Laplace-Gauss integrals.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/linalg/canonical.hpp>

namespace cartan::chebyshev {

/// Kernels of a distance r > 0; s is the screening constant, 1/length.
enum class Kernel {
  newton,  ///< 1/r
  yukawa,  ///< exp(-s r)/r
  slater   ///< exp(-s r)
};
const char* name_of(Kernel kernel);
Kernel kernel_from_name(const std::string& name);

/// A kernel with its constant.
struct RadialKernel {
  Kernel kind = Kernel::newton;
  double screening = 0;

  /// Throws std::invalid_argument unless the screening is finite, >= 0, and > 0 for a Slater function.
  void check(const char* caller) const;
  double operator()(double r) const;
  /// Derivative by r.
  double derivative(double r) const;
};

/// g(r) = sum_k weight[k] exp(-(rate[k] r)^2), rates ascending, weights positive.
struct GaussianSum {
  std::vector<double> rate, weight;

  Index size() const { return static_cast<Index>(rate.size()); }
  double operator()(double r) const;
  double at_zero() const;  ///< sum of the weights
  /// Terms [begin, end).
  GaussianSum terms(Index begin, Index end) const;
};

/// The rule of the range-separated tensor papers for 1/r: 2/sqrt(pi) int_0^inf exp(-r^2 t^2) dt with
/// t = sinh(u)/length and the trapezoidal rule in u, step h: rate_k = sinh(kh)/length,
/// weight_k = 2/sqrt(pi) h cosh(kh)/length, k = 0..terms-1, the first weight halved.
GaussianSum sinc_newton(double step, Index terms, double length = 1);

/// A quadrature chosen for a range of distances.
struct SincQuadrature {
  GaussianSum sum;
  double step = 0;   ///< of the trapezoidal rule
  double error = 0;  ///< largest |kernel - sum| found in the range, relative to kernel(r_min)
  bool converged = false;
};

/// The rule with the fewest terms for |kernel(r) - sum(r)| <= tolerance kernel(r_min), r_min <= r <= r_max.
///
///     1/r        = 2/sqrt(pi) int exp(-r^2 t^2) dt,                        t = sinh(u)/b
///     exp(-sr)/r = 2/sqrt(pi) int exp(-r^2 t^2 - s^2/(4 t^2)) dt,           t = exp(u)
///     exp(-sr)   = s/sqrt(pi) int exp(-r^2 t^2 - s^2/(4 t^2)) t^-2 dt,      t = exp(u)
///
/// Integrands fall double exponentially at both ends, so the error is exp(-c/h); the step h (and b) is found
/// by bisection on the error itself, sampled over the range.
/// Throws std::invalid_argument unless 0 < r_min < r_max and 1e-14 <= tolerance < 1.
SincQuadrature sinc_quadrature(const RadialKernel& kernel, double tolerance, double r_min, double r_max);

/// The sum around `centre` projected onto a uniform grid of n cells a variable on [-a, a]^d: the mean over
/// each cell, as a canonical tensor of rank size() with columns weight^(1/d) mean(exp(-(rate x)^2)).
linalg::Canonical on_cells(const GaussianSum& sum, Index n, double a, const std::vector<double>& centre);
/// The same for sum_i charges[i] sum(|x - positions[i]|), the papers' grid form of a potential of many
/// particles: rank N size(), weights charges[i], the terms of a particle side by side. With fit_canonical it
/// becomes a Chebyshev-Tucker function (without a grid: RangeSeparation).
/// @param positions (N, d)   @param charges (N); float64
linalg::Canonical on_cells(const GaussianSum& sum, Index n, double a, const Array& positions,
                           const Array& charges);

}  // namespace cartan::chebyshev
