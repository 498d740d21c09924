#pragma once
/// Lattices of one to three periodic directions, completed to three and reduced.

#include <array>

#include <cartan/potentials/system.hpp>

namespace cartan::potentials {

using Vec3 = std::array<double, 3>;
using Mat3 = std::array<Vec3, 3>;  // rows

inline double dot(const Vec3& a, const Vec3& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// The lattice of a frame in a basis fit for searching: axes 0..periodic-1 are a Minkowski-reduced basis of
/// the periodic lattice vectors, the others unit vectors orthogonal to all before.
struct Lattice {
  int periodic = 0;
  Mat3 axes{};        ///< rows
  Mat3 reciprocal{};  ///< s_k = x · reciprocal[k], with reciprocal[k] · axes[l] = (k == l)
  Vec3 spacing{};     ///< distance of the lattice planes s_k = 0 and s_k = 1, Angstrom
  /// A shift t in `axes` is sum_k t_k to_cell[k] in the frame's lattice vectors.
  std::array<std::array<double, 3>, 3> to_cell{};
};

/// Throws std::invalid_argument, naming `op`, for lattice vectors that are not finite or not independent.
Lattice reduced_lattice(const System& frame, const char* op);

}  // namespace cartan::potentials
