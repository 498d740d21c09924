#include "chebyshev/short_range.hpp"

#include <Eigen/Core>
#include <cmath>

#include "chebyshev/series.hpp"

namespace cartan::chebyshev {
namespace {

constexpr Index strip = 128;
using Strip = Eigen::Array<double, Eigen::Dynamic, 1, 0, strip, 1>;
using View = Eigen::Map<const Eigen::ArrayXd>;

}  // namespace

void ShortRange::evaluate(const double* s, Index n, double* value, double* slope) const {
  for (Index first = 0; first < n; first += strip) {
    const Index count = std::min(strip, n - first);
    const View square(s + first, count);
    const Strip inverse = square.rsqrt(), r = square * inverse;
    Strip v, dv;  // by r^2: d/ds = d/dr / (2 r)
    switch (kernel.kind) {
      case Kernel::newton:
        v = inverse;
        dv = -0.5 * inverse * inverse * inverse;
        break;
      case Kernel::yukawa:
        v = (-kernel.screening * r).exp() * inverse;
        dv = -0.5 * v * (kernel.screening + inverse) * inverse;
        break;
      case Kernel::slater:
        v = (-kernel.screening * r).exp();
        dv = -0.5 * kernel.screening * v * inverse;
        break;
    }
    for (Index k = 0; k < long_range.size(); ++k) {
      const double rate = long_range.rate[at(k)] * long_range.rate[at(k)];
      const Strip term = long_range.weight[at(k)] * (-rate * square).exp();
      v -= term;
      dv += rate * term;
    }
    for (Index i = 0; i < count; ++i) {
      if (r[i] > inner) {
        const double width = outer - inner, u = std::min((r[i] - inner) / width, 1.0);
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
