#pragma once
// What touches the big tensor: it is seen as (left, n, right) around one mode and read in place.

#include <cstdint>

#include "cartan/core/array.hpp"
#include "cartan/core/random.hpp"
#include "linalg/matrix.hpp"
#include "linalg/project_rows.hpp"

namespace cartan::linalg {

/// A mode of extent n with `left` indices before and `right` behind it.
struct ModeView {
  Index left, n, right;
  Index size() const { return left * n * right; }
};
ModeView view_of(const Shape& shape, int mode);

/// y (left, rows, right) = m (rows x n) applied to every x[l] (n x right).
template <class T>
void mode_product(const T* x, ModeView v, MatrixView<T> m, Index rows, T* y);

/// y[i, r] = sum_l z[l, i, r] a[l, r], v.right columns r.
template <class T>
void contract_left(const T* z, ModeView v, const T* a, T* y);

/// y[l, r] = sum_i z[l, i, r] a[i, r].
template <class T>
void contract_right(const T* z, ModeView v, const T* a, T* y);

/// y (columns x r) = x^T k for x (rows x columns), k (rows x r): blocks of rows in parallel, summed in order.
template <class T>
void contract_rows(const T* x, Index rows, Index columns, const T* k, Index r, T* y);

/// X_(k) X_(k)^T in float64, both triangles; of (I - u u^T) X_(k) where orthonormal columns u are given.
template <class T>
Matrix mode_gram(const T* x, ModeView v, const Matrix* u = nullptr);

/// The triangular factor R (at most n x n) with X_(k)^T = Q R.
template <class T>
Matrix mode_triangle(const T* x, ModeView v);

/// sum x^2 in float64, by fixed blocks.
template <class T>
double sum_of_squares(const T* x, Index size);

/// y (left, r, right) = u^T x with u (n x r), and what is left behind; x is read from memory once.
template <class T>
Projection project(const T* x, ModeView v, const Matrix& u, T* y, Residual how = Residual::formed);

/// X_(k) S for a matrix S of p columns of random signs (n x p). Row c of S depends on `first` + c alone, c =
/// l right + r: the sketches of slabs add up to that of the tensor.
template <class T>
Matrix sketch(const T* x, ModeView v, Index p, const Random& random, Index first = 0);

/// X_(k) Y_(k)^T for y (left, r, right): n x r.
template <class T>
Matrix cross_gram(const T* x, ModeView v, const T* y, Index r);

/// About `count` columns of X_(k), in short runs drawn from all parts, as rows.
template <class T>
Matrix sample_columns(const T* x, ModeView v, Index count, const Random& random);

}  // namespace cartan::linalg
