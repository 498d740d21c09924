#pragma once
/// Errors of fields, as losses and as scores. Fields are (samples, channels, n1, ..., nd), d = 1, 2, 3,
/// prediction and truth alike. Results are (samples, channels), or so many, for the caller to sum or to
/// average; recorded where the prediction is tracked. All throw std::invalid_argument "[op] ..." for shapes
/// or types that do not fit.

#include <string>
#include <vector>

#include <cartan/autodiff/ops.hpp>

namespace cartan::operators {

struct NormOptions {
  bool relative = true;  ///< ||x - y||/(||y|| + eps), else ||x - y|| with the volume of a cell as weight
  bool root = true;      ///< false: without the roots, ||.||^p
  double eps = 1e-8;
  std::vector<double> lengths;  ///< of the domain, one an axis; none: 1
  std::vector<bool> periodic;   ///< one an axis; none: all are
};

/// ||u|| = (sum of |u|^p)^(1/p); p >= 1.
Array lp_error(const Array& x, const Array& y, double p = 2, const NormOptions& options = {});

/// ||u||^2 = sum of u^2 + sum over axes of (D u)^2, D by difference() with h = length/n (neuraloperator's
/// H1Loss).
Array h1_error(const Array& x, const Array& y, const NormOptions& options = {});

/// The same with exact derivatives of the trigonometric polynomial through the points: by Parseval's theorem
/// the sum over frequencies of (1 + |2 pi k/length|^2) |u_k|^2. Periodic along every axis; the highest
/// frequency of an even axis counts with half of its square derivative, as a cosine sampled at its extremes
/// would.
Array h1_spectral_error(const Array& x, const Array& y, const NormOptions& options = {});

/// Root of the variance-scaled mean square error (the_well): sqrt(<(x - y)^2>/(<(y - <y>)^2> + eps)), means
/// over the grid.
Array vrmse(const Array& x, const Array& y, double eps = 1e-7);

/// First derivative along an axis: central differences of order two; at the ends periodic, or one-sided of
/// order three, (-11 u_0 + 18 u_1 - 9 u_2 + 2 u_3)/(6 h). Differentiable to any order; at least 2 or 4
/// points.
Array difference(const Array& u, int axis, double h, bool periodic = true);

/// Means over samples and channels of |u_k|^2 by shells of frequency, round(|k|) = 0, 1, ...: where on the
/// scales of length an error lies. Of real fields; the sum over shells is the mean square of u.
std::vector<double> spectrum(const Array& u);

}  // namespace cartan::operators
