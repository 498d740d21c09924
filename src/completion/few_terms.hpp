#pragma once
// Entries of canonical formats of at most eight terms: a row of a factor is one vector of eight.

#include "completion/mostly_known_kernels.hpp"
#include "completion/parts.hpp"
#include "core/simd.hpp"

namespace cartan::completion {

class FewTerms {
 public:
  using V = EightDoubles;
  /// Whether the format is of this kind.
  static bool fits(const Parts& parts) { return parts.canonical() && parts.width[0] <= 8; }

  FewTerms(const Parts& parts, const Columns& columns) : part_{static_cast<unsigned>(parts.width[0])} {
    modes_.reserve(static_cast<std::size_t>(parts.order()));
    for (int k = 0; k < parts.order(); ++k)
      modes_.push_back({parts.row(k, 0), columns[static_cast<std::size_t>(k)]});
  }

  /// Of entry n: the product of the rows of all modes but `without`, lanes beyond the terms zero (or one,
  /// where there is no other mode).
  V product(Index n, int without) const {
    V z = V{} + 1;
    for (int k = 0; k < static_cast<int>(modes_.size()); ++k)
      if (k != without) z *= row(k, n);
    return z;
  }
  double value(Index n) const { return dense::sum_of(product(n, 0) * row(0, n)); }
  /// The row of mode k that entry n has a part in.
  V row(int k, Index n) const {
    const Mode& m = modes_[static_cast<std::size_t>(k)];
    return part_.load(m.factor + m.index[n] * static_cast<Index>(part_.count));
  }
  V load(const double* row) const { return part_.load(row); }
  void store(double* row, const V& v) const { part_.store(row, v); }

 private:
  struct Mode {
    const double* factor;
    const std::int32_t* index;
  };
  std::vector<Mode> modes_;
  PartPack<double, 8> part_;
};

}  // namespace cartan::completion
