#include "potentials/system_graph.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {
namespace {

// Ghosts are copies of atoms of the same system.
class CopiesOf : public GhostExchange {
 public:
  explicit CopiesOf(Indices owner) : owner_(std::move(owner)) {}
  Array spread(const Array& owned) const override { return concatenate({owned, gather(owned, owner_)}, 0); }

 private:
  Indices owner_;
};

template <class T, class U>
bool same(const std::vector<T>& a, const U& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void check_list(const System& s) {
  const PairList& list = s.pairs;
  require(list.first.size() == s.owned + 1 && list.first[0] >= 0, "[NetworkEngine] ", list.first.size(),
          " beginnings of pair lists for ", s.owned, " owned atoms, one more than those is needed");
  for (Index i = 0; i < s.owned; ++i)
    require(list.first[i] <= list.first[i + 1] && list.first[i + 1] <= list.neighbor.size(),
            "[NetworkEngine] the pair list of atom ", i, " goes from ", list.first[i], " to ",
            list.first[i + 1], " of ", list.neighbor.size());
  require(list.shift.empty() || list.shift.size() == 3 * list.neighbor.size(), "[NetworkEngine] ",
          list.shift.size(), " shifts for ", list.neighbor.size(), " neighbours, three each are needed");
  for (Index k = list.first[0]; k < list.first[s.owned]; ++k)
    require(list.neighbor[k] >= 0 && list.neighbor[k] < s.size(), "[NetworkEngine] neighbour ",
            list.neighbor[k], " of the pair list, of ", s.size(), " atoms");
  for (Index c = 0; c < s.positions.size(); ++c)
    require(std::isfinite(s.positions[c]), "[NetworkEngine] coordinate ", c % 3, " of atom ", c / 3, " is ",
            s.positions[c], "; positions must be finite");
}

}  // namespace

void check(const System& s, const Results& r) {
  require(s.owned >= 0 && s.ghosts >= 0, "[NetworkEngine] ", s.owned, " owned atoms and ", s.ghosts,
          " ghosts");
  const Index n = s.size();
  require(s.numbers.size() == n && s.positions.size() == 3 * n, "[NetworkEngine] ", s.numbers.size(),
          " atomic numbers and ", s.positions.size(), " coordinates for ", n, " atoms");
  require(s.owner.empty() || s.owner.size() == s.ghosts, "[NetworkEngine] ", s.owner.size(), " owners for ",
          s.ghosts, " ghosts");
  require(r.forces.empty() || r.forces.size() == 3 * n, "[NetworkEngine] room for ", r.forces.size(),
          " force components, ", 3 * n, " are needed");
  require(r.atom_energies.empty() || r.atom_energies.size() == s.owned, "[NetworkEngine] room for ",
          r.atom_energies.size(), " atomic energies, ", s.owned, " are needed");
}

// Positions count from the middle, since forces add up to zero only as far as the model's precision goes.
std::array<double, 9> molecular_virial(const System& system, Span<const double> forces) {
  std::array<double, 9> virial{}, product{};
  std::array<double, 3> middle{};
  const Index n = system.size();
  for (Index c = 0; c < 3 * n; ++c) middle[c % 3] += system.positions[c] / static_cast<double>(n);
  for (Index a = 0; a < n; ++a)
    for (Index k = 0; k < 9; ++k)
      product[k] += (system.positions[3 * a + k / 3] - middle[k / 3]) * forces[3 * a + k % 3];
  for (Index k = 0; k < 9; ++k) virial[k] = 0.5 * (product[k] + product[k % 3 * 3 + k / 3]);
  return virial;
}

const Graph& SystemGraph::update(const System& system, const NeighborList& list) {
  begin(system);
  for (Index p = 0; p < list.size(); ++p) {
    const double* r = &list.vectors[3 * p];
    const double back[3] = {-r[0], -r[1], -r[2]};
    add(list.i[p], list.j[p], r);
    add(list.j[p], list.i[p], back);
  }
  return finish(system, list.size());
}

// Of a pair of owned atoms the list has both directions: the one that NeighborList would have stands for
// both.
const Graph& SystemGraph::update(const System& system, double cutoff) {
  const PairList& list = system.pairs;
  check_list(system);
  begin(system);
  Index directed = 0, pairs = 0;
  for (const bool ghosts : {false, true})
    for (Index i = 0; i < system.owned; ++i)
      for (Index k = list.first[i]; k < list.first[i + 1]; ++k) {
        const std::int32_t j = list.neighbor[k];
        if ((j >= system.owned) != ghosts) continue;
        const std::int32_t none[3] = {}, *s = list.shift.empty() ? none : &list.shift[3 * k];
        const Vec3 r = pair_vector(&system.positions[3 * i], &system.positions[3 * j], s, system.cell.data());
        const double square = squared_norm(r);
        if (!(square < cutoff * cutoff)) continue;
        require(square >= overlap_distance * overlap_distance, "[NetworkEngine] atoms ", i, " and ", j,
                " are ", std::sqrt(square), " Angstrom apart, closer than ", overlap_distance,
                "; check the positions and the pair list");
        if (ghosts) {
          add(static_cast<std::int32_t>(i), j, r.data());
          continue;
        }
        ++directed;
        if (j < i || (j == i && !(std::array{s[0], s[1], s[2]} > std::array<std::int32_t, 3>{}))) continue;
        ++pairs;
        const double back[3] = {-r[0], -r[1], -r[2]};
        add(static_cast<std::int32_t>(i), j, r.data());
        add(j, static_cast<std::int32_t>(i), back);
      }
  require(directed == 2 * pairs, "[NetworkEngine] the pair list has ", directed, " entries of ", pairs,
          " pairs of owned atoms; give a full list, in which each pair is in the lists of both atoms");
  return finish(system, pairs);
}

void SystemGraph::begin(const System& system) {
  same_ = same(graph_.numbers, system.numbers) && graph_.owned == system.owned && same(owner_, system.owner);
  count_ = 0;
  vectors_.clear();
}

void SystemGraph::add(std::int32_t receiver, std::int32_t sender, const double* r) {
  if (count_ == receivers_.size()) {
    same_ = false;
    receivers_.push_back(receiver);
    senders_.push_back(sender);
  } else if (receivers_[count_] != receiver || senders_[count_] != sender) {
    same_ = false;
    receivers_[count_] = receiver;
    senders_[count_] = sender;
  }
  ++count_;
  vectors_.insert(vectors_.end(), r, r + 3);
}

const Graph& SystemGraph::finish(const System& system, Index pairs) {
  if (!same_ || count_ != receivers_.size() || graph_.pairs != pairs || graph_.molecules == 0) {
    receivers_.resize(count_);
    senders_.resize(count_);
    graph_.molecules = 0;  // until it is whole
    graph_.owned = system.owned;
    graph_.pairs = pairs;
    graph_.numbers.assign(system.numbers.begin(), system.numbers.end());
    graph_.edges = EdgeList(senders_, receivers_, system.size(), system.owned);
    graph_.molecule_of_atom = Indices(std::vector<std::int32_t>(system.owned), 1);
    graph_.molecule_of_edge = Indices(std::vector<std::int32_t>(count_), 1);
    graph_.first = {0, system.owned};
    graph_.vectors = Array::uninitialized({graph_.edges.size(), 3}, DType::f64);
    owner_.assign(system.owner.begin(), system.owner.end());
    graph_.exchange = owner_.empty() ? nullptr : std::make_shared<CopiesOf>(Indices(owner_, system.owned));
    graph_.derived = std::make_shared<DerivedEdges>();
    graph_.molecules = 1;
  }
  graph_.charge.assign(1, system.charge);
  graph_.volume.assign(1, system.periodic() ? system.volume() : 0.0);
  std::copy(vectors_.begin(), vectors_.end(), graph_.vectors.mutable_data<double>());
  return graph_;
}

}  // namespace cartan::potentials
