#include "cartan/chebyshev/basis.hpp"

#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {

constexpr double pi = 3.14159265358979323846;

Array nodes(Index m) {
  require(m >= 1, "[nodes] ", m, " nodes; expected at least 1");
  Array x = Array::zeros({m}, DType::f64);
  double* p = x.mutable_data<double>();
  // sin of a symmetric argument: antisymmetric to the last bit, and accurate near the middle
  for (Index j = 0; j < m && m > 1; ++j)
    p[j] = std::sin(pi * static_cast<double>(2 * j - (m - 1)) / (2.0 * static_cast<double>(m - 1)));
  return x;
}

void chebyshev_polynomials(const double* x, Index n, Index m, double* t, Index stride) {
  for (Index i = 0; i < n; ++i) t[i] = 1;
  if (m > 1) std::copy_n(x, n, t + stride);
  for (Index k = 2; k < m; ++k) {
    const double *a = t + (k - 1) * stride, *b = t + (k - 2) * stride;
    double* out = t + k * stride;
    for (Index i = 0; i < n; ++i) out[i] = 2 * x[i] * a[i] - b[i];
  }
}

Array basis(const Array& points, Index m) {
  refuse_tracked("basis", points);
  require(points.ndim() == 1, "[basis] points of shape ", points.shape(), "; expected one axis");
  require(m >= 1, "[basis] ", m, " polynomials; expected at least 1");
  const Index n = points.dim(0);
  const double* x = points.data<double>();
  for (Index i = 0; i < n; ++i)
    require(std::abs(x[i]) <= 1 + 1e-12, "[basis] point ", i, " is ", x[i], "; expected in [-1, 1]");
  Array out = Array::uninitialized({n, m}, DType::f64);
  double* t = out.mutable_data<double>();
  constexpr Index grain = 64;
  parallel_for(n, grain, [&](Index b, Index e) {
    double by_degree[grain * 3];
    double *low = by_degree, *high = by_degree + grain, *next = by_degree + 2 * grain;
    const Index count = e - b;
    for (Index i = 0; i < count; ++i) {
      low[i] = 1, high[i] = x[b + i];
      t[(b + i) * m] = 1;
      if (m > 1) t[(b + i) * m + 1] = high[i];
    }
    for (Index k = 2; k < m; ++k) {
      for (Index i = 0; i < count; ++i) t[(b + i) * m + k] = next[i] = 2 * x[b + i] * high[i] - low[i];
      std::swap(low, high), std::swap(high, next);
    }
  });
  return out;
}

Array differentiate(const Array& c) {
  refuse_tracked("differentiate", c);
  require(c.ndim() >= 1 && c.dim(0) >= 1, "[differentiate] shape ", c.shape(), " has no coefficients");
  const Index m = c.dim(0), inner = c.size() / m, out_m = std::max<Index>(m - 1, 1);
  Shape shape = c.shape();
  shape[0] = out_m;
  Array d = Array::zeros(shape, DType::f64);
  const double* p = c.data<double>();
  double* q = d.mutable_data<double>();
  // d_{k-1} = d_{k+1} + 2 k c_k, the first halved
  for (Index k = m - 1; k >= 1; --k)
    for (Index i = 0; i < inner; ++i)
      q[(k - 1) * inner + i] =
          (k + 1 < out_m ? q[(k + 1) * inner + i] : 0) + 2 * static_cast<double>(k) * p[k * inner + i];
  for (Index i = 0; i < inner; ++i) q[i] *= m > 1 ? 0.5 : 1;
  return d;
}

Array integrals(Index m) {
  require(m >= 1, "[integrals] ", m, " polynomials; expected at least 1");
  Array w = Array::zeros({m}, DType::f64);
  double* p = w.mutable_data<double>();
  for (Index k = 0; k < m; k += 2) p[k] = 2 / (1 - static_cast<double>(k) * static_cast<double>(k));
  return w;
}

Index chop(const std::vector<double>& magnitude, double tolerance, double scale) {
  const Index n = static_cast<Index>(magnitude.size());
  require(n >= 1, "[chop] no coefficients");
  require(tolerance > 0, "[chop] tolerance ", tolerance, "; expected a positive number");
  if (tolerance >= 1) return 1;
  // Step 1: the envelope, relative to the scale.
  std::vector<double> envelope(magnitude);
  for (double& c : envelope)
    require(std::isfinite(c) && c >= 0, "[chop] ", c, " is no magnitude of a coefficient");
  for (Index j = n - 2; j >= 0; --j) envelope[j] = std::max(envelope[j], envelope[j + 1]);
  if (envelope[0] == 0) return 1;
  if (scale < envelope[0]) scale = envelope[0];
  for (double& c : envelope) c /= scale;
  if (n < 17) return n;
  // Step 2: the first plateau, where the envelope falls by less than r over a stretch from j to 1.25 j + 5.
  Index plateau = 0, j2 = 0;
  for (Index j = 2; j <= n; ++j) {
    j2 = static_cast<Index>(std::llround(1.25 * static_cast<double>(j) + 5));
    if (j2 > n) return n;  // none: not resolved
    const double e1 = envelope[j - 1], e2 = envelope[j2 - 1];
    const double r = 3 * (1 - std::log(e1) / std::log(tolerance));
    if (e1 == 0 || e2 / e1 > r) {
      plateau = j - 1;
      break;
    }
  }
  if (plateau == 0) return n;
  // Step 3: the cut on the plateau or before it, where a line tilted towards short series is lowest.
  if (envelope[plateau - 1] == 0) return plateau;
  const double floor = std::pow(tolerance, 7.0 / 6);
  const Index above = static_cast<Index>(
      std::count_if(envelope.begin(), envelope.end(), [&](double e) { return e >= floor; }));
  if (above < j2) {
    j2 = above + 1;
    envelope[j2 - 1] = floor;
  }
  Index cut = 0;
  double lowest = INFINITY;
  for (Index j = 0; j < j2; ++j) {
    const double tilt =
        j2 > 1 ? -std::log10(tolerance) / 3 * static_cast<double>(j) / static_cast<double>(j2 - 1) : 0;
    const double level = std::log10(envelope[j]) + tilt;
    if (level < lowest) lowest = level, cut = j;
  }
  return std::max<Index>(cut, 1);
}

double interpolation_error_bound(Index m, double rho, double bound) {
  require(m >= 1 && rho > 1 && bound >= 0, "[interpolation_error_bound] m = ", m, ", rho = ", rho,
          ", bound = ", bound, "; expected m >= 1, rho > 1, bound >= 0");
  return 4 * bound * std::pow(rho, -static_cast<double>(m - 1)) / (rho - 1);
}

double interpolation_error_bound(const std::vector<Index>& m, const std::vector<double>& rho, double bound) {
  require(!m.empty() && m.size() == rho.size(), "[interpolation_error_bound] ", m.size(), " degrees and ",
          rho.size(), " ellipses; expected one of each a variable");
  double total = 0, lebesgue = 1;
  for (std::size_t k = 0; k < m.size(); ++k) {
    total += lebesgue * interpolation_error_bound(m[k], rho[k], bound);
    lebesgue *= 1 + 2 / pi * std::log(static_cast<double>(m[k]));
  }
  return total;
}

double coefficient_error_bound(const std::vector<Index>& m, double frobenius) {
  double count = 1;
  for (const Index n : m) count *= static_cast<double>(n);
  return std::sqrt(count) * frobenius;
}

}  // namespace cartan::chebyshev
