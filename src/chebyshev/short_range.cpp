#include "chebyshev/short_range.hpp"

#include <Eigen/Core>
#include <cmath>
#include <cstring>

#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "chebyshev/series.hpp"
#include "core/simd.hpp"

namespace cartan::chebyshev {
namespace {

constexpr Index strip = 128;
using Strip = Eigen::Array<double, Eigen::Dynamic, 1, 0, strip, 1>;
using View = Eigen::Map<const Eigen::ArrayXd>;

// Clenshaw's recurrence for one series, `strip` points at a time, in registers.
void clenshaw(const std::vector<double>& c, const double* x, Index n, double* y) {
  using V = Register<double>;
  constexpr Index lanes = register_lanes<double>, together = 4, width = lanes * together;
  for (Index first = 0; first < n; first += width) {
    double in[width] = {}, out[width];
    const Index count = std::min(width, n - first);
    std::memcpy(in, x + first, static_cast<std::size_t>(count) * sizeof(double));
    V xi[together], b1[together] = {}, b2[together] = {};
    for (Index v = 0; v < together; ++v) xi[v] = load<V>(in + v * lanes);
    for (std::size_t k = c.size() - 1; k > 0; --k)
      for (Index v = 0; v < together; ++v) {
        const V b = 2 * xi[v] * b1[v] + (c[k] - b2[v]);
        b2[v] = b1[v], b1[v] = b;
      }
    for (Index v = 0; v < together; ++v) store(out + v * lanes, xi[v] * b1[v] + (c[0] - b2[v]));
    std::memcpy(y + first, out, static_cast<std::size_t>(count) * sizeof(double));
  }
}

}  // namespace

ShortRange::ShortRange(const RadialKernel& kernel, GaussianSum long_range, double inner, double outer)
    : kernel_(kernel), long_range_(std::move(long_range)), inner_(inner), outer_(outer) {
  const double half = 0.5 * outer * outer;
  for (Index m = 33;; m = 2 * m - 1) {
    const Array x = nodes(m);
    Array f = Array::uninitialized({m}, DType::f64);
    for (Index j = 0; j < m; ++j) {
      const double s = half * (1 + x.data<double>()[j]);
      f.mutable_data<double>()[j] = long_range_(std::sqrt(std::max(s, 0.0)));
    }
    const Array c = values_to_coefficients(f, 0);
    const double scale = long_range_.at_zero() * 1e-17;
    Index used = m;
    while (used > 1 && std::abs(c.data<double>()[used - 1]) <= 16 * scale) --used;
    if (used > m - m / 8 && m < 5000) continue;  // not down to rounding yet
    const Array cut = c.rows(0, std::max<Index>(used, 2));
    series_ = cut.to_vector<double>();
    slope_series_ = differentiate(cut).to_vector<double>();
    for (double& d : slope_series_) d /= half;
    return;
  }
}

void ShortRange::evaluate(const double* s, Index n, double* value, double* slope) const {
  const double half = 0.5 * outer_ * outer_;
  double x[strip], smooth[strip], smooth_slope[strip];
  for (Index first = 0; first < n; first += strip) {
    const Index count = std::min(strip, n - first);
    const View square(s + first, count);
    for (Index i = 0; i < count; ++i) x[i] = s[first + i] / half - 1;
    clenshaw(series_, x, count, smooth);
    if (slope) clenshaw(slope_series_, x, count, smooth_slope);
    const Strip r = square.sqrt(), inverse = r.inverse();
    Strip v, dv;  // by r^2: d/ds = d/dr / (2 r)
    switch (kernel_.kind) {
      case Kernel::newton:
        v = inverse;
        dv = -0.5 * inverse * inverse * inverse;
        break;
      case Kernel::yukawa:
        v = (-kernel_.screening * r).exp() * inverse;
        dv = -0.5 * v * (kernel_.screening + inverse) * inverse;
        break;
      case Kernel::slater:
        v = (-kernel_.screening * r).exp();
        dv = -0.5 * kernel_.screening * v * inverse;
        break;
    }
    v -= View(smooth, count);
    if (slope) dv -= View(smooth_slope, count);
    for (Index i = 0; i < count; ++i) {
      if (r[i] > inner_) {
        const double width = outer_ - inner_, u = std::min((r[i] - inner_) / width, 1.0);
        const double on = 1 - u * u * u * (10 - 15 * u + 6 * u * u);
        const double off = -30 * u * u * (1 - u) * (1 - u) / width;  // d(on)/dr
        dv[i] = dv[i] * on + v[i] * off * 0.5 * inverse[i];
        v[i] *= on;
      }
      value[first + i] = v[i];
      if (slope) slope[first + i] = dv[i];
    }
  }
}

}  // namespace cartan::chebyshev
