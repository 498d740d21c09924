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

/// A bound of the 2-norm of A: the largest eigenvalue of M = |A| |A|^T is at most max_i (M v)_i / v_i for
/// any v > 0 (Collatz, Wielandt); power iteration makes it sharp. Never above the Frobenius norm.
double spectral_bound(const Matrix& a) {
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
        for (Index i = 0; i < n; ++i) {
          double lanes[8] = {};
          for (Index r = 0; r < count; ++r)
            lanes[r % 8] += std::abs(a(i, begin + r)) * w[static_cast<std::size_t>(r)];
          for (double lane : lanes) part(b, i) += lane;
        }
        if (sweep > 0) continue;
        for (Index i = 0; i < n; ++i)
          for (Index r = 0; r < count; ++r)
            frobenius[static_cast<std::size_t>(b)] += a(i, begin + r) * a(i, begin + r);
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

/// Basis of A diag(w).
Basis weighted_basis(const Matrix& a, const std::vector<double>& w, Method method) {
  if (a.rows > a.cols) {
    Matrix weighted = a;
    scale_columns(weighted, w);
    return basis_of(weighted, method);
  }
  constexpr Index length = 1024, most_parts = 16;
  const Index n = a.rows, blocks = (a.cols + length - 1) / length, parts = std::min(blocks, most_parts);
  std::vector<Matrix> sums(static_cast<std::size_t>(parts), Matrix(n, n));
  std::vector<TriangularFactor> triangles(static_cast<std::size_t>(parts), TriangularFactor(n));
  parallel_for(parts, 1, [&](Index first, Index last) {
    std::vector<double> rows(static_cast<std::size_t>(length * n));
    for (Index p = first; p < last; ++p)
      for (Index b = blocks * p / parts; b < blocks * (p + 1) / parts; ++b) {
        const Index begin = b * length, count = std::min(length, a.cols - begin);
        for (Index r0 = 0; r0 < count; r0 += 8)
          for (Index i = 0; i < n; ++i)
            for (Index r = r0; r < std::min(count, r0 + 8); ++r)
              rows[static_cast<std::size_t>(r * n + i)] =
                  a(i, begin + r) * w[static_cast<std::size_t>(begin + r)];
        if (method == Method::gram)
          add_gram(n, count, rows.data(), sums[static_cast<std::size_t>(p)].data.data());
        else
          triangles[static_cast<std::size_t>(p)].add(rows.data(), count);
      }
  });
  if (method == Method::gram) {
    for (std::size_t p = 1; p < sums.size(); ++p)
      for (std::size_t i = 0; i < sums[0].data.size(); ++i) sums[0].data[i] += sums[p].data[i];
    return from_gram(sums[0]);
  }
  TriangularFactor all(n);
  for (const TriangularFactor& t : triangles) all.add(t.r().data.data(), t.r().rows);
  return from_triangle(all.r());
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
        const Operand<double> right = d > 1 ? Operand<double>{z[d - 1].data.data() + t, terms, true}
                                            : Operand<double>{ones.data(), 1, false};
        multiply_serial<double>(rows * first, last, count, {left.data(), count}, right, sum.data(), last,
                                true);
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

  // Normalized columns; their norms go into the weights.
  std::vector<Matrix> factors;
  std::vector<double> w = input.weights.to_vector<double>();
  for (const Array& f : input.factors) {
    factors.push_back(matrix_of(f));
    std::vector<double> norms = column_norms(factors.back());
    for (std::size_t r = 0; r < w.size(); ++r) {
      w[r] *= norms[r];
      norms[r] = norms[r] > 0 ? 1 / norms[r] : 0.0;
    }
    scale_columns(factors.back(), norms);
  }
  const double total = std::sqrt(sum_of_squares(w.data(), static_cast<Index>(w.size())));
  require(std::isfinite(total), "[to_tucker] the norms of the terms overflow; scale the weights");
  if (total == 0) return zero_tucker(input.shape(), input.dtype());

  // Mode k loses at most s_k times what its weighted factor loses, s_k the 2-norm of the Khatri-Rao product
  // of the other factors: no more than that of any one of them, since columns have norm 1.
  std::vector<double> single, s(at_index(d), 1.0);
  for (const Matrix& a : factors) single.push_back(d > 1 ? spectral_bound(a) : 1.0);
  for (int k = 0; k < d; ++k)
    for (int j = 0; j < d; ++j)
      if (j != k)
        s[at_index(k)] =
            j == (k == 0 ? 1 : 0) ? single[at_index(j)] : std::min(s[at_index(k)], single[at_index(j)]);
  auto share = [&](int k) { return 0.3 * tolerance / (std::sqrt(d) * s[at_index(k)]); };

  Report report;
  auto method_of = [&](int k) {
    return o.method == Method::gram || o.method == Method::lq
               ? o.method
               : gram_or_lq(share(k), factors[at_index(k)].rows);
  };
  for (int k = 0; k < d; ++k) note_method(report, name_of(method_of(k)));
  // Modes side by side where one has too few terms to be shared out; the numbers are the same either way.
  std::vector<Basis> bases(at_index(d));
  parallel_for(d, w.size() <= 4096 ? 1 : d, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k)
      bases[static_cast<std::size_t>(k)] =
          weighted_basis(factors[static_cast<std::size_t>(k)], w, method_of(static_cast<int>(k)));
  });

  double guess = total;  // of ||X||
  for (;;) {
    ++report.iterations;
    std::vector<Matrix> u, z;
    double lost = 0;
    bool all = true;  // nothing is left out
    for (int k = 0; k < d; ++k) {
      const Basis& basis = bases[at_index(k)];
      const Index rank = rank_of(basis.s, share(k) * guess);
      all = all && rank == static_cast<Index>(basis.s.size());
      lost += std::pow(s[at_index(k)] * tail(basis.s, rank), 2);
      u.push_back(first_columns(basis.u, rank));
      z.push_back(product(u.back(), factors[at_index(k)], true, false));
    }
    const Array core = small_core(w, z);
    const double core_norm = norm(matrix_of(core, 1, core.size()));
    if (std::sqrt(lost) > 0.5 * tolerance * core_norm && !all) {  // terms cancel: X is smaller than thought
      guess = core_norm > 0 ? std::min(core_norm, 0.1 * guess) : 0.0;
      continue;
    }
    const double relative = lost == 0 ? 0 : core_norm > 0 ? std::sqrt(lost) / core_norm : 1;
    HosvdOptions inner = o;
    inner.tolerance = std::sqrt(std::max(0.0, tolerance * tolerance - relative * relative));
    inner.method = gram_or_lq(inner.tolerance / std::sqrt(d),
                              *std::max_element(core.shape().begin(), core.shape().end()));
    Result<Tucker> result = st_hosvd(core, inner);
    for (int k = 0; k < d; ++k)
      result.tensor.factors[at_index(k)] =
          array_of(product(u[at_index(k)], matrix_of(result.tensor.factors[at_index(k)])), input.dtype());
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
