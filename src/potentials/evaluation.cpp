// Fits of reference energies, and errors of a model on labelled frames.
#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "cartan/potentials/training.hpp"

namespace cartan::potentials {
namespace {

std::vector<int> elements_of(const FrameSet& set) {
  std::map<int, int> count;
  for (const Frame& f : set.frames)
    for (int z : f.numbers) ++count[z];
  std::vector<int> elements;
  for (const auto& [z, n] : count) elements.push_back(z);
  return elements;
}

double residual(const Frame& f, const std::map<int, double>& reference) {
  double e = *f.energy;
  for (int z : f.numbers) e -= reference.at(z);
  return e;
}

struct Moments {
  double squares = 0, magnitudes = 0, count = 0;
  void add(double d) {
    squares += d * d;
    magnitudes += std::abs(d);
    count += 1;
  }
  double rmse() const {
    return count > 0 ? std::sqrt(squares / count) : std::numeric_limits<double>::quiet_NaN();
  }
  double mae() const { return count > 0 ? magnitudes / count : std::numeric_limits<double>::quiet_NaN(); }
};

}  // namespace

std::map<int, double> fit_reference_energies(const FrameSet& set) {
  const std::vector<int> elements = elements_of(set);
  std::vector<const Frame*> labelled;
  for (const Frame& f : set.frames)
    if (f.energy) labelled.push_back(&f);
  Eigen::MatrixXd counts = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(labelled.size()),
                                                 static_cast<Eigen::Index>(elements.size()));
  Eigen::VectorXd energy(labelled.size());
  for (std::size_t k = 0; k < labelled.size(); ++k) {
    energy[static_cast<Eigen::Index>(k)] = *labelled[k]->energy;
    for (int z : labelled[k]->numbers)
      counts(static_cast<Eigen::Index>(k),
             std::lower_bound(elements.begin(), elements.end(), z) - elements.begin()) += 1;
  }
  std::map<int, double> reference;
  for (int z : elements) reference[z] = 0;
  if (labelled.empty()) return reference;
  const Eigen::VectorXd fit = counts.completeOrthogonalDecomposition().solve(energy);
  for (std::size_t k = 0; k < elements.size(); ++k)
    reference[elements[k]] = fit[static_cast<Eigen::Index>(k)];
  return reference;
}

std::map<int, double> shifted_reference_energies(const FrameSet& set, const std::map<int, double>& given) {
  for (int z : elements_of(set))
    require(given.count(z) > 0, set.name, ": has ", data::element_symbol(z),
            ", for which no reference energy is given");
  double total = 0, atoms = 0;
  for (const Frame& f : set.frames)
    if (f.energy) {
      total += residual(f, given);
      atoms += static_cast<double>(f.size());
    }
  std::map<int, double> reference = given;
  if (atoms > 0)
    for (auto& [z, energy] : reference) energy += total / atoms;
  return reference;
}

double fit_scale(const FrameSet& set, const std::map<int, double>& reference) {
  Moments forces, energies;
  for (const Frame& f : set.frames) {
    for (double x : f.forces) forces.add(x);
    if (f.energy) energies.add(residual(f, reference) / static_cast<double>(f.size()));
  }
  const double scale = forces.count > 0 ? forces.rmse() : energies.rmse();
  return std::isfinite(scale) && scale > 1e-12 ? scale : 1.0;
}

Predictions predict(const Model& model, const FrameSet& set, bool stress, Index atoms_per_batch,
                    const ProgressCallback& progress, const StopFlag* stop) {
  Predictions out;
  const Index count = static_cast<Index>(set.frames.size());
  Recording off(false);
  for (Index begin = 0; begin < count;) {
    if (stop && *stop) break;
    std::vector<const Frame*> frames;
    std::vector<NeighborList> lists;
    Index atoms = 0, end = begin;
    for (; end < count &&
           (end == begin || atoms + set.frames[static_cast<std::size_t>(end)].size() <= atoms_per_batch);
         ++end) {
      const Frame& f = set.frames[static_cast<std::size_t>(end)];
      const std::string where = "frame " + std::to_string(end);
      if (f.size() == 0) throw FormatError(set.name, where, "has no atoms");
      try {
        model.check_elements(f.numbers);
        lists.push_back(neighbor_list(f, model.cutoff()));
      } catch (const std::invalid_argument& error) {
        throw FormatError(set.name, where, error.what());
      }
      frames.push_back(&f);
      atoms += f.size();
    }
    std::vector<const NeighborList*> list_of;
    for (const NeighborList& l : lists) list_of.push_back(&l);
    const Graph graph = make_graph(frames, list_of);
    const Prediction p = model.predict(graph, {true, stress, false});
    const auto energy = p.energy.to_vector<double>(), forces = p.forces.to_vector<double>();
    const auto strain = stress ? p.strain.to_vector<double>() : std::vector<double>();
    for (std::size_t b = 0; b < frames.size(); ++b) {
      out.energy.push_back(energy[b]);
      out.forces.emplace_back(forces.begin() + 3 * graph.first[b], forces.begin() + 3 * graph.first[b + 1]);
      std::array<double, 9> s{};
      if (stress && graph.volume[b] > 0)
        for (std::size_t k = 0; k < 9; ++k) s[k] = strain[9 * b + k] / graph.volume[b];
      out.stress.push_back(s);
    }
    begin = end;
    if (progress) progress({begin, count, ""});
  }
  return out;
}

Errors compare(const FrameSet& set, const Predictions& p) {
  Moments energy, per_atom, forces, stress;
  const std::size_t count = std::min(set.frames.size(), p.energy.size());
  for (std::size_t k = 0; k < count; ++k) {
    const Frame& f = set.frames[k];
    if (f.energy) {
      energy.add(p.energy[k] - *f.energy);
      per_atom.add((p.energy[k] - *f.energy) / static_cast<double>(f.size()));
    }
    for (std::size_t c = 0; c < f.forces.size(); ++c) forces.add(p.forces[k][c] - f.forces[c]);
    if (f.stress && f.periodic())
      for (std::size_t c = 0; c < 9; ++c) stress.add(p.stress[k][c] - (*f.stress)[c]);
  }
  Errors e;
  e.n_frames = static_cast<Index>(count);
  e.energy_rmse = energy.rmse();
  e.energy_mae = energy.mae();
  e.energy_per_atom_rmse = per_atom.rmse();
  e.energy_per_atom_mae = per_atom.mae();
  e.forces_rmse = forces.rmse();
  e.forces_mae = forces.mae();
  e.stress_rmse = stress.rmse();
  e.stress_mae = stress.mae();
  e.has_energy = energy.count > 0;
  e.has_forces = forces.count > 0;
  e.has_stress = stress.count > 0;
  return e;
}

}  // namespace cartan::potentials
