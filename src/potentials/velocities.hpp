#pragma once
/// Motions of a set of atoms as a whole.

#include <vector>

#include <cartan/core/parallel.hpp>

namespace cartan::potentials {

/// 1/2 sum m v^2, eV.
double kinetic_energy(const std::vector<double>& masses, const std::vector<double>& v,
                      std::vector<double>& work);
/// Velocities relative to the centre of mass.
void remove_com_motion(const std::vector<double>& masses, std::vector<double>& v);
/// Velocities without angular momentum about the centre of mass.
void remove_rotation(const std::vector<double>& masses, const std::vector<double>& x, std::vector<double>& v);
/// 3 n less 3 for the centre of mass, less 3 (two atoms 2, one atom 0) for rotation.
Index count_freedom(Index n, bool without_com, bool without_rotation);

}  // namespace cartan::potentials
