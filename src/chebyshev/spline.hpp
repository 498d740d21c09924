#pragma once
// Cubic splines on uniform grids.

#include "cartan/core/array.hpp"

namespace cartan::chebyshev {

/// Cubic not-a-knot splines through values along `axis`, taken at `points` (which may lie outside: the end
/// pieces continue). Grid point i is first + i * step. Fewer than 4 points: the polynomial through them.
/// @param values  float64, any number of axes
/// @return the shape of `values` with the extent of `axis` replaced by the number of points
Array spline(const Array& values, int axis, double first, double step, const Array& points);

}  // namespace cartan::chebyshev
