#pragma once
// Signed extents as indices of standard containers.

#include <cstddef>

#include "cartan/core/array.hpp"

namespace cartan {

inline std::size_t at(Index k) {
  return static_cast<std::size_t>(k);
}

}  // namespace cartan
