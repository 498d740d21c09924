#pragma once
// Loops over small row-major matrices. Sizes are ints, or constants known to the compiler (Fixed), which
// unrolls them.

#include <cmath>
#include <type_traits>

namespace cartan::functional {

template <int N>
using Fixed = std::integral_constant<int, N>;

/// l l^T = a, lower triangle; rows of a direction that a does not have are zero. Semi-definite a.
template <class N>
inline void cholesky_semidefinite(N n, const double* a, double* l) {
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) l[i * n + j] = 0;
  for (int j = 0; j < n; ++j) {
    double d = a[j * n + j];
    const double limit = 1e-14 * d;
    for (int k = 0; k < j; ++k) d -= l[j * n + k] * l[j * n + k];
    if (!(d > limit)) continue;
    const double root = std::sqrt(d), inverse = 1 / root;
    l[j * n + j] = root;
    for (int i = j + 1; i < n; ++i) {
      double s = a[i * n + j];
      for (int k = 0; k < j; ++k) s -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = s * inverse;
    }
  }
}

/// b = k k^T for a positive definite b, in place, with the reciprocals of the diagonal; the product of the
/// diagonal of k.
template <class N>
inline double cholesky(N n, double* b, double* inverse) {
  double product = 1;
  for (int j = 0; j < n; ++j) {
    double d = b[j * n + j];
    for (int k = 0; k < j; ++k) d -= b[j * n + k] * b[j * n + k];
    const double root = std::sqrt(d);
    product *= root;
    inverse[j] = 1 / root;
    b[j * n + j] = root;
    for (int i = j + 1; i < n; ++i) {
      double s = b[i * n + j];
      for (int k = 0; k < j; ++k) s -= b[i * n + k] * b[j * n + k];
      b[i * n + j] = s * inverse[j];
    }
  }
  return product;
}

/// Columns of x (rows, n) times k^-T: x k^T = given, row by row.
template <class M, class N>
inline void divide_rows(M rows, N n, double* x, const double* k, const double* inverse) {
  for (int i = 0; i < rows; ++i) {
    double* row = x + i * n;
    for (int j = 0; j < n; ++j) {
      double s = row[j];
      for (int c = 0; c < j; ++c) s -= row[c] * k[j * n + c];
      row[j] = s * inverse[j];
    }
  }
}

/// c (m, n) = a (m, k) b (k, n)
template <class M, class K, class N>
inline void multiply(M m, K k, N n, const double* a, const double* b, double* c) {
  for (int i = 0; i < m; ++i) {
    double* row = c + i * n;
    for (int j = 0; j < n; ++j) row[j] = 0;
    for (int l = 0; l < k; ++l) {
      const double x = a[i * k + l];
      const double* other = b + l * n;
      for (int j = 0; j < n; ++j) row[j] += x * other[j];
    }
  }
}

/// c (m, n) += sign a (m, k) b^T, b (n, k)
template <class M, class K, class N>
inline void add_product_transposed(M m, K k, N n, double sign, const double* a, const double* b, double* c) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      double s = 0;
      for (int l = 0; l < k; ++l) s += a[i * k + l] * b[j * k + l];
      c[i * n + j] += sign * s;
    }
}

/// y (m) = a (m, n) x
template <class M, class N>
inline void apply(M m, N n, const double* a, const double* x, double* y) {
  for (int i = 0; i < m; ++i) {
    double s = 0;
    for (int j = 0; j < n; ++j) s += a[i * n + j] * x[j];
    y[i] = s;
  }
}

}  // namespace cartan::functional
