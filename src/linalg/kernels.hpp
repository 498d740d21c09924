#pragma once
// What touches the big tensor: it is seen as (left, n, right) around one mode and read in place.

#include <cstdint>

#include "cartan/core/array.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

/// A mode of extent n with `left` indices before and `right` behind it.
struct ModeView {
  Index left, n, right;
  Index size() const { return left * n * right; }
};
ModeView view_of(const Shape& shape, int mode);

/// y (left, rows, right) = m (rows x n) applied to every x[l] (n x right).
template <class T>
void mode_product(const T* x, ModeView v, Operand<T> m, Index rows, T* y);

/// y[i, r] = sum_l z[l, i, r] a[l, r], v.right columns r.
template <class T>
void contract_left(const T* z, ModeView v, const T* a, T* y);

/// X_(k) X_(k)^T in float64, both triangles.
template <class T>
Matrix mode_gram(const T* x, ModeView v);

/// The triangular factor R (at most n x n) with X_(k)^T = Q R.
template <class T>
Matrix mode_triangle(const T* x, ModeView v);

/// sum x^2 in float64, by fixed blocks.
template <class T>
double sum_of_squares(const T* x, Index size);

/// y (left, r, right) = u^T x with u (n x r), and what is left behind: sum of (x - u y)^2, of x^2.
struct Projection {
  double residual = 0, square = 0;
};
template <class T>
Projection project(const T* x, ModeView v, const Matrix& u, T* y);

}  // namespace cartan::linalg
