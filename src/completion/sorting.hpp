#pragma once
// Entries in the order of their indices.

#include <cstdint>
#include <vector>

#include "cartan/core/array.hpp"

namespace cartan::completion {

/// The numbers of the entries sorted by index, the first mode of `modes` slowest; equal ones stay in their
/// order. modes empty: 0, 1, ...
std::vector<std::uint32_t> sorted_order(const Shape& shape, std::vector<int> modes,
                                        const std::vector<const std::int32_t*>& index, Index size);

/// Puts the columns themselves into that order, one at a time: little memory beside them.
void sort_entries(const Shape& shape, const std::vector<int>& modes,
                  std::vector<std::vector<std::int32_t>>& index, std::vector<double>& values);

}  // namespace cartan::completion
