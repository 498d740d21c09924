#pragma once
// Shared by the sources of this module.

#include <cstddef>

#include "cartan/core/array.hpp"

namespace cartan::chebyshev {

/// T_k(x_i) at t[k * stride + i], i < n, k < m: the three-term recurrence, many points at a time.
void chebyshev_polynomials(const double* x, Index n, Index m, double* t, Index stride);

}  // namespace cartan::chebyshev
