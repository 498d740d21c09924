#pragma once
/// A batch of frames as one graph: what message passing runs on.

#include <map>
#include <memory>
#include <mutex>
#include <typeindex>
#include <vector>

#include <cartan/autodiff/edge_list.hpp>
#include <cartan/core/array.hpp>
#include <cartan/potentials/neighbor_list.hpp>

namespace cartan::potentials {

/// Fills the rows of ghosts with those of the atoms that they are copies of, differentiably: its vjp adds the
/// cotangents of ghosts to those of their atoms. A program that divides atoms among processes derives from it
/// (one exchange forward and its adjoint); graphs whose ghosts copy atoms of the same graph have one already.
class GhostExchange {
 public:
  virtual ~GhostExchange() = default;
  /// (owned, ...) -> (owned + ghosts, ...): the rows given, and after them those of the ghosts.
  virtual Array spread(const Array& owned) const = 0;
};

/// Structures that networks derive from the edges of a graph, made once and kept with it: one of a type. May
/// be used by several threads.
class DerivedEdges {
 public:
  template <class T, class Make>
  std::shared_ptr<const T> get(Make&& make) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<const void>& kept = kept_[std::type_index(typeid(T))];
    if (!kept) kept = std::shared_ptr<const T>(make());
    return std::static_pointer_cast<const T>(kept);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::type_index, std::shared_ptr<const void>> kept_;
};

/// Several molecules or crystals, one after another.
///
/// Atoms [0, owned) receive edges and have energies; the ghosts after them only send. Edge e has the vector
///
///     vectors[e] = x_receiver - x_sender - shift·cell,     Angstrom,
///
/// from the atom that sends to the one that receives. (MACE and TensorNet have this sense; a network defined
/// by vectors from the centre to the neighbour, such as NequIP, turns the sign.) Edges 2p and 2p + 1 with
/// p < pairs are one another's reverse: i <- j and j <- i with the opposite vector. The edges after them come
/// from ghosts and have none.
struct Graph {
  Index molecules = 0;
  Index owned = 0;                                ///< atoms that are no ghosts
  Index pairs = 0;                                ///< edges that have a reverse, halved
  std::vector<int> numbers;                       ///< (atoms) atomic numbers, ghosts last
  EdgeList edges;                                 ///< senders in [0, atoms), receivers in [0, owned)
  Array vectors;                                  ///< (edges, 3), float64
  Indices molecule_of_atom;                       ///< (owned) in [0, molecules)
  Indices molecule_of_edge;                       ///< (edges)
  std::vector<Index> first;                       ///< owned atoms of molecule b: [first[b], first[b + 1])
  std::vector<double> charge;                     ///< total charge of each molecule, e
  std::vector<double> volume;                     ///< Angstrom^3; 0 where not periodic
  std::shared_ptr<const GhostExchange> exchange;  ///< where there are ghosts
  /// Of these edges; copies of the graph share it. A graph that is given other edges needs a new one.
  std::shared_ptr<const DerivedEdges> derived = std::make_shared<DerivedEdges>();

  Index atoms() const { return static_cast<Index>(numbers.size()); }
  Index ghosts() const { return atoms() - owned; }
};

/// Joins frames with their neighbour lists (all of the same cutoff): every pair gives two edges.
Graph make_graph(const std::vector<const Frame*>& frames, const std::vector<const NeighborList*>& lists);
/// One frame.
Graph make_graph(const Frame& frame, const NeighborList& list);

/// Features of owned atoms (owned, ...) as features of all atoms (atoms, ...); the same array without ghosts.
Array spread_to_ghosts(const Graph& graph, const Array& x);

}  // namespace cartan::potentials
