// Canonical to Tucker without the full tensor.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/canonical.hpp"
#include "linalg/hosvd.hpp"

namespace cartan::linalg {
namespace {

std::size_t at_index(int k) {
  return static_cast<std::size_t>(k);
}

/// sum_r z_1r o ... o z_dr for small matrices Z_k (r_k x R).
Array small_core(const std::vector<Array>& z) {
  const std::size_t d = z.size();
  Shape shape;
  for (const Array& a : z) shape.push_back(a.dim(0));
  Array core = Array::uninitialized(shape, DType::f64);
  const Index terms = z[0].dim(1), last = d > 1 ? shape[d - 1] : 1, first = shape[0];
  const Index middle = core.size() / std::max<Index>(1, first * last);
  double* out = core.mutable_data<double>();
  // core[:, j, :] = (Z_1 diag(w o middle rows j)) Z_d^T, for as many j at a time as make a product of good
  // size.
  constexpr Index length = 256;
  const Index batch = std::clamp<Index>(384 / first, 1, middle);
  const std::vector<double> ones(static_cast<std::size_t>(length), 1.0);
  parallel_for((middle + batch - 1) / batch, 1, [&](Index begin, Index end) {
    std::vector<double> scale(static_cast<std::size_t>(length)),
        left(static_cast<std::size_t>(batch * first * length)),
        sum(static_cast<std::size_t>(batch * first * last));
    for (Index block = begin; block < end; ++block) {
      const Index j0 = block * batch, rows = std::min(batch, middle - j0);
      std::fill(sum.begin(), sum.end(), 0.0);
      for (Index t = 0; t < terms; t += length) {
        const Index count = std::min(length, terms - t);
        for (Index j = 0; j < rows; ++j) {
          std::fill_n(scale.data(), count, 1.0);
          Index rest = j0 + j;
          for (std::size_t k = d - 1; k-- > 1;) {
            const double* row = z[k].data<double>() + rest % shape[k] * terms + t;
            rest /= shape[k];
            for (Index r = 0; r < count; ++r) scale[static_cast<std::size_t>(r)] *= row[r];
          }
          for (Index i = 0; i < first; ++i) {
            const double* from = z[0].data<double>() + i * terms + t;
            double* to = left.data() + (j * first + i) * count;
            for (Index r = 0; r < count; ++r) to[r] = from[r] * scale[static_cast<std::size_t>(r)];
          }
        }
        const MatrixView<double> right = d > 1 ? MatrixView<double>{z[d - 1].data<double>() + t, terms, true}
                                               : MatrixView<double>{ones.data(), 1, false};
        gemm_serial<double>(rows * first, last, count, {left.data(), count}, right, sum.data(), last, 1, 1);
      }
      for (Index j = 0; j < rows; ++j)
        for (Index i = 0; i < first; ++i)
          std::copy_n(sum.data() + (j * first + i) * last, last, out + (i * middle + j0 + j) * last);
    }
  });
  return core;
}

/// Without squares that overflow or vanish.
double norm_of(const std::vector<double>& w) {
  Matrix m(1, static_cast<Index>(w.size()));
  m.data = w;
  return norm(m);
}

/// The columns of a, whose norms are given, with norms |w_r| instead, in float64.
Array with_norms(const Array& a, std::vector<double> norms, const std::vector<double>& w) {
  Array out = Array::uninitialized(a.shape(), DType::f64);
  // First by powers of two: the inverse of a norm may overflow.
  std::vector<double> power;
  for (std::size_t r = 0; r < norms.size(); ++r) {
    double& v = norms[r];
    const int exponent = v > 0 ? std::ilogb(v) : 0;
    power.push_back(std::ldexp(1.0, std::clamp(-exponent, -1000, 1000)));
    v = v > 0 ? w[r] / (v * power.back()) : 0.0;
  }
  dispatch_real("to_tucker", a.dtype(), [&]<class T>(T) {
    const T* from = a.data<T>();
    double* to = out.mutable_data<double>();
    for (Index i = 0; i < a.dim(0); ++i, from += norms.size(), to += norms.size())
      for (std::size_t r = 0; r < norms.size(); ++r)
        to[r] = static_cast<double>(from[r]) * power[r] * norms[r];
  });
  return out;
}

/// body(k) for every mode, side by side where one has too few terms to be shared out; the numbers are the
/// same either way.
template <class Body>
void for_modes(int d, std::size_t terms, const Body& body) {
  parallel_for(d, terms <= 4096 ? 1 : d, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) body(static_cast<int>(k));
  });
}

}  // namespace

Result<Tucker> to_tucker(const Canonical& input, const HosvdOptions& o) {
  input.check("to_tucker");
  check_options("to_tucker", input.shape(), input.dtype(), o);
  const int d = input.order();
  const double floor = rounding_floor(input.dtype(), input.shape());
  const double tolerance = std::max(o.tolerance, floor);

  // w_r: the size of each term relative to all of them. A_k D: columns of norm |w_r|.
  std::vector<double> w = input.weights.to_vector<double>();
  std::vector<std::vector<double>> norms(at_index(d));
  for (int k = 0; k < d; ++k) {
    norms[at_index(k)] = column_norms(input.factors[at_index(k)]);
    for (std::size_t r = 0; r < w.size(); ++r) w[r] *= norms[at_index(k)][r];
  }
  const double total = norm_of(w);
  require(std::isfinite(total), "[to_tucker] the norms of the terms overflow; scale the weights");
  if (total == 0) return zero_tucker(input.shape(), input.dtype());
  for (double& v : w) v /= total;

  // Mode k loses at most s times what its weighted factor loses, s the norm of the Khatri-Rao product of the
  // other factors: its columns have norm 1.
  const double s = std::sqrt(static_cast<double>(w.size()));
  std::vector<Array> weighted(at_index(d));
  for_modes(d, w.size(), [&](int k) {
    weighted[at_index(k)] = with_norms(input.factors[at_index(k)], norms[at_index(k)], w);
  });
  const double share = 0.3 * tolerance / (std::sqrt(d) * s);

  Report report;
  const Method method = o.method == Method::gram || o.method == Method::lq ? o.method : gram_or_lq(share);

  std::vector<Range> ranges(at_index(d));
  double guess = 1;  // of ||X|| / total
  for (;;) {
    ++report.iterations;
    for_modes(d, w.size(), [&](int k) {
      const Array& a = weighted[at_index(k)];
      Range& range = ranges[at_index(k)];
      range = leading_range<double>(
          a, 0, method, std::min(a.dim(0), a.dim(1)), [&](double) { return std::pow(share * guess, 2); },
          std::move(range.u));
    });
    double lost = 0;
    bool all = true;  // nothing is left out
    std::vector<Array> z;
    for (int k = 0; k < d; ++k) {
      const Array& a = weighted[at_index(k)];
      Range& range = ranges[at_index(k)];
      const bool whole = range.u.cols == std::min(a.dim(0), a.dim(1));
      all = all && whole;
      if (!whole) lost += std::pow(s, 2) * range.residual;
      z.push_back(std::move(range.y));
      if (k == 0) continue;
      double* y = z.back().mutable_data<double>();  // of terms of norm 1 again
      for (Index i = 0; i < range.u.cols; ++i)
        for (std::size_t r = 0; r < w.size(); ++r, ++y) *y = w[r] != 0 ? *y / w[r] : 0.0;
    }
    const Array core = small_core(z);
    const double core_norm = std::sqrt(sum_of_squares(core.data<double>(), core.size()));
    // Terms cancel: X is smaller than thought. At last nothing at all may be left out.
    if (std::sqrt(lost) > 0.5 * tolerance * core_norm && !all && guess > 0) {
      guess = core_norm > 0 ? std::min(core_norm, 0.1 * guess) : 0.0;
      if (share * guess < 1e-3 * std::numeric_limits<double>::epsilon()) guess = 0;
      continue;
    }
    const double relative = lost == 0 ? 0 : core_norm > 0 ? std::sqrt(lost) / core_norm : 1;
    HosvdOptions inner = o;
    inner.tolerance = std::sqrt(std::max(0.0, tolerance * tolerance - relative * relative));
    inner.method = gram_or_lq(inner.tolerance / std::sqrt(d));
    for (const Range& range : ranges) note_method(report, name_of(range.method));
    if (core_norm == 0) return zero_tucker(input.shape(), input.dtype());
    Steps steps(core.shape(), std::max(inner.tolerance, rounding_floor(DType::f64, core.shape())),
                mode_order(core.shape(), inner, false));
    steps.x = core;
    steps.turn = false;
    truncate_rest<double>(steps, 0, inner, false, false);
    Result<Tucker> result = finished(std::move(steps), inner, DType::f64, total);
    for (int k = 0; k < d; ++k)
      result.tensor.factors[at_index(k)] = array_of(
          product(ranges[at_index(k)].u, matrix_of(result.tensor.factors[at_index(k)])), input.dtype());
    result.tensor.core = result.tensor.core.as(input.dtype());
    report.ranks = result.report.ranks;
    report.order = result.report.order;
    report.error_kind = ErrorKind::bound;
    finish_report(report, std::hypot(relative, result.report.relative_error), o, floor);
    result.report = std::move(report);
    return result;
  }
}

}  // namespace cartan::linalg
