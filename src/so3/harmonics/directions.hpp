#pragma once
// Vectors of edges that must have a direction.

#include "cartan/core/array.hpp"

namespace cartan::so3 {

// Throws std::invalid_argument, "[op] ...", unless every vector (edges, 3), real, is finite and, where it
// must have a direction, not zero.
void check_vectors(const char* op, const Array& vectors, bool directions = true);

// Powers of two (n, 1) that bring the rows of (n, k), real, to lengths near 1: multiplied by them, which
// rounds nothing, they have squares that neither overflow nor underflow. 1 where a row is zero or not finite.
Array unit_scales(const Array& rows);

}  // namespace cartan::so3
