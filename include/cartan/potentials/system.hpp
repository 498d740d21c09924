#pragma once
/// What a simulation program hands to an engine: views of its own arrays.

#include <array>
#include <cstdint>

#include <cartan/core/span.hpp>
#include <cartan/data/frame.hpp>

namespace cartan::potentials {

using data::Frame;

/// Neighbours as the host has them, farther ones than the cutoff included. Those of owned atom i are
/// neighbor[first[i] .. first[i + 1]); a pair of owned atoms is in the lists of both (a full list). `shift`
/// has three whole lattice vectors for each: the neighbour is the image at x_j + shift·cell; empty: none is
/// moved.
struct PairList {
  Span<const Index> first;            ///< owned + 1; empty: there is no list
  Span<const std::int32_t> neighbor;  ///< atoms, ghosts included
  Span<const std::int32_t> shift;     ///< neighbor.size() x 3, or empty
};

/// Atoms in eV, Angstrom, elementary charge. Owned atoms come first: they have energies. Ghosts are copies of
/// atoms that others own, or of periodic images, and come with a pair list; without ghosts the list may be
/// left out. Everything viewed must live as long as the call.
struct System {
  System() = default;
  System(const Frame& frame);  // NOLINT: a frame is a system without ghosts

  Index owned = 0, ghosts = 0;
  Span<const int> numbers;       ///< atomic numbers, owned + ghosts
  Span<const double> positions;  ///< (owned + ghosts) x 3
  std::array<double, 9> cell{};  ///< lattice vectors as rows; all zero: none
  std::array<bool, 3> pbc{};
  double charge = 0;               ///< total charge
  Span<const std::int32_t> owner;  ///< ghosts: the owned atom that each is a copy of
  PairList pairs;

  Index size() const { return owned + ghosts; }
  bool periodic() const { return pbc[0] || pbc[1] || pbc[2]; }
  double volume() const;  ///< |det(cell)|
};

}  // namespace cartan::potentials
