#include "linalg/basis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cartan::linalg {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();
/// Relative tails below this take more Gram matrices than the triangular factor is worth.
constexpr double least_gram = 1e-12;

}  // namespace

Basis from_gram(const Matrix& g) {
  Eigensystem e = eigensystem(g);
  for (double& v : e.values) v = std::sqrt(std::max(v, 0.0));
  return {std::move(e.vectors), std::move(e.values)};
}

Basis from_triangle(const Matrix& r) {
  SVD d = svd(r);
  return {std::move(d.v), std::move(d.s)};
}

namespace {

Basis from_tall(const Matrix& a) {
  const QR f = qr(a);
  SVD d = svd(f.r);
  return {product(f.q, d.u), std::move(d.s)};
}

}  // namespace

template <class T>
Basis basis_of(const T* x, ModeView v, Method method) {
  const Index columns = v.left * v.right;
  if (v.n > columns) {
    Matrix a(v.n, columns);
    for (Index l = 0; l < v.left; ++l)
      for (Index i = 0; i < v.n; ++i)
        std::copy_n(x + (l * v.n + i) * v.right, v.right, a.row(i) + l * v.right);
    return from_tall(a);
  }
  return method == Method::gram ? from_gram(mode_gram(x, v)) : from_triangle(mode_triangle(x, v));
}
template Basis basis_of(const float*, ModeView, Method);
template Basis basis_of(const double*, ModeView, Method);

Basis basis_of(const Matrix& a, Method method) {
  return basis_of(a.data.data(), {1, a.rows, a.cols}, method);
}

Method gram_or_lq(double tolerance) {
  return tolerance > least_gram ? Method::gram : Method::lq;
}

namespace {

/// u with the first `count` columns of v, made orthogonal to those of u.
Matrix joined(const Matrix& u, const Matrix& v, Index count) {
  Matrix more = first_columns(v, count);
  if (u.cols == 0) return more;
  for (int twice = 0; twice < 2; ++twice) {
    const Matrix along = product(u, product(u, more, true));
    for (std::size_t i = 0; i < more.data.size(); ++i) more.data[i] -= along.data[i];
    more = qr(more).q;
  }
  Matrix all(u.rows, u.cols + count);
  for (Index i = 0; i < u.rows; ++i) {
    std::copy_n(u.row(i), u.cols, all.row(i));
    std::copy_n(more.row(i), count, all.row(i) + u.cols);
  }
  return all;
}

/// How many of the columns of a range are needed to leave no more than `budget` behind.
template <class T>
Index least_columns(const Range& r, int mode, double budget) {
  const ModeView v = view_of(r.y.shape(), mode);
  double left = r.residual;
  Index count = v.n;
  for (; count > 1; --count) {
    double square = 0;
    for (Index l = 0; l < v.left; ++l) {
      const T* row = r.y.data<T>() + (l * v.n + count - 1) * v.right;
      for (Index j = 0; j < v.right; ++j) square += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    }
    left += square;
    if (!(left <= budget)) break;
  }
  return count;
}

double trace(const Matrix& g) {
  double sum = 0;
  for (Index i = 0; i < g.rows; ++i) sum += g(i, i);
  return sum;
}

}  // namespace

template <class T>
Range leading_range(const Array& x, int mode, Method method, Index most,
                    const std::function<double(double square)>& allowed, Matrix known, bool turn) {
  const ModeView v = view_of(x.shape(), mode);
  most = std::min(most, v.n);
  Range r;
  auto take = [&](Matrix u) {
    r.u = std::move(u);
    Shape shape = x.shape();
    shape[static_cast<std::size_t>(mode)] = r.u.cols;
    r.y = Array::uninitialized(shape, x.dtype());
    r.residual = project(x.data<T>(), v, r.u, r.y.mutable_data<T>()).residual;
  };
  auto take_all_at_once = [&] {
    r.method = method;
    const Basis basis = basis_of(x.data<T>(), v, Method::lq);
    const double budget = allowed(std::pow(tail(basis.s, 0), 2));
    // The SVD leaves its vectors orthogonal to some 1e-14 alone.
    take(qr(first_columns(basis.u, std::min(rank_of(basis.s, std::sqrt(budget)), most))).q);
  };
  if (method == Method::lq || v.n > v.left * v.right) {
    take_all_at_once();
    return r;
  }
  double square = -1;
  for (Matrix u = std::move(known);;) {
    const Matrix g = mode_gram(x.data<T>(), v, u.cols > 0 ? &u : nullptr);
    const double rest = trace(g);
    if (square < 0) square = rest;
    const double budget = allowed(square);
    if (u.cols > 0 && rest <= budget) {
      take(std::move(u));
      return r;
    }
    if (budget < least_gram * least_gram * square) {
      method = Method::lq;
      take_all_at_once();
      return r;
    }
    const Eigensystem e = leading_eigensystem(g, std::max(1e-6 * budget, 4 * epsilon * rest));
    std::vector<double> s;
    Index sure = 1;
    for (double value : e.values) {
      s.push_back(std::sqrt(std::max(value, 0.0)));
      if (s.back() * std::sqrt(budget) > 10 * epsilon * rest) sure = static_cast<Index>(s.size());
    }
    const Index room = most - u.cols, fitting = std::min(rank_of(s, std::sqrt(budget)), room);
    const bool last = fitting <= sure || fitting == room || !(rest > 0);
    if (!turn && u.cols == 0 && fitting == v.n) {
      r.u = identity(v.n);
      r.y = x;
      return r;
    }
    if (last || e.vectors.cols < v.n) {  // few columns hold all that can be seen: they may be enough
      take(joined(u, e.vectors, fitting));
      if (!(r.residual > budget)) {
        // Columns that only rounding made seem needed go: their part of x is known now.
        const Index needed = least_columns<T>(r, mode, budget);
        if (needed < r.u.cols) take(first_columns(r.u, needed));
        return r;
      }
      if (r.u.cols == most || !(rest > 0)) return r;
    }
    u = joined(u, e.vectors, std::min(fitting, sure));
  }
}
template Range leading_range<float>(const Array&, int, Method, Index, const std::function<double(double)>&,
                                    Matrix, bool);
template Range leading_range<double>(const Array&, int, Method, Index, const std::function<double(double)>&,
                                     Matrix, bool);

}  // namespace cartan::linalg
