#pragma once
// The proximal map of total variation on a line.

#include <vector>

namespace cartan::functional {

/// argmin_x |x - y|^2 / 2 + variation sum |x_(i+1) - x_i| + size sum |x_i|: the fused lasso.
std::vector<double> fused_lasso(const std::vector<double>& y, double variation, double size);

}  // namespace cartan::functional
