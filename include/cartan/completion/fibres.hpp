#pragma once
/// Sparse tensors as trees of fibres, and the products that decompositions are made of.

#include <memory>
#include <vector>

#include <cartan/completion/sparse.hpp>
#include <cartan/core/plan.hpp>

namespace cartan::completion {

/// Compressed sparse fibres (Smith, Karypis, IA3 2015): the entries in the order of `modes`, equal leading
/// indices kept once. A node of level l is a choice of the first l + 1 indices; its children are consecutive
/// nodes of level l + 1; the nodes of the last level are the entries. In the order 0, 1, .. the entries of
/// the SparseTensor itself are used, without a copy. Immutable, cheap to copy; built in parallel.
class Fibres {
 public:
  Fibres() = default;
  /// @param modes  a permutation, root first; empty: the smallest mode that has indices enough for all
  /// threads (its order is kept as 0, 1, .. where that costs little). Throws std::invalid_argument for a
  /// tensor without entries or with fewer than 2 modes, or another list.
  explicit Fibres(const SparseTensor& x, std::vector<int> modes = {});

  const SparseTensor& tensor() const;
  int order() const;
  const Shape& shape() const;
  const std::vector<int>& modes() const;  ///< of the levels
  int level_of(int mode) const;
  Index nodes(int level) const;
  Span<const std::int32_t> ids(int level) const;  ///< the index of every node in its level's mode
  /// Children of node n: [begin(level)[n], begin(level)[n + 1]); not of the last level.
  Span<const std::uint32_t> begin(int level) const;
  Span<const double> values() const;
  /// Where entry n of the tree stands in the tensor; empty: at n.
  Span<const std::uint32_t> entry() const;
  std::size_t bytes() const;  ///< beside the SparseTensor

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// @name Differentiable ops, to any order, in all float32 or float64 arguments; sums in float64 in an order
/// that depends on the tensor alone
///@{
/// m[i, r] = sum over entries n with index i in `mode` of values[n] prod_{k != mode} factors[k][i_k, r]: the
/// matricized tensor times the Khatri-Rao product. factors[k] (n_k, R); factors[mode] is not used and may be
/// empty.
/// @param values  (N) in the order of x.tensor(); empty: its own
Array mttkrp(const Fibres& x, const std::vector<Array>& factors, int mode, const Array& values = {});
/// The chain of products with the transposed factors of all modes but one: y[i, a_1, .., (no a_mode) .., a_d]
/// = sum over entries with index i of values[n] prod_{k != mode} factors[k][i_k, a_k]; factors[k] (n_k, r_k).
Array ttm_chain(const Fibres& x, const std::vector<Array>& factors, int mode, const Array& values = {});
///@}

}  // namespace cartan::completion
