#pragma once
// Numbers whose squares are to be summed.

#include <string>

#include "cartan/core/error.hpp"

namespace cartan {

/// Throws std::invalid_argument where sums of squares of up to 1e11 numbers of this size leave the range of
/// float64; 0 is taken.
/// @param what  "y has values of size"
inline void require_squares(const char* caller, const std::string& what, double largest) {
  require(
      largest <= 1e148 && (largest == 0 || largest >= 1e-148), "[", caller, "] ", what, " ", largest,
      ", whose square leaves the range of float64 (sizes 1e-148 to 1e148); divide all values by a power of "
      "ten");
}

}  // namespace cartan
