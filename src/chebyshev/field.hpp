#pragma once
// Checks of point charges.

#include "cartan/chebyshev/chebyshev_tucker.hpp"

namespace cartan::chebyshev {

/// Throws std::invalid_argument unless positions (N, 3) and charges (N) are finite float64 and, where a box
/// is given, lie in it.
void check_charges(const char* caller, const Array& positions, const Array& charges,
                   const Box* box = nullptr);
/// The same for points (N, 3) without charges.
void check_points(const char* caller, const Array& points);

}  // namespace cartan::chebyshev
