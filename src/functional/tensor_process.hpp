#pragma once
// Parts of tensor processes that tests look at.

#include <vector>

#include "cartan/core/array.hpp"
#include "functional/total_variation.hpp"

namespace cartan::functional {

/// The anisotropic total variation of the maps of all combinations of rows of the contractions; an empty
/// Array is the identity, which has none and counts as 1.
double contraction_variation(const std::vector<Array>& contractions);
/// -log of the density of y (N), features (N, R) with normal weights and noise exp(log_noise):
/// differentiable.
Array tensor_process_loss(const Array& features, const Array& y, const Array& log_noise);

}  // namespace cartan::functional
