#pragma once
/// Pairs of atoms within a cutoff, for any cell and any cutoff.

#include <array>
#include <cstdint>
#include <vector>

#include <cartan/potentials/system.hpp>

namespace cartan::potentials {

/// Every undirected pair once. Pair p joins atom i[p] with the image of atom j[p] that lies at
/// x_j + shift·cell, and its vector points from that image to atom i:
///
///     vectors[p] = x_i - x_j - shift[p]·cell,     0 < |vectors[p]| < cutoff
///
/// with the positions as the frame has them (not wrapped). Of the two ways to write a pair, (i, j, s) and
/// (j, i, -s), the list holds the one with i < j, or with i == j and the first non-zero entry of s positive.
/// An atom meets several images of another and of itself where the cell is smaller than the cutoff.
/// Sorted by (i, j, shift); the same bits for any number of threads.
struct NeighborList {
  double cutoff = 0;                ///< Angstrom
  Index atoms = 0;                  ///< n
  std::vector<std::int32_t> i, j;   ///< n_pairs each, i <= j
  std::vector<std::int32_t> shift;  ///< n_pairs x 3, whole lattice vectors; 0 along directions without pbc
  std::vector<double> vectors;      ///< n_pairs x 3, Angstrom

  Index size() const { return static_cast<Index>(i.size()); }  ///< n_pairs
};

/// Atoms closer than this are taken for a mistake in the input.
inline constexpr double overlap_distance = 0.01;  // Angstrom

/// The pairs of a frame (a System without ghosts), by a cell list on the Minkowski-reduced lattice: time and
/// memory are linear in the number of atoms and pairs, whatever the shape of the cell (triclinic,
/// left-handed, sheared many times). Lattice vectors without pbc are not looked at. Throws
/// std::invalid_argument for a cutoff that is not positive, positions or lattice vectors that are not finite,
/// ghosts, lattice vectors that are not independent, atoms (or an atom and its own image) closer than
/// `overlap_distance`, and more than 2^28 pairs.
NeighborList neighbor_list(const System& frame, double cutoff);

/// The same list for a sequence of similar frames (dynamics, relaxation): pairs are searched up to
/// cutoff + skin (Verlet 1967) and searched again only when an atom has moved by more than skin / 2 since,
/// or the cell, pbc or the number of atoms changed. `update` returns bit for bit what `neighbor_list` would.
class VerletList {
 public:
  /// Throws std::invalid_argument for a cutoff that is not positive or a negative skin.
  explicit VerletList(double cutoff, double skin = 1.0);
  /// The list of `frame`; valid until the next call.
  const NeighborList& update(const System& frame);
  Index rebuilds() const { return rebuilds_; }  ///< searches so far
  double cutoff() const { return cutoff_; }

 private:
  bool stale(const System& frame) const;

  double cutoff_, skin_;
  Index rebuilds_ = 0;
  bool valid_ = false;  // wide_ belongs to positions_
  std::array<double, 9> cell_{};
  std::array<bool, 3> pbc_{};
  std::vector<double> positions_;  // where the wide list was made
  NeighborList wide_, list_;
};

}  // namespace cartan::potentials
