#pragma once
// MTTKRP on compressed fibres: rows of factors padded to whole vector registers, a walk over the tree.

#include <functional>
#include <vector>

#include "cartan/completion/fibres.hpp"

namespace cartan::completion {

/// Products of one sparse tensor with the Khatri-Rao products of its factors, kept for many of them. Factors
/// are addressed by level of the tree, rows `width` apart.
///
/// Work shared between modes: sums below the nodes of the levels 1 .. d - 2 are the same for every mode above
/// them as long as the factors below do not change; they are kept from the pass over the root where `memory`
/// allows (`keeps`), and used until forget(). The pass over the root serves level 1 as well (root_pair), at
/// once, without any memory.
class Walk {
 public:
  Walk(const Fibres& x, Index rank, std::size_t memory = 0);

  Index rank() const { return rank_; }
  Index width() const { return width_; }
  double* factor(int level) { return factors_[static_cast<std::size_t>(level)].mutable_data<double>(); }
  const double* factor(int level) const { return factors_[static_cast<std::size_t>(level)].data<double>(); }
  void set_factor(int level, const double* rows);  ///< (n, rank)
  /// Other values in the order of the tree; nullptr: the tensor's.
  void set_values(const double* values) { values_ = values ? values : x_.values().data(); }

  /// out (n_level, width) = the product for this level.
  void product(int level, double* out);
  /// The product for the root, row by row given to `solve(index, row)`, which replaces it by the new row of
  /// the root's factor; and the product for level 1 with these new rows, into out (n_1, width). Rows of the
  /// root without entries are not seen. solve may be called from several threads.
  using Solve = std::function<void(Index, double*)>;
  void root_pair(const Solve& solve, double* out);
  /// A factor below the root has changed other than from the root downwards.
  void forget() { known_ = false; }
  /// Gives back the memory of products.
  void release() { own_ = {}; }
  bool keeps(int level) const { return !kept_[static_cast<std::size_t>(level)].empty(); }

 private:
  template <int blocks>
  struct Step;
  template <class F>
  void dispatch(const F& f);
  struct Part {
    Index begin, end;  // nodes of the root
  };
  std::vector<Part> parts(Index count) const;
  Index private_parts(int level) const;
  void reduce(int level, Index count, const double* own, double* out) const;
  Index extent(int level) const;
  double* room(Index size);

  Fibres x_;
  Index rank_, width_;
  const double* values_;
  std::vector<Array> factors_, kept_;
  Array own_;  // a copy of the rows for every part
  bool known_ = false;
};

}  // namespace cartan::completion
