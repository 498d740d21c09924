#pragma once
/// An immutable list of row numbers for gather and scatter, with its inverse for deterministic sums.

#include <cstdint>
#include <memory>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan {

/// Cheap to copy. The inverse (for each row, the positions that name it, ascending) is built once.
class Indices {
 public:
  Indices() = default;
  /// @param rows  numbers in [0, extent); throws std::invalid_argument otherwise
  Indices(std::vector<std::int32_t> rows, Index extent);
  Index size() const { return state_ ? static_cast<Index>(state_->rows.size()) : 0; }
  Index extent() const { return state_ ? state_->extent : 0; }  ///< number of rows that can be named
  const std::int32_t* data() const { return state_ ? state_->rows.data() : nullptr; }
  std::int32_t operator[](Index k) const { return state_->rows[static_cast<std::size_t>(k)]; }
  /// Positions that name row r: inverse()[inverse_begin()[r] .. inverse_begin()[r + 1]).
  const std::vector<std::int32_t>& inverse() const { return state_->inverse; }
  const std::vector<Index>& inverse_begin() const { return state_->inverse_begin; }

 private:
  struct State {
    std::vector<std::int32_t> rows, inverse;
    std::vector<Index> inverse_begin;
    Index extent = 0;
  };
  std::shared_ptr<const State> state_;
};

}  // namespace cartan
