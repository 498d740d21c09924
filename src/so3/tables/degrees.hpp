#pragma once
// Degrees that a caller gives.

#include <initializer_list>

#include "cartan/core/error.hpp"
#include "cartan/so3/irreps.hpp"

namespace cartan::so3 {

// Throws std::invalid_argument, "[op] ...", unless all lie in [0, largest_degree].
inline void check_degrees(const char* op, std::initializer_list<Index> degrees) {
  for (Index l : degrees)
    require(l >= 0 && l <= largest_degree, "[", op, "] degree ", l, " is outside [0, ", largest_degree, "]");
}

}  // namespace cartan::so3
