#pragma once
// Systems of a host as graphs, for the engines that run networks on them.

#include <vector>

#include "cartan/potentials/model.hpp"
#include "potentials/pairs.hpp"

namespace cartan::potentials {

/// The graph of the last system. Where the same pairs are within the cutoff, only its vectors are new.
class SystemGraph {
 public:
  /// From a list as NeighborList has it: each pair once.
  const Graph& update(const System& system, const NeighborList& list);
  /// From the list of the host, of which nearer pairs than `cutoff` count. Throws std::invalid_argument for
  /// one that is not full, positions that are not finite, overlapping atoms.
  const Graph& update(const System& system, double cutoff);

 private:
  void begin(const System& system);
  void add(std::int32_t receiver, std::int32_t sender, const double* r);
  const Graph& finish(const System& system, Index pairs);

  Graph graph_;
  std::vector<std::int32_t> receivers_, senders_, owner_;  // of graph_
  std::vector<double> vectors_;
  std::size_t count_ = 0;
  bool same_ = false;
};

/// Throws std::invalid_argument where the spans of a system or of the results do not fit its atoms.
void check(const System& system, const Results& results);

/// -dE/dstrain of a molecule: sum_i x_i f_i, symmetric for an energy that rotations do not change.
std::array<double, 9> molecular_virial(const System& system, Span<const double> forces);

/// The results of a model on the graph of a system.
void run_network(const Model& model, const Graph& graph, const System& system, Results& results);
/// An engine's results on a frame.
Evaluation evaluate_frame(Engine& engine, const Frame& frame);

}  // namespace cartan::potentials
