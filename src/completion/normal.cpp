#include "completion/normal.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::completion {

namespace {

double dot(const double* a, const double* b, Index n) {
  using V = Register<double>;
  constexpr Index lanes = register_lanes<double>;
  Index k = 0;
  double s = 0;
  if (n >= lanes) {
    V sum{};
    for (; k + lanes <= n; k += lanes) sum += load<V>(a + k) * load<V>(b + k);
    s = horizontal_sum<double>(sum);
  }
  for (; k < n; ++k) s += a[k] * b[k];
  return s;
}

}  // namespace

bool cholesky_in_place(double* a, Index n, Index stride) {
  for (Index j = 0; j < n; ++j) {
    double* aj = a + j * stride;
    double d = aj[j];
    const double whole = d;
    d -= dot(aj, aj, j);
    if (!(d > 1e-13 * whole) || !std::isfinite(d)) return false;
    aj[j] = std::sqrt(d);
    const double by = 1 / aj[j];
    for (Index i = j + 1; i < n; ++i) {
      double* ai = a + i * stride;
      ai[j] = (ai[j] - dot(ai, aj, j)) * by;
    }
  }
  return true;
}

void solve_in_place(const double* l, Index n, Index stride, double* x) {
  for (Index i = 0; i < n; ++i) {
    x[i] = (x[i] - dot(l + i * stride, x, i)) / l[i * stride + i];
  }
  for (Index i = n; i-- > 0;) {
    x[i] /= l[i * stride + i];
    for (Index k = 0; k < i; ++k) x[k] -= l[i * stride + k] * x[i];
  }
}

Normal::Normal(const linalg::Matrix& g, Index rank) : rank_(rank) {
  linalg::Matrix l = g;
  if (cholesky_in_place(l.data.data(), rank, rank)) {
    // rows of L^-1: products with them have no divisions and no recursion
    inverse_ = linalg::Matrix(rank, rank);
    for (Index c = 0; c < rank; ++c)
      for (Index i = c; i < rank; ++i) {
        double s = i == c ? 1 : 0;
        for (Index k = c; k < i; ++k) s -= l(i, k) * inverse_(k, c);
        inverse_(i, c) = s / l(i, i);
      }
    return;
  }
  triangular_ = false;
  linalg::Matrix one = linalg::identity(rank);
  inverse_ = linalg::solve_symmetric(g, one);
}

void Normal::solve(double* x) const {
  constexpr Index small = 64;
  double local[small];
  std::vector<double> large;
  double* y = local;
  if (rank_ > small) large.resize(static_cast<std::size_t>(rank_)), y = large.data();
  if (!triangular_) {
    std::copy_n(x, rank_, y);
    for (Index i = 0; i < rank_; ++i) {
      double s = 0;
      for (Index k = 0; k < rank_; ++k) s += inverse_(i, k) * y[k];
      x[i] = s;
    }
    return;
  }
  for (Index i = 0; i < rank_; ++i) {
    double s = 0;
    for (Index k = 0; k <= i; ++k) s += inverse_(i, k) * x[k];
    y[i] = s;
  }
  std::fill_n(x, rank_, 0.0);
  for (Index i = 0; i < rank_; ++i)
    for (Index k = 0; k <= i; ++k) x[k] += inverse_(i, k) * y[i];
}

void descend_nonnegative(const linalg::Matrix& g, Index rank, const double* m, double* u, Index rows,
                         Index width, int passes) {
  parallel_for(rows, std::clamp<Index>(100000 / (passes * rank * rank), 16, 4096), [&](Index b, Index e) {
    for (Index i = b; i < e; ++i) {
      double* x = u + i * width;
      const double* y = m + i * width;
      for (int pass = 0; pass < passes; ++pass)
        for (Index r = 0; r < rank; ++r) {
          double s = y[r];
          for (Index q = 0; q < rank; ++q)
            if (q != r) s -= g(r, q) * x[q];
          x[r] = g(r, r) > 0 ? std::max(0.0, s / g(r, r)) : 0.0;
        }
    }
  });
}

}  // namespace cartan::completion
