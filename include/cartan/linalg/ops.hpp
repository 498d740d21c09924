#pragma once
/// Low-rank formats and factorisations as differentiable ops: derivatives of any order in all float32 or
/// float64 arguments. Contractions along modes are in <cartan/linalg/modes.hpp>. All throw
/// std::invalid_argument "[op] ..." for shapes or types that do not fit.

#include <vector>

#include <cartan/autodiff/indices.hpp>
#include <cartan/autodiff/primitive.hpp>

namespace cartan::linalg {

/// @name Whole tensors
///@{
/// X[i_1, ..., i_d] = sum over a of core[a_1, ..., a_d] prod_k factors[k][i_k, a_k]; core (r_1, ..., r_d),
/// factors[k] (n_k, r_k).
Array tucker_full(const Array& core, const std::vector<Array>& factors);
/// X[i_1, ..., i_d] = sum over r of weights[r] prod_k factors[k][i_k, r]; factors[k] (n_k, R), weights (R),
/// or empty: ones.
Array canonical_full(const std::vector<Array>& factors, const Array& weights = {});
/// X[i_1, ..., i_d] = cores[0][0, i_1, :] ... cores[d-1][:, i_d, 0]; cores[k] (r_(k-1), n_k, r_k), r_0 = r_d
/// = 1.
Array tensor_train_full(const std::vector<Array>& cores);
///@}

/// Places in a tensor of a shape. Cheap to copy; the entries of every slice are sorted once.
class Entries {
 public:
  /// @param indices  (N, d) int64, a multi-index a row
  /// Throws std::invalid_argument for an index outside of the shape.
  Entries(const Array& indices, Shape shape);
  Index size() const { return size_; }
  int order() const { return static_cast<int>(modes_.size()); }
  const Shape& shape() const { return shape_; }
  const Indices& mode(int k) const { return modes_[static_cast<std::size_t>(k)]; }  ///< k-th index of each

 private:
  Index size_ = 0;
  Shape shape_;
  std::vector<Indices> modes_;
};

/// @name Entries of tensors in a format, without the tensor: arrays (N)
/// As multilinear forms of the format's parts: a derivative costs about what the entries cost, a part at a
/// time, summed in float64 in an order that depends on the sizes alone.
///@{
Array tucker_at(const Array& core, const std::vector<Array>& factors, const Entries& entries);
Array canonical_at(const std::vector<Array>& factors, const Entries& entries, const Array& weights = {});
Array tensor_train_at(const std::vector<Array>& cores, const Entries& entries);
///@}

/// @name Triangular factors of batches of matrices, (..., n, n)
///@{
/// L with L L^T = (a + a^T) / 2, lower triangular. Throws std::invalid_argument for a matrix that is not
/// positive definite in its precision.
Array cholesky(const Array& a);
/// op(l)^-1 b with op(l) = l, or its transpose; the lower triangle of l is used. b (..., n, m); leading axes
/// are equal, or absent on one side. Throws std::invalid_argument for a zero on the diagonal.
Array solve_triangular(const Array& l, const Array& b, bool transpose = false);
/// (l l^T)^-1 b
Array solve_cholesky(const Array& l, const Array& b);
/// The diagonals (..., n). log det(L L^T) = 2 sum(log(diagonal(l)), -1).
Array diagonal(const Array& a);
///@}

}  // namespace cartan::linalg
