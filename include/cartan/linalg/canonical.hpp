#pragma once
/// Tensors in canonical (CP) format.

#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>
#include <cartan/linalg/report.hpp>

namespace cartan::linalg {

/// X[i_1, ..., i_d] = sum_r weights[r] prod_k factors[k][i_k, r].
/// Functions that take one check it first (std::invalid_argument). Sums are in float64, results have its
/// type.
struct Canonical {
  Array weights;               ///< (R)
  std::vector<Array> factors;  ///< d >= 1 matrices n_k x R

  int order() const { return static_cast<int>(factors.size()); }
  Index rank() const { return weights.size(); }
  Shape shape() const;
  DType dtype() const { return weights.dtype(); }
  /// Throws std::invalid_argument unless types and shapes fit and every number is finite.
  void check(const char* caller) const;

  Array full() const;
  /// Entry of one multi-index.
  double at(const std::vector<Index>& index) const;
  /// Entries of N multi-indices, the rows of `indices` (N x d, int64): an array (N).
  Array at(const Array& indices) const;

  /// Writes arrays `weights`, `factors/0`, ... and the attribute `kind`.
  void save(data::Group& group) const;
  /// Throws FormatError naming the object for anything but what save() writes.
  static Canonical load(const data::Group& group);
};

/// Frobenius norm: from Gram matrices where they do not cancel, otherwise by orthogonalisation. O(R^2 sum
/// n_k).
double norm(const Canonical& x);
/// sum_i x_i y_i
double inner(const Canonical& x, const Canonical& y);
/// Ranks add.
Canonical operator+(const Canonical& x, const Canonical& y);
Canonical operator-(const Canonical& x, const Canonical& y);
Canonical operator*(double a, const Canonical& x);
/// Entrywise product; ranks multiply.
Canonical hadamard(const Canonical& x, const Canonical& y);
/// Columns of unit norm, weights >= 0 (signs go into the first factor), sorted by falling weight. Terms that
/// are zero keep zero columns and come last.
Canonical normalized(const Canonical& x);
/// Leaves out the smallest terms whose norms sum to at most tolerance * ||x||: a bound of the error.
Result<Canonical> round(const Canonical& x, double tolerance);

}  // namespace cartan::linalg
