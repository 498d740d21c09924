#include "cartan/potentials/graph.hpp"

#include "cartan/core/error.hpp"

namespace cartan::potentials {
namespace {

std::shared_ptr<const Neighborhood> neighborhood_of(Index atoms, std::vector<std::int32_t> i,
                                                    std::vector<std::int32_t> j) {
  auto n = std::make_shared<Neighborhood>();
  n->atoms = atoms;
  n->pairs = static_cast<Index>(i.size());
  require(n->edges() < (Index{1} << 31), "[make_graph] ", n->pairs,
          " pairs are more than one graph can hold");
  n->i = std::move(i);
  n->j = std::move(j);
  n->begin.assign(static_cast<std::size_t>(atoms) + 1, 1);  // one self edge each
  n->begin[0] = 0;
  const auto count = static_cast<std::size_t>(n->pairs);
  for (std::size_t p = 0; p < count; ++p) {
    ++n->begin[static_cast<std::size_t>(n->i[p]) + 1];
    ++n->begin[static_cast<std::size_t>(n->j[p]) + 1];
  }
  for (std::size_t a = 0; a < static_cast<std::size_t>(atoms); ++a) n->begin[a + 1] += n->begin[a];
  n->edge.resize(static_cast<std::size_t>(n->edges()));
  n->sender.resize(n->edge.size());
  std::vector<Index> next(n->begin.begin(), n->begin.end());
  auto put = [&](std::int32_t receiver, std::int32_t sender, Index edge) {
    const auto k = static_cast<std::size_t>(next[static_cast<std::size_t>(receiver)]++);
    n->edge[k] = static_cast<std::int32_t>(edge);
    n->sender[k] = sender;
  };
  for (std::int32_t a = 0; a < atoms; ++a) put(a, a, 2 * n->pairs + a);
  for (std::size_t p = 0; p < count; ++p) {
    put(n->i[p], n->j[p], static_cast<Index>(2 * p));
    put(n->j[p], n->i[p], static_cast<Index>(2 * p + 1));
  }
  return n;
}

}  // namespace

Graph make_graph(const std::vector<const Frame*>& frames, const std::vector<const NeighborList*>& lists) {
  require(frames.size() == lists.size(), "[make_graph] ", frames.size(), " frames and ", lists.size(),
          " neighbour lists");
  Graph g;
  g.molecules = static_cast<Index>(frames.size());
  std::vector<std::int32_t> i, j, molecule_of_atom, molecule_of_pair;
  g.first.push_back(0);
  for (std::size_t b = 0; b < frames.size(); ++b) {
    const Frame& frame = *frames[b];
    const NeighborList& list = *lists[b];
    require(frame.size() == list.atoms, "[make_graph] frame ", b, " has ", frame.size(),
            " atoms, its neighbour list ", list.atoms);
    const auto first = static_cast<std::int32_t>(g.first.back());
    for (std::size_t p = 0; p < list.i.size(); ++p) {
      i.push_back(first + list.i[p]);
      j.push_back(first + list.j[p]);
    }
    g.vectors.insert(g.vectors.end(), list.vectors.begin(), list.vectors.end());
    g.numbers.insert(g.numbers.end(), frame.numbers.begin(), frame.numbers.end());
    molecule_of_atom.insert(molecule_of_atom.end(), frame.numbers.size(), static_cast<std::int32_t>(b));
    molecule_of_pair.insert(molecule_of_pair.end(), list.i.size(), static_cast<std::int32_t>(b));
    g.charge.push_back(frame.charge);
    g.volume.push_back(frame.periodic() ? frame.volume() : 0.0);
    g.first.push_back(g.first.back() + frame.size());
  }
  const Index atoms = g.first.back();
  g.pair_i = Indices(i, atoms);
  g.pair_j = Indices(j, atoms);
  g.molecule_of_atom = Indices(std::move(molecule_of_atom), g.molecules);
  g.molecule_of_pair = Indices(std::move(molecule_of_pair), g.molecules);
  g.neighborhood = neighborhood_of(atoms, std::move(i), std::move(j));
  return g;
}

Graph make_graph(const Frame& frame, const NeighborList& list) {
  return make_graph({&frame}, {&list});
}

}  // namespace cartan::potentials
