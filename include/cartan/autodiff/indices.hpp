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
  /// @name On the host
  ///@{
  const std::int32_t* data() const { return state_ ? state_->rows.data() : nullptr; }
  std::int32_t operator[](Index k) const { return state_->rows[k]; }
  /// Positions that name row r: inverse()[inverse_begin()[r] .. inverse_begin()[r + 1]).
  const std::vector<std::int32_t>& inverse() const { return state_->inverse; }
  const std::vector<Index>& inverse_begin() const { return state_->inverse_begin; }
  ///@}

  /// The three lists as arrays of a device.
  struct OnDevice {
    Array rows;           ///< int32 (size)
    Array inverse;        ///< int32 (size)
    Array inverse_begin;  ///< int64 (extent + 1)
  };
  /// Copied to the device at the first call and kept there as long as the indices live; from any thread.
  /// Throws DeviceError for a device that is not there or has no memory left.
  const OnDevice& on(Device device) const;

 private:
  struct Copies;
  struct State {
    std::vector<std::int32_t> rows, inverse;
    std::vector<Index> inverse_begin;
    Index extent = 0;
    std::shared_ptr<Copies> copies;  // on devices
  };
  std::shared_ptr<const State> state_;
};

}  // namespace cartan
