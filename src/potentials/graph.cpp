#include "cartan/potentials/graph.hpp"

#include "cartan/core/error.hpp"

namespace cartan::potentials {

Graph make_graph(const std::vector<const Frame*>& frames, const std::vector<const NeighborList*>& lists) {
  require(frames.size() == lists.size(), "[make_graph] ", frames.size(), " frames and ", lists.size(),
          " neighbour lists");
  Graph g;
  g.molecules = static_cast<Index>(frames.size());
  for (const NeighborList* list : lists) g.pairs += list->size();
  require(2 * g.pairs < (Index{1} << 31), "[make_graph] ", g.pairs,
          " pairs are more than one graph can hold (2^30); make the batch smaller");
  std::vector<std::int32_t> senders, receivers, molecule_of_atom, molecule_of_edge;
  senders.reserve(2 * g.pairs), receivers.reserve(2 * g.pairs), molecule_of_edge.reserve(2 * g.pairs);
  g.vectors = Array::uninitialized({2 * g.pairs, 3}, DType::f64);
  double* vector = g.vectors.mutable_data<double>();
  g.first.push_back(0);
  for (std::size_t b = 0; b < frames.size(); ++b) {
    const Frame& frame = *frames[b];
    const NeighborList& list = *lists[b];
    require(frame.size() == list.atoms, "[make_graph] frame ", b, " has ", frame.size(),
            " atoms, its neighbour list ", list.atoms);
    const auto first = static_cast<std::int32_t>(g.first.back());
    for (Index p = 0; p < list.size(); ++p) {
      const std::int32_t i = first + list.i[p], j = first + list.j[p];
      receivers.insert(receivers.end(), {i, j});
      senders.insert(senders.end(), {j, i});
      for (Index c = 0; c < 3; ++c) {
        vector[c] = list.vectors[3 * p + c];
        vector[3 + c] = -vector[c];
      }
      vector += 6;
    }
    g.numbers.insert(g.numbers.end(), frame.numbers.begin(), frame.numbers.end());
    molecule_of_atom.insert(molecule_of_atom.end(), frame.numbers.size(), static_cast<std::int32_t>(b));
    molecule_of_edge.resize(senders.size(), static_cast<std::int32_t>(b));
    g.charge.push_back(frame.charge);
    g.volume.push_back(frame.periodic() ? frame.volume() : 0.0);
    g.first.push_back(g.first.back() + frame.size());
  }
  g.owned = g.first.back();
  g.edges = EdgeList(std::move(senders), std::move(receivers), g.owned);
  g.molecule_of_atom = Indices(std::move(molecule_of_atom), g.molecules);
  g.molecule_of_edge = Indices(std::move(molecule_of_edge), g.molecules);
  return g;
}

Graph make_graph(const Frame& frame, const NeighborList& list) {
  return make_graph({&frame}, {&list});
}

Array spread_to_ghosts(const Graph& graph, const Array& x) {
  require(x.ndim() >= 1 && x.dim(0) == graph.owned, "[spread_to_ghosts] features of ", graph.owned,
          " owned atoms, not ", x.shape());
  if (graph.ghosts() == 0) return x;
  require(graph.exchange != nullptr, "[spread_to_ghosts] the graph has ", graph.ghosts(),
          " ghosts and does not say of which atoms they are copies; give their owners or an exchange");
  Array all = graph.exchange->spread(x);
  require(all.dim(0) == graph.atoms(), "[spread_to_ghosts] the exchange gave ", all.dim(0), " rows for ",
          graph.atoms(), " atoms");
  return all;
}

}  // namespace cartan::potentials
