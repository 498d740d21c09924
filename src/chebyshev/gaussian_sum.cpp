#include "cartan/chebyshev/gaussian_sum.hpp"

#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {
namespace {

constexpr double sqrt_pi = 1.77245385090551602730;
constexpr double smallest_tolerance = 1e-14;

// Distances at which a rule is judged: geometric, so that every scale counts alike.
std::vector<double> sample_distances(double r_min, double r_max, Index count) {
  std::vector<double> r;
  for (Index i = 0; i < count; ++i)
    r.push_back(r_min * std::pow(r_max / r_min, static_cast<double>(i) / static_cast<double>(count - 1)));
  return r;
}

double worst_error(const RadialKernel& kernel, const GaussianSum& sum, const std::vector<double>& distances) {
  double worst = 0;
  for (const double r : distances) worst = std::max(worst, std::abs(kernel(r) - sum(r)));
  return worst / kernel(distances[0]);
}

// The largest term outside of a rule must be below this part of the tolerance.
constexpr double tail_share = 0.02;

GaussianSum newton_rule(double h, double length, double r_min, double tolerance) {
  Index terms = 1;
  for (;; ++terms) {
    const double u = h * static_cast<double>(terms), t = std::sinh(u) / length;
    if (2 / sqrt_pi * std::cosh(u) / length * std::exp(-t * t * r_min * r_min) * r_min <
        tail_share * tolerance)
      return sinc_newton(h, terms, length);
  }
}

GaussianSum screened_rule(const RadialKernel& kernel, double h, double r_min, double tolerance) {
  const double s = kernel.screening, largest = kernel(r_min);
  const auto weight = [&](double t) {  // of du
    const double damping = std::exp(-s * s / (4 * t * t));
    return kernel.kind == Kernel::yukawa ? 2 / sqrt_pi * t * damping : s / sqrt_pi / t * damping;
  };
  // From a place in the middle of the integrand outwards, down to what does not matter.
  const double middle = std::log(std::max(0.5 * s, 1 / r_min));
  GaussianSum sum;
  for (const int direction : {-1, 1})
    for (Index k = direction < 0 ? 0 : 1;; ++k) {
      const double t = std::exp(middle + direction * h * static_cast<double>(k));
      const double w = weight(t), limit = tail_share * tolerance * largest;
      const bool past = direction < 0 ? t < 0.5 * s : t * r_min > 1;
      if (past && w * (direction < 0 ? 1 : std::exp(-t * t * r_min * r_min)) < limit) break;
      sum.rate.push_back(t);
      sum.weight.push_back(h * w);
    }
  std::vector<std::size_t> order(sum.rate.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return sum.rate[a] < sum.rate[b]; });
  GaussianSum sorted;
  for (const std::size_t i : order) {
    sorted.rate.push_back(sum.rate[i]);
    sorted.weight.push_back(sum.weight[i]);
  }
  return sorted;
}

// Mean of exp(-(t (x - centre))^2) over cell c of n on [-a, a].
double cell_mean(double t, Index c, Index n, double a, double centre) {
  const double h = 2 * a / static_cast<double>(n), x = -a + h * static_cast<double>(c) - centre;
  if (!(t * (std::abs(x) + h) > 1e-9)) return 1;
  const double low = t * x, high = t * (x + h);
  // erf loses what is far from the centre in rounding: there the difference of erfc
  const double difference = low > 0    ? std::erfc(low) - std::erfc(high)
                            : high < 0 ? std::erfc(-high) - std::erfc(-low)
                                       : std::erf(high) - std::erf(low);
  return 0.5 * sqrt_pi * difference / (t * h);
}

}  // namespace

const char* name_of(Kernel kernel) {
  const char* const names[] = {"newton", "yukawa", "slater"};
  return names[static_cast<int>(kernel)];
}

Kernel kernel_from_name(const std::string& name) {
  for (const Kernel k : {Kernel::newton, Kernel::yukawa, Kernel::slater})
    if (name == name_of(k)) return k;
  throw std::invalid_argument(text("[kernel_from_name] '", name, "'; expected newton, yukawa or slater"));
}

void RadialKernel::check(const char* caller) const {
  require(std::isfinite(screening) && screening >= 0, "[", caller, "] screening ", screening,
          "; expected a finite number, 0 or more");
  require(kind != Kernel::slater || screening > 0, "[", caller,
          "] a Slater function needs a screening above 0");
}

double RadialKernel::operator()(double r) const {
  switch (kind) {
    case Kernel::newton:
      return 1 / r;
    case Kernel::yukawa:
      return std::exp(-screening * r) / r;
    case Kernel::slater:
      break;
  }
  return std::exp(-screening * r);
}

double RadialKernel::derivative(double r) const {
  const double k = (*this)(r);
  switch (kind) {
    case Kernel::newton:
      return -k / r;
    case Kernel::yukawa:
      return -k * (screening + 1 / r);
    case Kernel::slater:
      break;
  }
  return -screening * k;
}

double GaussianSum::operator()(double r) const {
  double total = 0;
  for (std::size_t k = 0; k < rate.size(); ++k) total += weight[k] * std::exp(-rate[k] * rate[k] * r * r);
  return total;
}

double GaussianSum::at_zero() const {
  double total = 0;
  for (const double w : weight) total += w;
  return total;
}

GaussianSum GaussianSum::terms(Index begin, Index end) const {
  require(0 <= begin && begin <= end && end <= size(), "[GaussianSum] terms ", begin, " to ", end, " of ",
          size());
  return {{rate.begin() + begin, rate.begin() + end}, {weight.begin() + begin, weight.begin() + end}};
}

GaussianSum sinc_newton(double step, Index terms, double length) {
  require(step > 0 && terms >= 1 && length > 0, "[sinc_newton] step ", step, ", ", terms, " terms, length ",
          length, "; expected positive numbers");
  GaussianSum sum;
  for (Index k = 0; k < terms; ++k) {
    const double u = step * static_cast<double>(k);
    sum.rate.push_back(std::sinh(u) / length);
    sum.weight.push_back((k ? 2 : 1) / sqrt_pi * step * std::cosh(u) / length);
  }
  return sum;
}

SincQuadrature sinc_quadrature(const RadialKernel& kernel, double tolerance, double r_min, double r_max) {
  kernel.check("sinc_quadrature");
  require(r_min > 0 && r_max > r_min && std::isfinite(r_max), "[sinc_quadrature] distances from ", r_min,
          " to ", r_max, "; expected 0 < r_min < r_max");
  require(tolerance >= smallest_tolerance && tolerance < 1, "[sinc_quadrature] tolerance ", tolerance,
          "; expected from ", smallest_tolerance, " to 1");
  require(kernel(r_min) > 0, "[sinc_quadrature] the kernel vanishes at ", r_min, ": screening ",
          kernel.screening, " is too strong for these distances");
  const bool newton = kernel.kind == Kernel::newton || kernel.screening == 0;
  const RadialKernel effective = newton ? RadialKernel{} : kernel;
  const auto coarse = sample_distances(r_min, r_max, 60), fine = sample_distances(r_min, r_max, 1000);
  // For 1/r, b decides how many terms serve the far end of the range; without b (screened) one round.
  SincQuadrature best;
  for (const double far : {1.0, 1.5, 2.0, 3.0, 4.0}) {
    const auto rule = [&](double h) {
      return newton ? newton_rule(h, r_max / far, r_min, tolerance)
                    : screened_rule(effective, h, r_min, tolerance);
    };
    double low = 0.02, high = 1.2;  // steps that reach the tolerance, and that do not
    for (int i = 0; i < 12; ++i) {
      const double h = std::sqrt(low * high);
      (worst_error(effective, rule(h), coarse) <= 0.8 * tolerance ? low : high) = h;
    }
    SincQuadrature q;
    for (int i = 0; i < 20 && !q.converged; ++i, low *= 0.98) {
      q = {rule(low), low, 0, false};
      q.error = worst_error(effective, q.sum, fine);
      q.converged = q.error <= tolerance;
    }
    const bool better = q.converged != best.converged ? q.converged
                        : q.converged                 ? q.sum.size() < best.sum.size()
                                                      : q.error < best.error;
    if (best.sum.size() == 0 || better) best = std::move(q);
    if (!newton) break;
  }
  return best;
}

linalg::Canonical on_cells(const GaussianSum& sum, Index n, double a, const Array& positions,
                           const Array& charges) {
  refuse_tracked("on_cells", positions);
  refuse_tracked("on_cells", charges);
  require(n >= 1 && a > 0, "[on_cells] ", n, " cells on [-", a, ", ", a, "]");
  require(positions.ndim() == 2 && positions.dim(0) >= 1 && positions.dim(1) >= 1 &&
              charges.shape() == Shape({positions.dim(0)}),
          "[on_cells] positions ", positions.shape(), " and charges ", charges.shape(),
          " must be (N, d) and (N)");
  require(all_finite(positions) && all_finite(charges), "[on_cells] positions and charges must be finite");
  const Index count = positions.dim(0), d = positions.dim(1), terms = sum.size(), rank = count * terms;
  const double *x = positions.data<double>(), *q = charges.data<double>();
  linalg::Canonical out;
  out.weights = Array::uninitialized({rank}, DType::f64);
  double* w = out.weights.mutable_data<double>();
  for (Index i = 0; i < count; ++i) std::fill_n(w + i * terms, terms, q[i]);
  for (Index k = 0; k < d; ++k) {
    Array u = Array::uninitialized({n, rank}, DType::f64);
    double* p = u.mutable_data<double>();
    parallel_for(count, 8, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i)
        for (Index j = 0; j < terms; ++j) {
          const double scale = std::pow(sum.weight[j], 1.0 / static_cast<double>(d));
          for (Index c = 0; c < n; ++c)
            p[c * rank + i * terms + j] = scale * cell_mean(sum.rate[j], c, n, a, x[i * d + k]);
        }
    });
    out.factors.push_back(std::move(u));
  }
  return out;
}

linalg::Canonical on_cells(const GaussianSum& sum, Index n, double a, const std::vector<double>& centre) {
  require(!centre.empty(), "[on_cells] the centre has no coordinates");
  return on_cells(sum, n, a, Array::from(centre, {1, static_cast<Index>(centre.size())}),
                  Array::full({1}, 1, DType::f64));
}

}  // namespace cartan::chebyshev
