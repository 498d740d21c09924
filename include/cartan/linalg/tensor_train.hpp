#pragma once
/// Tensors in tensor-train format (Oseledets, SIAM J. Sci. Comput. 33, 2011).

#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>
#include <cartan/linalg/report.hpp>

namespace cartan::linalg {

/// X[i_1, ..., i_d] = cores[0][0, i_1, :] cores[1][:, i_2, :] ... cores[d-1][:, i_d, 0].
/// Functions that take one check it first (std::invalid_argument). Sums are in float64, results have its
/// type.
struct TensorTrain {
  std::vector<Array> cores;  ///< d >= 1 arrays (r_{k-1}, n_k, r_k), r_0 = r_d = 1

  int order() const { return static_cast<int>(cores.size()); }
  Shape shape() const;
  std::vector<Index> ranks() const;  ///< r_1, ..., r_{d-1}
  DType dtype() const { return cores.empty() ? DType::f64 : cores[0].dtype(); }
  /// Throws std::invalid_argument unless types and shapes fit and every number is finite.
  void check(const char* caller) const;

  Array full() const;
  /// Entry of one multi-index.
  double at(const std::vector<Index>& index) const;
  /// Entries of N multi-indices, the rows of `indices` (N x d, int64): an array (N).
  Array at(const Array& indices) const;

  /// Writes arrays `cores/0`, ... and the attribute `kind`.
  void save(data::Group& group) const;
  /// Throws FormatError naming the object for anything but what save() writes.
  static TensorTrain load(const data::Group& group);
};

/// The same tensor with left-orthonormal cores before `center` and right-orthonormal ones behind it.
TensorTrain orthogonalized(const TensorTrain& x, int center);
/// Frobenius norm, by orthogonalisation.
double norm(const TensorTrain& x);
/// sum_i x_i y_i
double inner(const TensorTrain& x, const TensorTrain& y);
/// Ranks add; follow by round().
TensorTrain operator+(const TensorTrain& x, const TensorTrain& y);
TensorTrain operator-(const TensorTrain& x, const TensorTrain& y);
TensorTrain operator*(double a, const TensorTrain& x);
/// Entrywise product; ranks multiply.
TensorTrain hadamard(const TensorTrain& x, const TensorTrain& y);
/// Smallest ranks, bond after bond, with an error of at most tolerance * ||x||; the first core is the centre.
Result<TensorTrain> round(const TensorTrain& x, double tolerance, const std::vector<Index>& max_ranks = {});

}  // namespace cartan::linalg
