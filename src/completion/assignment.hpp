#pragma once
// The assignment problem.

#include <vector>

namespace cartan::completion {

/// column[row] of a permutation with the least sum of cost[row n + column]; O(n^3) (Kuhn, Munkres; by
/// shortest paths).
std::vector<std::size_t> least_assignment(const std::vector<double>& cost, std::size_t n);

}  // namespace cartan::completion
