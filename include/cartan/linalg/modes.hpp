#pragma once
/// Contractions of dense tensors with matrices along their modes, as differentiable ops: derivatives of any
/// order. Modes count from 0, negative ones from the end. float32 and float64, types never mix.

#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::linalg {

/// y = x x_mode m: y[.., a, ..] = sum_i m[a, i] x[.., i, ..], m of shape (p, n_mode); with `transpose` m is
/// (n_mode, p) and m[i, a] is used. float32 and float64, both of one type.
Array mode_product(const Array& x, const Array& m, int mode, bool transpose = false);
/// The products with all matrices, in the order of least work; an empty Array leaves its mode alone.
Array mode_products(const Array& x, const std::vector<Array>& matrices, bool transpose = false);

/// The plan of a mode product: x seen as (left, n, right) without permutation.
class ModeProduct {
 public:
  /// For tensors of `shape` and type `dtype`, contracted in `mode` to extent `rows`.
  ModeProduct(const Shape& shape, DType dtype, int mode, Index rows);
  Array operator()(const Array& x, const Array& m, bool transpose = false) const;
  /// "one product" or "a product for each leading index".
  const char* algorithm() const;
  double flops() const;  ///< 2 p size(x)
  double bytes() const;  ///< x, m and y once
  const Shape& output_shape() const { return output_; }

 private:
  Shape shape_, output_;
  DType dtype_;
  int mode_;
  Index left_, n_, right_, rows_;
};

/// A_(mode) B_(mode)^T: g[i, j] = sum of a[.., i, ..] b[.., j, ..] over all other indices; the derivative of
/// a mode product by its matrix. a and b have equal extents in the other modes.
Array mode_contract(const Array& a, const Array& b, int mode);

/// The unfolding X_(mode), n_mode x (all other modes, in order, last fastest), and its inverse.
Array unfold(const Array& x, int mode);
Array fold(const Array& matrix, int mode, const Shape& shape);

/// X_(mode) X_(mode)^T (n x n, float64, both triangles), without forming the unfolding.
Array gram(const Array& x, int mode);
/// The column-wise Kronecker product of matrices n_k x R: (n_1 ... n_d) x R, last index fastest.
Array khatri_rao(const std::vector<Array>& factors);
/// Matricized tensor times Khatri-Rao product: m[i, r] = sum of x[.., i, ..] prod_{j != mode} factors[j][i_j,
/// r]. factors[mode] is not used and may be empty.
Array mttkrp(const Array& x, const std::vector<Array>& factors, int mode);

}  // namespace cartan::linalg
