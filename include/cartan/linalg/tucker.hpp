#pragma once
/// Tensors in Tucker format.

#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>
#include <cartan/linalg/report.hpp>

namespace cartan::linalg {

/// X[i_1, ..., i_d] = sum_{a_1, ..., a_d} core[a_1, ..., a_d] prod_k factors[k][i_k, a_k].
/// Functions that take one check it first (std::invalid_argument). Sums are in float64, results have its
/// type.
struct Tucker {
  Array core;                  ///< (r_1, ..., r_d)
  std::vector<Array> factors;  ///< d >= 1 matrices n_k x r_k

  int order() const { return static_cast<int>(factors.size()); }
  Shape shape() const;
  const Shape& ranks() const { return core.shape(); }
  DType dtype() const { return core.dtype(); }
  /// Throws std::invalid_argument unless types and shapes fit and every number is finite.
  void check(const char* caller) const;

  Array full() const;
  /// Entry of one multi-index.
  double at(const std::vector<Index>& index) const;
  /// Entries of N multi-indices, the rows of `indices` (N x d, int64): an array (N).
  Array at(const Array& indices) const;

  /// Writes arrays `core`, `factors/0`, ... and the attribute `kind`.
  void save(data::Group& group) const;
  /// Throws FormatError naming the object for anything but what save() writes.
  static Tucker load(const data::Group& group);
};

/// The same tensor with orthonormal columns of all factors (QR; r_k <= n_k afterwards).
Tucker orthogonalized(const Tucker& x);
/// Frobenius norm, by orthogonalisation.
double norm(const Tucker& x);
/// sum_i x_i y_i
double inner(const Tucker& x, const Tucker& y);
/// Ranks add (block-diagonal core); follow by round().
Tucker operator+(const Tucker& x, const Tucker& y);
Tucker operator-(const Tucker& x, const Tucker& y);
Tucker operator*(double a, const Tucker& x);
/// Smallest ranks, mode after mode, with an error of at most tolerance * ||x||; orthonormal factors.
Result<Tucker> round(const Tucker& x, double tolerance, const std::vector<Index>& max_ranks = {});

}  // namespace cartan::linalg
