#pragma once
// The projection of contiguous rows onto few vectors, with its residual, in one pass: x is read from memory
// once.

#include "cartan/core/array.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

struct Projection {
  double residual = 0, square = 0;  ///< sum of (x - y u^T)^2, and of x^2
};

/// How the residual of a projection is found: not at all, as ||x||^2 - ||y||^2 (float64; half the work) where
/// that leaves six digits or more, or formed.
enum class Residual { none, by_norms, formed };

/// y (rows x r) = x u for x (rows x n), u (n x r); the residual needs orthonormal columns.
template <class T>
Projection project_rows(const T* x, Index rows, const Matrix& u, T* y, Residual residual = Residual::formed);

/// y[l] (r x columns) = u^T x[l] for slices x[l] (n x columns).
template <class T>
Projection project_slices(const T* x, Index slices, Index columns, const Matrix& u, T* y,
                          Residual residual = Residual::formed);

constexpr double least_difference = 1e-9;  ///< of two squared norms that leaves six digits in float64

}  // namespace cartan::linalg
