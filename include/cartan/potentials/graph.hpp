#pragma once
/// A batch of frames as one graph: what message passing runs on.

#include <memory>
#include <vector>

#include <cartan/autodiff/indices.hpp>
#include <cartan/core/array.hpp>
#include <cartan/potentials/neighbor_list.hpp>

namespace cartan::potentials {

/// Who is next to whom. Every undirected pair p < pairs stands for two directed edges, 2p (atom i receives
/// from j) and 2p + 1 (j receives from i); edge 2*pairs + a is the self edge of atom a. What depends on the
/// distance alone is computed once a pair, and once for all self edges: row `pairs` of a pair array.
struct Neighborhood {
  Index atoms = 0, pairs = 0;
  std::vector<std::int32_t> i, j;          ///< atoms of a pair
  std::vector<Index> begin;                ///< edges that atom a receives: edge[begin[a] .. begin[a + 1])
  std::vector<std::int32_t> edge, sender;  ///< its number, and the atom it comes from

  Index edges() const { return 2 * pairs + atoms; }
  /// The row of pair arrays that edge e uses.
  Index pair(std::int32_t e) const { return e < 2 * pairs ? e / 2 : pairs; }
};

/// Several molecules or crystals, one after another.
struct Graph {
  Index molecules = 0;
  std::shared_ptr<const Neighborhood> neighborhood;
  std::vector<int> numbers;     ///< atomic numbers, one an atom
  Indices molecule_of_atom;     ///< (atoms) in [0, molecules)
  Indices molecule_of_pair;     ///< (pairs)
  Indices pair_i, pair_j;       ///< (pairs) in [0, atoms)
  std::vector<Index> first;     ///< atoms of molecule b: [first[b], first[b + 1])
  std::vector<double> vectors;  ///< pairs x 3: x_i - x_j - shift·cell, Angstrom
  std::vector<double> charge;   ///< total charge of each molecule, e
  std::vector<double> volume;   ///< Angstrom^3; 0 where not periodic

  Index atoms() const { return neighborhood->atoms; }
  Index pairs() const { return neighborhood->pairs; }
};

/// Joins frames with their neighbour lists (all of the same cutoff).
Graph make_graph(const std::vector<const Frame*>& frames, const std::vector<const NeighborList*>& lists);
/// One frame.
Graph make_graph(const Frame& frame, const NeighborList& list);

}  // namespace cartan::potentials
