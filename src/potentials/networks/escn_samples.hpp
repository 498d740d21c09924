#pragma once
// The points at which eSCN reads features on the sphere.

#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// A golden spiral of n points, each times a factor of the density about it (they are not unit vectors):
/// (n, 3), float64.
Array sphere_samples(Index n);
/// Solid harmonics of the points, |Y_l|^2 = (2 l + 1)/(4 pi) on the unit sphere: (n, (lmax + 1)^2).
Array sample_harmonics(const Array& points, int lmax);

}  // namespace cartan::potentials
