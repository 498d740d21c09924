#pragma once
// What the members of a committee have in common.

#include <vector>

#include "cartan/potentials/committee.hpp"

namespace cartan::potentials {

/// Throws std::invalid_argument for no members, and for members of other elements than the first.
void check_members(const std::vector<const Model*>& members);
/// x_0 + 1/K sum_k (x_k - x_0): of equal numbers it is that number, to the bit.
double mean(const std::vector<double>& x);
/// Of K members with energies and forces (n x 3 each).
Deviation deviation(const std::vector<double>& energies, const std::vector<const double*>& forces, Index n);
/// Element by element over rows, in rows[0].
void mean_in_first(std::vector<std::vector<double>>& rows);

/// The pairs of a list that are closer than `cutoff`.
void within(const NeighborList& list, double cutoff, NeighborList& out);

}  // namespace cartan::potentials
