#include "linalg/basis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cartan::linalg {

Basis from_gram(const Matrix& g) {
  Eigensystem e = eigensystem(g);
  for (double& v : e.values) v = std::sqrt(std::max(v, 0.0));
  return {std::move(e.vectors), std::move(e.values)};
}

Basis from_triangle(const Matrix& r) {
  SVD d = right_svd(r);
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

Method gram_or_lq(double tolerance, Index n) {
  // An eigenvalue carries an error of some eps times the squared norm; n of them make up a tail.
  const double noise = 16 * static_cast<double>(n) * std::numeric_limits<double>::epsilon();
  return tolerance * tolerance > noise ? Method::gram : Method::lq;
}

}  // namespace cartan::linalg
