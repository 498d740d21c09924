#pragma once
// Checks of features that are turned.

#include "cartan/so3/wigner.hpp"

namespace cartan::so3 {

// x (n, dim) or (n, k, dim) for n rotations, (..., dim) for one; throws std::invalid_argument otherwise.
void check_turned(const char* op, Index rotations, const Array& x, const Irreps& irreps);

}  // namespace cartan::so3
