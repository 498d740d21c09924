#pragma once
// The projection of contiguous rows onto few vectors, with its residual, in one pass: x is read from memory
// once.

#include "cartan/core/array.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

struct Projection {
  double residual = 0, square = 0;  ///< sum of (x - y u^T)^2, and of x^2
};

/// y (rows x r) = x u for x (rows x n), u (n x r) with orthonormal columns. `by_norms` (float64 alone): the
/// residual is
/// ||x||^2 - ||y||^2 where that leaves six digits or more, which saves half the work; otherwise it is formed.
template <class T>
Projection project_rows(const T* x, Index rows, const Matrix& u, T* y, bool by_norms = false);

}  // namespace cartan::linalg
