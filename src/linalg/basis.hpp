#pragma once
// Leading left singular vectors of an unfolding.

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

/// gram where its rounding errors stay below a relative tail of `tolerance` for n singular values, otherwise
/// lq.
Method gram_or_lq(double tolerance, Index n);

}  // namespace cartan::linalg
