// Canonical to Tucker without the full tensor.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/canonical.hpp"
#include "linalg/hosvd.hpp"

namespace cartan::linalg {
namespace {

std::size_t at_index(int k) {
  return static_cast<std::size_t>(k);
}

/// A bound of the 2-norm of A diag(scale): the largest eigenvalue of M = |A| |A|^T is at most max_i (M v)_i / v_i for
/// any v > 0 (Collatz, Wielandt); power iteration makes it sharp. Never above the Frobenius norm.
double spectral_bound(const Matrix& a, const std::vector<double>& scale) {
  constexpr Index width = 1024;
  constexpr int sweeps = 4;
  const Index n = a.rows, blocks = (a.cols + width - 1) / width;
  std::vector<double> v(static_cast<std::size_t>(n), 1.0), frobenius(static_cast<std::size_t>(blocks));
  double bound = 0;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    Matrix part(blocks, n);
    parallel_for(blocks, 1, [&](Index first, Index last) {
      std::vector<double> w(width);
      for (Index b = first; b < last; ++b) {
        const Index begin = b * width, count = std::min(width, a.cols - begin);
        std::fill(w.begin(), w.end(), 0.0);
        for (Index i = 0; i < n; ++i)
          for (Index r = 0; r < count; ++r)
            w[static_cast<std::size_t>(r)] += std::abs(a(i, begin + r)) * v[static_cast<std::size_t>(i)];
        for (Index r = 0; r < count; ++r)
          w[static_cast<std::size_t>(r)] *= std::pow(scale[static_cast<std::size_t>(begin + r)], 2);
        for (Index i = 0; i < n; ++i) {
          double lanes[8] = {};
          for (Index r = 0; r < count; ++r)
            lanes[r % 8] += std::abs(a(i, begin + r)) * w[static_cast<std::size_t>(r)];
          for (double lane : lanes) part(b, i) += lane;
        }
        if (sweep > 0) continue;
        for (Index i = 0; i < n; ++i)
          for (Index r = 0; r < count; ++r)
            frobenius[static_cast<std::size_t>(b)] +=
                std::pow(a(i, begin + r) * scale[static_cast<std::size_t>(begin + r)], 2);
      }
    });
    double largest = 0, worst = 0;
    std::vector<double> u(static_cast<std::size_t>(n));
    for (Index b = 0; b < blocks; ++b)
      for (Index i = 0; i < n; ++i) u[static_cast<std::size_t>(i)] += part(b, i);
    for (std::size_t i = 0; i < u.size(); ++i) {
      worst = std::max(worst, u[i] / v[i]);
      largest = std::max(largest, u[i]);
    }
    bound = sweep == 0 ? worst : std::min(bound, worst);
    if (!(largest > 0)) break;
    for (std::size_t i = 0; i < u.size(); ++i) v[i] = std::max(u[i] / largest, 1e-3);  // stays positive
  }
  // The sums themselves are rounded.
  return std::sqrt(std::min(bound, deterministic_sum(frobenius.data(), blocks))) * (1 + 1e-12);
}

/// sum_r w_r z_1r o ... o z_dr for small matrices Z_k (r_k x R).
Array small_core(const std::vector<double>& w, const std::vector<Matrix>& z) {
  const std::size_t d = z.size();
  Shape shape;
  for (const Matrix& a : z) shape.push_back(a.rows);
  Array core = Array::zeros(shape, DType::f64);
  const Index terms = z[0].cols, last = d > 1 ? z[d - 1].rows : 1, first = z[0].rows;
  const Index middle = core.size() / std::max<Index>(1, first * last);
  double* out = core.mutable_data<double>();
  // core[:, j, :] = (Z_1 diag(w o middle rows j)) Z_d^T, for as many j at a time as make a product of good size.
  constexpr Index length = 256;
  const Index batch = std::clamp<Index>(384 / first, 1, middle);
  const std::vector<double> ones(static_cast<std::size_t>(length), 1.0);
  parallel_for((middle + batch - 1) / batch, 1, [&](Index begin, Index end) {
    std::vector<double> scale(static_cast<std::size_t>(length)), left(static_cast<std::size_t>(batch * first * length)),
        sum(static_cast<std::size_t>(batch * first * last));
    for (Index block = begin; block < end; ++block) {
      const Index j0 = block * batch, rows = std::min(batch, middle - j0);
      std::fill(sum.begin(), sum.end(), 0.0);
      for (Index t = 0; t < terms; t += length) {
        const Index count = std::min(length, terms - t);
        for (Index j = 0; j < rows; ++j) {
          std::copy_n(w.data() + t, count, scale.data());
          Index rest = j0 + j;
          for (std::size_t k = d - 1; k-- > 1;) {
            const double* row = z[k].row(rest % z[k].rows) + t;
            rest /= z[k].rows;
            for (Index r = 0; r < count; ++r) scale[static_cast<std::size_t>(r)] *= row[r];
          }
          for (Index i = 0; i < first; ++i) {
            const double* from = z[0].row(i) + t;
            double* to = left.data() + (j * first + i) * count;
            for (Index r = 0; r < count; ++r) to[r] = from[r] * scale[static_cast<std::size_t>(r)];
          }
        }
        const Operand<double> right =
            d > 1 ? Operand<double>{z[d - 1].data.data() + t, terms, true} : Operand<double>{ones.data(), 1, false};
        multiply_serial<double>(rows * first, last, count, {left.data(), count}, right, sum.data(), last, true);
      }
      for (Index j = 0; j < rows; ++j)
        for (Index i = 0; i < first; ++i)
          std::copy_n(sum.data() + (j * first + i) * last, last, out + (i * middle + j0 + j) * last);
    }
  });
  return core;
}

}  // namespace

Result<Tucker> to_tucker(const Canonical& input, const HosvdOptions& o) {
  input.check("to_tucker");
  check_options("to_tucker", input.shape(), input.dtype(), o);
  const int d = input.order();
  const double floor = rounding_floor(input.dtype(), input.shape());
  const double tolerance = std::max(o.tolerance, floor);

  std::vector<Matrix> factors;
  std::vector<std::vector<double>> norms;
  std::vector<double> w = input.weights.to_vector<double>();
  for (const Array& f : input.factors) {
    factors.push_back(matrix_of(f));
    norms.push_back(column_norms(factors.back()));
  }
  const std::size_t terms = w.size();
  std::vector<double> size(terms);  // |w_r| prod_k ||a_kr||
  double total = 0;
  for (std::size_t r = 0; r < terms; ++r) {
    size[r] = std::abs(w[r]);
    for (const auto& n : norms) size[r] *= n[r];
    require(std::isfinite(size[r]), "[to_tucker] the norm of term ", r, " overflows; scale the weights");
    total = std::hypot(total, size[r]);
  }
  if (total == 0) return zero_tucker(input.shape(), input.dtype());
  // Weighted factors A_k diag(size_r / ||a_kr||), and the 2-norms of the normalized ones.
  std::vector<Basis> bases;
  std::vector<double> spectral;
  const Method method =
      o.method == Method::gram || o.method == Method::lq
          ? o.method
          : gram_or_lq(1e-2 * tolerance / std::sqrt(static_cast<double>(terms + 1)), input.factors[0].dim(0));
  for (int k = 0; k < d; ++k) {
    std::vector<double> weight(terms), inverse(terms);
    for (std::size_t r = 0; r < terms; ++r) {
      inverse[r] = norms[at_index(k)][r] > 0 ? 1 / norms[at_index(k)][r] : 0.0;
      weight[r] = size[r] * inverse[r];
    }
    spectral.push_back(d > 1 ? spectral_bound(factors[at_index(k)], inverse) : 1.0);
    Matrix a = factors[at_index(k)];
    scale_columns(a, weight);
    bases.push_back(basis_of(a, method));
  }
  Result<Tucker> result;
  double norm_of_x = total;  // a first guess, lowered to the norm of the core
  for (int attempt = 0; attempt < 8; ++attempt) {
    std::vector<Matrix> u, z;
    double lost = 0;
    for (int k = 0; k < d; ++k) {
      double s =
          d > 1 ? 1e300 : 1.0;  // the 2-norm of a Khatri-Rao product is at most that of any of its factors
      for (int j = 0; j < d; ++j)
        if (j != k) s = std::min(s, spectral[at_index(j)]);
      const double allowed = s > 0 ? 0.3 * tolerance * norm_of_x / (std::sqrt(d) * s) : 0.0;
      const Index rank = rank_of(bases[at_index(k)].s, allowed);
      lost += std::pow(s * tail(bases[at_index(k)].s, rank), 2);
      u.push_back(first_columns(bases[at_index(k)].u, std::min(rank, bases[at_index(k)].u.cols)));
      z.push_back(product(u.back(), factors[at_index(k)], true, false));
    }
    const Array core = small_core(w, z);
    const double core_norm = norm(matrix_of(core, 1, core.size()));
    const double relative = core_norm > 0 ? std::sqrt(lost) / core_norm : 0;
    if (relative > 0.5 * tolerance && attempt < 7 &&
        core_norm > 0) {  // cancellation: the tensor is smaller than thought
      norm_of_x = std::min(core_norm, 0.5 * norm_of_x);
      continue;
    }
    HosvdOptions inner = o;
    inner.tolerance = std::sqrt(std::max(0.0, tolerance * tolerance - relative * relative));
    inner.method = gram_or_lq(inner.tolerance / std::sqrt(d), core.dim(0));
    result = st_hosvd(core, inner);
    for (int k = 0; k < d; ++k)
      result.tensor.factors[at_index(k)] =
          array_of(product(u[at_index(k)], matrix_of(result.tensor.factors[at_index(k)])), input.dtype());
    result.tensor.core = result.tensor.core.as(input.dtype());
    result.report.method = name_of(method);
    result.report.error_kind = ErrorKind::bound;
    result.report.iterations = attempt + 1;
    finish_report(result.report, std::hypot(relative, result.report.relative_error), o, floor);
    break;
  }
  return result;
}

}  // namespace cartan::linalg
