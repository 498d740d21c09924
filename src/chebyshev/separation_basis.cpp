#include "chebyshev/separation_basis.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/chebyshev/basis.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "chebyshev/series.hpp"

namespace cartan::chebyshev {
namespace {

using linalg::Matrix;

Matrix gaussian_on_nodes(double rate, const Array& x) {
  const Index m = x.size();
  const double* p = x.data<double>();
  Matrix g(m, m);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j <= i; ++j) {
      const double d = rate * (p[i] - p[j]);
      g(i, j) = g(j, i) = std::exp(-d * d);
    }
  return g;
}

Matrix coefficients_of(const Matrix& values) {
  const Array a = linalg::array_of(values, DType::f64);
  Matrix b = linalg::matrix_of(values_to_coefficients(values_to_coefficients(a, 0), 1));
  for (Index i = 0; i < b.rows; ++i)  // symmetric to the last bit: energies are quadratic forms of it
    for (Index j = 0; j < i; ++j) b(i, j) = b(j, i) = 0.5 * (b(i, j) + b(j, i));
  return b;
}

// Number of nodes at which the sharpest Gaussian's coefficients have fallen below the tolerance: those of
// exp(-(t (x - y))^2) at y = 0 are, up to a factor, exp(-t^2/2) I_k(t^2/2).
Index nodes_for(double rate, double tolerance) {
  for (Index m = 17;; m = m + m / 8) {
    require(m <= 4000, "[RangeSeparation] a box ", rate,
            " times as wide as the sharpest long-range Gaussian is too large for this tolerance; choose a "
            "larger cutoff, or for a screened kernel one of at most "
            "ten screening lengths");
    const Array x = nodes(m);
    double worst = 0;  // the tail over a few centres
    for (const double y : {0.0, 0.3, 1.0}) {
      Array f = Array::uninitialized({m}, DType::f64);
      for (Index i = 0; i < m; ++i) {
        const double d = rate * (x.data<double>()[i] - y);
        f.mutable_data<double>()[i] = std::exp(-d * d);
      }
      const Array c = values_to_coefficients(f, 0);
      for (Index i = m - m / 9; i < m; ++i) worst = std::max(worst, std::abs(c.data<double>()[i]));
    }
    if (worst <= tolerance) return m;
  }
}

// A vector of the basis: its coefficients, and the singular value it comes from.
struct Direction {
  double value = 0;
  std::vector<double> coefficients;
};

// Left singular vectors of [w_1 B_1, w_2 B_2, ...]. Even and odd polynomials do not mix: exp(-t^2 (x - y)^2)
// does not change with the signs of both.
std::vector<Direction> directions_of(const std::vector<Matrix>& b, const std::vector<double>& weight) {
  const Index m = b[0].rows;
  std::vector<Direction> all;
  for (const Index parity : {Index{0}, Index{1}}) {
    const Index half = (m - parity + 1) / 2;
    if (half == 0) continue;
    linalg::TriangularFactor stacked(half);
    for (std::size_t k = 0; k < b.size(); ++k) {
      Matrix rows(half, half);
      for (Index i = 0; i < half; ++i)
        for (Index j = 0; j < half; ++j) rows(i, j) = weight[k] * b[k](2 * i + parity, 2 * j + parity);
      stacked.add(rows.data.data(), half);
    }
    const linalg::SVD s = linalg::svd(stacked.r());
    for (Index a = 0; a < static_cast<Index>(s.s.size()); ++a) {
      Direction d{s.s[a], std::vector<double>(m, 0.0)};
      for (Index i = 0; i < half; ++i) d.coefficients[2 * i + parity] = s.v(i, a);
      all.push_back(std::move(d));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.value > y.value; });
  return all;
}

// The largest error on the nodes of the Gaussians in the basis.
double worst_error(const SeparationBasis& basis, const std::vector<double>& weight,
                   const std::vector<Matrix>& values) {
  const Matrix phi = linalg::matrix_of(coefficients_to_values(linalg::array_of(basis.factor, DType::f64), 0));
  std::vector<double> errors(weight.size());
  parallel_for(static_cast<Index>(weight.size()), 1, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      const Matrix g = product(product(phi, basis.interaction[k]), phi, false, true);
      double worst = 0;
      for (std::size_t i = 0; i < g.data.size(); ++i)
        worst = std::max(worst, std::abs(g.data[i] - values[k].data[i]));
      errors[k] = weight[k] * worst;
    }
  });
  return std::accumulate(errors.begin(), errors.end(), 0.0);
}

}  // namespace

SeparationBasis separation_basis(const GaussianSum& sum, double tolerance) {
  const double heaviest = *std::max_element(sum.weight.begin(), sum.weight.end());
  const Index m = nodes_for(sum.rate.back(), 0.05 * tolerance / (sum.at_zero() + heaviest));
  const Array x = nodes(m);
  const Index terms = sum.size();
  std::vector<Matrix> values(terms), b(terms);
  parallel_for(terms, 1, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      values[k] = gaussian_on_nodes(sum.rate[k], x);
      b[k] = coefficients_of(values[k]);
    }
  });
  const std::vector<Direction> all = directions_of(b, sum.weight);
  std::vector<double> singular;
  for (const Direction& d : all) singular.push_back(d.value);
  // From the Frobenius norm of what is left out to the largest error is a small factor: measured, and the
  // rank raised until it fits.
  SeparationBasis basis;
  for (Index r = linalg::rank_of(singular, tolerance);; r = std::min<Index>(m, r + 1 + r / 24)) {
    basis.factor = Matrix(m, r);
    for (Index a = 0; a < r; ++a)
      for (Index i = 0; i < m; ++i) basis.factor(i, a) = all[a].coefficients[i];
    basis.interaction.assign(terms, Matrix());
    parallel_for(terms, 1, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        Matrix s = product(product(basis.factor, b[k], true), basis.factor);
        for (Index i = 0; i < r; ++i)
          for (Index j = 0; j < i; ++j) s(i, j) = s(j, i) = 0.5 * (s(i, j) + s(j, i));
        basis.interaction[k] = std::move(s);
      }
    });
    basis.error = worst_error(basis, sum.weight, values);
    if (basis.error <= tolerance || r == m) return basis;
  }
}

}  // namespace cartan::chebyshev
