#pragma once

#include <vector>

#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// Rows of x (n, width) times (sum_k weight[k] x_k^2 + eps)^(-1/2), sums in float64: what they lose all
/// elements of a row have in common. One pass over memory, and one each for first and second derivatives.
/// @param weights  fixed numbers, one a column
Array over_root_mean_square(const Array& x, const std::vector<double>& weights, double eps);

}  // namespace cartan::potentials
