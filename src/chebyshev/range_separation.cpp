#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/chebyshev/basis.hpp"
#include "cartan/chebyshev/electrostatics.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/units.hpp"
#include "cartan/linalg/modes.hpp"
#include "chebyshev/field.hpp"
#include "chebyshev/separation_basis.hpp"
#include "chebyshev/series.hpp"
#include "chebyshev/short_range.hpp"
#include "core/gemm.hpp"
#include "core/workspace.hpp"

namespace cartan::chebyshev {
namespace {

// Where |kernel - sum| stays below `allowed` from there on.
double radius_of(const RadialKernel& kernel, const GaussianSum& long_range, double allowed, double r_max) {
  const double step = 1.002;
  double r = r_max;
  while (r > 1e-6 * r_max && std::abs(kernel(r / step) - long_range(r / step)) <= allowed) r /= step;
  return r;
}

Array scaled(const Array& positions, int k, const Box& box, Index begin, Index end) {
  Array x = Array::uninitialized({end - begin}, DType::f64);
  double* p = x.mutable_data<double>();
  for (Index i = begin; i < end; ++i)
    p[i - begin] =
        std::clamp((positions.data<double>()[3 * i + k] - box.centre(k)) / box.half_width(k), -1.0, 1.0);
  return x;
}

}  // namespace

struct RangeSeparation::State {
  Box box;
  ShortRange short_range;
  std::vector<SeparationBasis> basis;  // by variable
  std::vector<Array> factors;          // m_k x r_k
  double error = 0;

  void make_basis(double tolerance, double unit) {
    for (int k = 0; k < 3; ++k) {
      int same = -1;
      for (int j = 0; j < k; ++j)
        if (std::abs(box.half_width(j) - box.half_width(k)) <= 1e-12 * box.half_width(k)) same = j;
      if (same >= 0) {
        basis.push_back(basis[same]);
      } else {
        GaussianSum unit_sum = short_range.long_range();
        for (double& t : unit_sum.rate) t *= box.half_width(k);
        basis.push_back(separation_basis(unit_sum, tolerance / 3));
      }
      factors.push_back(linalg::array_of(basis.back().factor, DType::f64));
      error += basis.back().error / unit;
    }
  }

  /// Values of the basis functions of variable k at some charges.
  Array values(const Array& positions, int k, Index begin, Index end) const {
    const Array t = chebyshev::basis(scaled(positions, k, box, begin, end), factors[k].dim(0));
    return linalg::mode_product(factors[k], t, 0);
  }

  /// m += sum_i q_i v0_i x v1_i x v2_i, in parallel over slabs of m.
  void add_moments(const std::array<Array, 3>& v, const double* charges, Array& moments) const {
    const Index n = v[0].dim(0), r0 = v[0].dim(1), r1 = v[1].dim(1), r2 = v[2].dim(1);
    const double *a = v[0].data<double>(), *b = v[1].data<double>(), *c = v[2].data<double>();
    double* m = moments.mutable_data<double>();
    constexpr Index some = 8, charges_at_once = 192;
    parallel_for(r1, some, [&](Index begin, Index end) {
      const Index width = (end - begin) * r2;
      Scratch<double> pairs(charges_at_once * width), sum(r0 * width, 0.0);
      for (Index first = 0; first < n; first += charges_at_once) {
        const Index count = std::min(charges_at_once, n - first);
        for (Index i = 0; i < count; ++i)
          for (Index j = begin; j < end; ++j) {
            const double f = charges[first + i] * b[(first + i) * r1 + j];
            double* row = pairs.data() + i * width + (j - begin) * r2;
            const double* from = c + (first + i) * r2;
            for (Index k = 0; k < r2; ++k) row[k] = f * from[k];
          }
        gemm_serial<double>(r0, width, count, {a + first * r0, r0, true}, {pairs.data(), width}, sum.data(),
                            width, 1, 1);
      }
      for (Index i = 0; i < r0; ++i)
        for (Index j = 0; j < width; ++j) m[(i * r1 + begin) * r2 + j] += sum[i * width + j];
    });
  }
};

RangeSeparation::RangeSeparation(const Box& box, const SeparationOptions& o) {
  box.check("RangeSeparation");
  require(box.dim() == 3, "[RangeSeparation] a box of ", box.dim(), " variables; expected 3");
  o.kernel.check("RangeSeparation");
  require((o.tolerance >= 1e-12 && o.tolerance <= 0.1) || o.tolerance == 1, "[RangeSeparation] tolerance ",
          o.tolerance, "; expected from 1e-12 to 0.1, or 1 for no long-range part");
  require(o.cutoff > 0 && std::isfinite(o.cutoff), "[RangeSeparation] cutoff ", o.cutoff,
          "; expected a positive number");
  double diagonal = 0;
  for (int k = 0; k < 3; ++k) diagonal += 4 * box.half_width(k) * box.half_width(k);
  diagonal = std::sqrt(diagonal);
  auto state = std::make_shared<State>();
  state->box = box;
  const double inner = o.cutoff / (1 + switch_width);
  // Half of the tolerance for what is cut off at `inner` (quadrature, and the sharper Gaussians), half for
  // the basis.
  const double unit = o.kernel(inner);
  if (o.tolerance == 1) {
    state->short_range = ShortRange(o.kernel, {{1 / diagonal}, {0}}, inner, o.cutoff);
    state->make_basis(1, 1);
    state->error = 1;
    state_ = std::move(state);
    return;
  }
  const auto quadrature =
      sinc_quadrature(o.kernel, 0.25 * o.tolerance, inner, std::max(diagonal, 1.5 * o.cutoff));
  Index terms = quadrature.sum.size();
  for (double dropped = 0; terms > 1; --terms) {
    const double t = quadrature.sum.rate[terms - 1] * inner;
    dropped += quadrature.sum.weight[terms - 1] * std::exp(-t * t);
    if (dropped > 0.25 * o.tolerance * unit) break;
  }
  state->short_range = ShortRange(o.kernel, quadrature.sum.terms(0, terms), inner, o.cutoff);
  state->error = quadrature.error + 0.25 * o.tolerance;
  state->make_basis(0.5 * o.tolerance * unit, unit);
  state_ = std::move(state);
}

RangeSeparation::RangeSeparation(const Box& box, const GaussianSum& quadrature, Index long_terms,
                                 double tolerance, const RadialKernel& kernel) {
  box.check("RangeSeparation");
  require(box.dim() == 3, "[RangeSeparation] a box of ", box.dim(), " variables; expected 3");
  require(1 <= long_terms && long_terms <= quadrature.size(), "[RangeSeparation] ", long_terms,
          " long-range terms of ", quadrature.size());
  require(tolerance >= 1e-14 && tolerance <= 0.1, "[RangeSeparation] tolerance ", tolerance,
          "; expected from 1e-14 to 0.1");
  auto state = std::make_shared<State>();
  state->box = box;
  const GaussianSum smooth = quadrature.terms(0, long_terms);
  const double unit = smooth.at_zero();
  double diagonal = 0;
  for (int k = 0; k < 3; ++k) diagonal += 4 * box.half_width(k) * box.half_width(k);
  const double inner = radius_of(kernel, smooth, tolerance * unit, std::sqrt(diagonal));
  state->short_range = ShortRange(kernel, smooth, inner, (1 + switch_width) * inner);
  state->error = std::abs(kernel(inner) - smooth(inner)) / unit;
  state->make_basis(tolerance * unit, unit);
  state_ = std::move(state);
}

const Box& RangeSeparation::box() const {
  return state_->box;
}
const RadialKernel& RangeSeparation::kernel() const {
  return state_->short_range.kernel();
}
const GaussianSum& RangeSeparation::long_range() const {
  return state_->short_range.long_range();
}
double RangeSeparation::long_range_at_zero() const {
  return long_range().at_zero();
}
double RangeSeparation::inner() const {
  return state_->short_range.inner();
}
double RangeSeparation::cutoff() const {
  return state_->short_range.outer();
}
double RangeSeparation::error() const {
  return state_->error;
}
std::vector<Index> RangeSeparation::ranks() const {
  std::vector<Index> out;
  for (const Array& f : state_->factors) out.push_back(f.dim(1));
  return out;
}
std::vector<Index> RangeSeparation::degrees() const {
  std::vector<Index> out;
  for (const Array& f : state_->factors) out.push_back(f.dim(0) - 1);
  return out;
}

double RangeSeparation::short_range(double r, double* derivative) const {
  require(r > 0, "[short_range] at distance ", r, "; expected a positive number");
  const double s = r * r;
  double value = 0, slope = 0;
  if (r < cutoff()) state_->short_range.evaluate(&s, 1, &value, &slope);
  if (derivative) *derivative = 2 * r * slope;
  return value;
}

void RangeSeparation::short_range(const double* squared, Index n, double* value, double* slope) const {
  state_->short_range.evaluate(squared, n, value, slope);
}

Array RangeSeparation::moments(const Array& positions, const Array& charges) const {
  check_charges("moments", positions, charges, &state_->box);
  const std::vector<Index> r = ranks();
  Array m = Array::zeros({r[0], r[1], r[2]}, DType::f64);
  constexpr Index chunk = 8192;  // bounds the memory of the basis values
  for (Index begin = 0; begin < charges.size(); begin += chunk) {
    const Index end = std::min(charges.size(), begin + chunk);
    std::array<Array, 3> v;
    for (int k = 0; k < 3; ++k) v[k] = state_->values(positions, k, begin, end);
    state_->add_moments(v, charges.data<double>() + begin, m);
  }
  return m;
}

Array RangeSeparation::lattice_moments(const Array& motif, const Array& charges,
                                       const std::array<double, 3>& spacing,
                                       const std::array<Index, 3>& counts) const {
  check_charges("lattice_moments", motif, charges, &state_->box);
  const std::vector<Index> r = ranks();
  Array m = Array::zeros({r[0], r[1], r[2]}, DType::f64);
  std::array<Array, 3> sums;
  for (int k = 0; k < 3; ++k) {
    require(counts[k] >= 1 && std::isfinite(spacing[k]), "[lattice_moments] ", counts[k], " cells of width ",
            spacing[k], " in direction ", k, "; expected at least one, finite");
    // Sums over the translations along one axis, for every charge of the motif.
    for (Index copy = 0; copy < counts[k]; ++copy) {
      Array moved = motif;
      double* p = moved.mutable_data<double>();
      for (Index i = 0; i < charges.size(); ++i) {
        p[3 * i + k] += static_cast<double>(copy) * spacing[k];
        require(state_->box.low[k] <= p[3 * i + k] && p[3 * i + k] <= state_->box.high[k],
                "[lattice_moments] copy ", copy, " of charge ", i, " in direction ", k, " lies at ",
                p[3 * i + k], ", outside of the box");
      }
      const Array v = state_->values(moved, k, 0, charges.size());
      if (copy == 0) {
        sums[k] = v;
        continue;
      }
      double* to = sums[k].mutable_data<double>();
      for (Index i = 0; i < v.size(); ++i) to[i] += v.data<double>()[i];
    }
  }
  state_->add_moments(sums, charges.data<double>(), m);
  return m;
}

Jet RangeSeparation::self_interaction(const Array& positions) const {
  check_charges("self_interaction", positions, Array::zeros({positions.dim(0)}, DType::f64), &state_->box);
  const Index n = positions.dim(0), terms = long_range().size();
  // phi(x)^T B_k phi(x) are polynomials of twice the degree, one for each term.
  std::array<Array, 3> series, slopes;
  for (int k = 0; k < 3; ++k) {
    const Array& factor = state_->factors[k];
    const Array x = nodes(2 * factor.dim(0) - 1);
    const linalg::Matrix phi =
        linalg::product(linalg::matrix_of(chebyshev::basis(x, factor.dim(0))), linalg::matrix_of(factor));
    linalg::Matrix values(phi.rows, terms);
    for (Index t = 0; t < terms; ++t) {
      const linalg::Matrix b = linalg::product(phi, state_->basis[k].interaction[t]);
      for (Index i = 0; i < phi.rows; ++i)
        for (Index a = 0; a < phi.cols; ++a) values(i, t) += b(i, a) * phi(i, a);
    }
    series[k] = values_to_coefficients(linalg::array_of(values, DType::f64), 0);
    slopes[k] = differentiate(series[k]);
  }
  Jet jet{Array::zeros({n}, DType::f64), Array::zeros({n, 3}, DType::f64), {}};
  double *value = jet.value.mutable_data<double>(), *gradient = jet.gradient.mutable_data<double>();
  constexpr Index chunk = 1024;  // bounds the memory of the basis values
  parallel_for(n, chunk, [&](Index begin, Index end) {
    std::array<linalg::Matrix, 3> f, df;
    for (int k = 0; k < 3; ++k) {
      const Array x = scaled(positions, k, state_->box, begin, end);
      const auto at_charges = [&](const Array& c) {
        return linalg::product(linalg::matrix_of(chebyshev::basis(x, c.dim(0))), linalg::matrix_of(c));
      };
      f[k] = at_charges(series[k]);
      df[k] = at_charges(slopes[k]);
    }
    for (Index i = 0; i < end - begin; ++i) {
      double* g = gradient + 3 * (begin + i);
      for (Index t = 0; t < terms; ++t) {
        const double weight = units::coulomb * long_range().weight[t], x = f[0](i, t), y = f[1](i, t),
                     z = f[2](i, t);
        value[begin + i] += weight * x * y * z;
        g[0] += weight * df[0](i, t) * y * z;
        g[1] += weight * x * df[1](i, t) * z;
        g[2] += weight * x * y * df[2](i, t);
      }
      for (int k = 0; k < 3; ++k) g[k] /= state_->box.half_width(k);
    }
  });
  return jet;
}

ChebyshevTucker RangeSeparation::potential(const Array& moments) const {
  refuse_tracked("potential", moments);
  const std::vector<Index> r = ranks();
  require(moments.shape() == Shape({r[0], r[1], r[2]}) && moments.dtype() == DType::f64,
          "[RangeSeparation] moments of shape ", moments.shape(), " in ", moments.dtype(), "; expected ",
          Shape({r[0], r[1], r[2]}), " in float64");
  Array core = Array::zeros(moments.shape(), DType::f64);
  double* to = core.mutable_data<double>();
  for (Index k = 0; k < long_range().size(); ++k) {
    std::vector<Array> b;
    for (const SeparationBasis& basis : state_->basis)
      b.push_back(linalg::array_of(basis.interaction[k], DType::f64));
    const Array part = linalg::mode_products(moments, b);
    const double* from = part.data<double>();
    const double weight = units::coulomb * long_range().weight[k];
    for (Index i = 0; i < core.size(); ++i) to[i] += weight * from[i];
  }
  return {state_->box, linalg::Tucker{core, state_->factors}};
}

}  // namespace cartan::chebyshev
