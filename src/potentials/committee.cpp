#include "potentials/committee.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "potentials/system_graph.hpp"

namespace cartan::potentials {
namespace {

double largest_cutoff(const std::vector<Model>& members) {
  std::vector<const Model*> all;
  for (const Model& m : members) all.push_back(&m);
  check_members(all);
  double cutoff = 0;
  for (const Model& m : members) cutoff = std::max(cutoff, m.cutoff());
  return cutoff;
}

}  // namespace

bool CommitteePotential::conservative() const {
  for (const Model& m : members())
    if (m.config().direct_forces()) return false;
  return true;
}

double Deviation::largest() const {
  double most = 0;
  for (const double f : forces) most = std::isnan(f) || f > most ? f : most;
  return most;
}

double Deviation::root_mean_square() const {
  double sum = 0;
  for (const double f : forces) sum += f * f;
  return forces.empty() ? 0 : std::sqrt(sum / static_cast<double>(forces.size()));
}

void check_members(const std::vector<const Model*>& members) {
  require(!members.empty(), "[Committee] there are no members; give one model or more");
  const std::string first = elements_of(*members[0]);
  for (std::size_t k = 1; k < members.size(); ++k)
    require(elements_of(*members[k]) == first, "[Committee] member ", k, " is a model of ",
            elements_of(*members[k]), ", member 0 of ", first,
            "; give models of the same elements (Model::with_elements leaves some out)");
}

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v - x[0];
  return x[0] + sum / static_cast<double>(x.size());
}

Deviation deviation(const std::vector<double>& energies, const std::vector<const double*>& forces, Index n) {
  const auto count = static_cast<double>(energies.size());
  Deviation out;
  const double energy = mean(energies);
  for (const double e : energies) out.energy += (e - energy) * (e - energy);
  out.energy = std::sqrt(out.energy / count);
  if (forces.empty()) return out;
  out.forces.assign(n, 0);
  for (Index c = 0; c < 3 * n; ++c) {
    double shift = 0;
    for (const double* f : forces) shift += f[c] - forces[0][c];
    shift /= count;
    for (const double* f : forces) {
      const double d = f[c] - forces[0][c] - shift;
      out.forces[c / 3] += d * d;
    }
  }
  for (double& f : out.forces) f = std::sqrt(f / count);
  return out;
}

void mean_in_first(std::vector<std::vector<double>>& rows) {
  const auto count = static_cast<double>(rows.size());
  for (std::size_t c = 0; c < rows[0].size(); ++c) {
    double sum = 0;
    for (const auto& row : rows) sum += row[c] - rows[0][c];
    rows[0][c] += sum / count;
  }
}

void within(const NeighborList& list, double cutoff, NeighborList& out) {
  out.cutoff = cutoff;
  out.atoms = list.atoms;
  out.i.clear(), out.j.clear(), out.shift.clear(), out.vectors.clear();
  for (Index p = 0; p < list.size(); ++p) {
    const double* r = &list.vectors[3 * p];
    if (!(squared_norm({r[0], r[1], r[2]}) < cutoff * cutoff)) continue;
    out.i.push_back(list.i[p]);
    out.j.push_back(list.j[p]);
    out.shift.insert(out.shift.end(), &list.shift[3 * p], &list.shift[3 * p] + 3);
    out.vectors.insert(out.vectors.end(), r, r + 3);
  }
}

// Members of one cutoff share a graph. Buffers are kept from call to call.
struct Committee::Workspace {
  struct Shared {
    explicit Shared(double c) : cutoff(c) {}
    double cutoff;
    SystemGraph graph;
    NeighborList list;
    const Graph* now = nullptr;
  };
  std::vector<std::unique_ptr<Shared>> graphs;
  std::vector<Shared*> of_member;
  std::vector<std::vector<double>> forces, folded, atom_energies, virials;
};

Committee::Committee(std::vector<Model> members, double skin)
    : members_(std::move(members)),
      list_(largest_cutoff(members_), skin),
      energies_(members_.size()),
      work_(std::make_unique<Workspace>()) {
  for (const Model& m : members_) {
    auto found = std::find_if(work_->graphs.begin(), work_->graphs.end(),
                              [&](const auto& g) { return g->cutoff == m.cutoff(); });
    if (found == work_->graphs.end())
      found = work_->graphs.insert(found, std::make_unique<Workspace::Shared>(m.cutoff()));
    work_->of_member.push_back(found->get());
  }
  for (auto* rows : {&work_->forces, &work_->folded, &work_->atom_energies, &work_->virials})
    rows->resize(members_.size());
}
Committee::~Committee() = default;
Committee::Committee(Committee&&) noexcept = default;

void Committee::compute(const System& system, Results& results) {
  check(system, results);
  Workspace& w = *work_;
  const bool host_list = !system.pairs.first.empty();
  const NeighborList* all = host_list ? nullptr : &list_.update(system);
  for (const auto& g : w.graphs) {
    if (host_list) {
      g->now = &g->graph.update(system, g->cutoff);
    } else if (g->cutoff == list_.cutoff()) {
      g->now = &g->graph.update(system, *all);
    } else {
      within(*all, g->cutoff, g->list);
      g->now = &g->graph.update(system, g->list);
    }
  }
  for (std::size_t k = 0; k < members_.size(); ++k) {
    w.forces[k].resize(results.forces.size());
    w.atom_energies[k].resize(results.atom_energies.size());
    Results one;
    one.forces = w.forces[k];
    one.atom_energies = w.atom_energies[k];
    one.wants_virial = results.wants_virial;
    run_network(members_[k], *w.of_member[k]->now, system, one);
    energies_[k] = one.energy;
    w.virials[k].assign(one.virial.begin(), one.virial.end());
  }

  // A force on a ghost is one on its owner.
  std::vector<const double*> rows;
  for (std::size_t k = 0; k < members_.size() && !results.forces.empty(); ++k) {
    rows.push_back(w.forces[k].data());
    if (system.owner.empty()) continue;
    w.folded[k].assign(w.forces[k].begin(), w.forces[k].begin() + 3 * system.owned);
    for (Index c = 0; c < 3 * system.ghosts; ++c)
      w.folded[k][3 * system.owner[c / 3] + c % 3] += w.forces[k][3 * system.owned + c];
    rows.back() = w.folded[k].data();
  }
  deviation_ = potentials::deviation(energies_, rows, system.owned);

  results.energy = mean(energies_);
  for (auto* all_rows : {&w.forces, &w.atom_energies, &w.virials}) mean_in_first(*all_rows);
  std::copy(w.forces[0].begin(), w.forces[0].end(), results.forces.begin());
  std::copy(w.atom_energies[0].begin(), w.atom_energies[0].end(), results.atom_energies.begin());
  if (results.wants_virial) std::copy(w.virials[0].begin(), w.virials[0].end(), results.virial.begin());
}

Evaluation CommitteePotential::evaluate(const Frame& frame) {
  Evaluation e = evaluate_frame(engine_, frame);
  if (members().size() > 1) e.deviation = engine_.deviation();
  return e;
}

}  // namespace cartan::potentials
