#pragma once
// Vectors of edges that must have a direction.

#include "cartan/core/array.hpp"

namespace cartan::so3 {

// Throws std::invalid_argument, "[op] ...", unless every vector (edges, 3), real, is finite and, where it
// must have a direction, not zero.
void check_vectors(const char* op, const Array& vectors, bool directions = true);

}  // namespace cartan::so3
