#pragma once
// Leading left singular vectors of an unfolding.

#include <functional>

#include "cartan/linalg/report.hpp"
#include "linalg/kernels.hpp"

namespace cartan::linalg {

/// Orthonormal columns, all min(n, left * right) of them, with falling singular values.
struct Basis {
  Matrix u;
  std::vector<double> s;
};

/// By `method`, gram or lq. An unfolding with more rows than columns goes through its QR decomposition.
template <class T>
Basis basis_of(const T* x, ModeView v, Method method);

/// The same for the columns of a given matrix.
Basis basis_of(const Matrix& a, Method method);

/// Of a matrix with the Gram matrix g = A A^T.
Basis from_gram(const Matrix& g);

/// Of a matrix A with A^T = Q R.
Basis from_triangle(const Matrix& r);

/// gram for relative tails that leading_range() finds faster by Gram matrices, otherwise lq.
Method gram_or_lq(double tolerance);

/// Orthonormal columns u, y = u^T x along the mode, and what they leave behind.
struct Range {
  Matrix u;
  Array y;
  double residual = 0;           ///< ||x - u y||^2, formed
  Method method = Method::gram;  ///< gram or lq
};

/// The least number of columns, `most` or fewer, that leave no more than allowed(||x||^2) of x behind.
/// `gram` finds them by eigenvectors of G = X_(k) X_(k)^T. Rounding turns the i-th by some eps ||x|| /
/// sigma_i, so where the residual of the columns that should do is too large, those that are sure are kept,
/// and the rest comes from the Gram matrix of what they leave behind. `known` are columns to begin with.
/// Where all columns are needed u is the identity unless `turn`.
template <class T>
Range leading_range(const Array& x, int mode, Method method, Index most,
                    const std::function<double(double square)>& allowed, Matrix known = {}, bool turn = true);

}  // namespace cartan::linalg
