#pragma once
/// Tensors in tensor-ring format (Zhao, Zhou, Xie, Zhang, Cichocki, arXiv:1606.05535): trains whose ends
/// meet.

#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>

namespace cartan::linalg {

/// X[i_1, ..., i_d] = trace(cores[0][:, i_1, :] cores[1][:, i_2, :] ... cores[d-1][:, i_d, :]).
/// Functions that take one check it first (std::invalid_argument). Sums are in float64, results have its
/// type. A train is a ring with r_0 = 1.
struct TensorRing {
  std::vector<Array> cores;  ///< d >= 1 arrays (r_{k-1}, n_k, r_k), r_d = r_0

  int order() const { return static_cast<int>(cores.size()); }
  Shape shape() const;
  std::vector<Index> ranks() const;  ///< r_0, ..., r_{d-1}: of the bond before each mode
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
  static TensorRing load(const data::Group& group);
};

TensorRing operator*(double a, const TensorRing& x);

}  // namespace cartan::linalg
