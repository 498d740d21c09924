// Fits of reference energies, and errors of a model on labelled frames.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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

}  // namespace

bool is_isolated_atom(const Frame& f) {
  if (f.size() != 1 || !f.energy || f.charge != 0) return false;
  const auto type = f.info.find("config_type");
  const auto* word = type == f.info.end() ? nullptr : std::get_if<std::string>(&type->second);
  const bool said = word && (*word == "IsolatedAtom" || *word == "isolated_atom" || *word == "isolatedatom");
  return said || !f.periodic();
}

std::map<int, double> isolated_energies(const FrameSet& set) {
  std::map<int, double> out;
  for (const Frame& f : set.frames) {
    if (!is_isolated_atom(f)) continue;
    const auto [at, fresh] = out.emplace(f.numbers[0], *f.energy);
    if (!fresh) at->second = std::min(at->second, *f.energy);
  }
  return out;
}

std::map<int, double> fit_reference_energies(const FrameSet& set) {
  const std::map<int, double> given = isolated_energies(set);
  if (!given.empty()) {
    FrameSet rest{set.name, {}};  // what the isolated atoms leave to explain, by the other elements
    for (const Frame& f : set.frames) {
      Frame left;
      left.energy = f.energy;
      for (const int z : f.numbers) {
        const auto known = given.find(z);
        if (known == given.end())
          left.numbers.push_back(z);
        else if (left.energy)
          *left.energy -= known->second;
      }
      if (left.numbers.size() > 1 || (left.numbers.size() == 1 && f.size() > 1)) {
        left.pbc = {true, true, true};  // a lone atom that is left is not isolated
        rest.frames.push_back(std::move(left));
      }
    }
    std::map<int, double> all = fit_reference_energies(rest);
    all.insert(given.begin(), given.end());
    for (const int z : elements_of(set)) all.emplace(z, 0.0);
    return shifted_reference_energies(set, all);
  }
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

namespace {

// Frames with an energy: about `most` of them at equal distances, and of every element as many more as bring
// it to `enough` frames, or all it has.
std::vector<Frame> sample(const FrameSet& set, std::size_t most, int enough) {
  std::vector<const Frame*> labelled, rest;
  for (const Frame& f : set.frames)
    if (f.energy && f.size() > 0) labelled.push_back(&f);
  const std::size_t step = std::max<std::size_t>(1, (labelled.size() + most - 1) / most);
  std::vector<Frame> out;
  std::map<int, int> frames_with;
  const auto take = [&](const Frame& f) {
    for (const int z : std::set<int>(f.numbers.begin(), f.numbers.end())) ++frames_with[z];
    out.push_back(f);
  };
  for (std::size_t k = 0; k < labelled.size(); ++k)
    if (k % step == 0)
      take(*labelled[k]);
    else
      rest.push_back(labelled[k]);
  for (const Frame* f : rest)
    if (std::any_of(f->numbers.begin(), f->numbers.end(), [&](int z) { return frames_with[z] < enough; }))
      take(*f);
  return out;
}

}  // namespace

EnergyShift fit_shift(const Model& model, const FrameSet& set) {
  FrameSet some{set.name, sample(set, 200, 20)};
  EnergyShift out;
  out.frames = static_cast<Index>(some.frames.size());
  if (some.frames.empty()) return out;
  const Predictions p = predict(model, some, false);
  for (std::size_t i = 0; i < some.frames.size(); ++i) {
    Frame& f = some.frames[i];
    *f.energy -= p.energy[i];
    out.per_atom += *f.energy / static_cast<double>(f.size()) / static_cast<double>(out.frames);
  }
  out.by_element = fit_reference_energies(some);
  for (const Frame& f : some.frames) {
    double left = *f.energy;
    for (const int z : f.numbers) left -= out.by_element.at(z);
    out.left_per_atom += std::pow(left / static_cast<double>(f.size()), 2) / static_cast<double>(out.frames);
  }
  out.left_per_atom = std::sqrt(out.left_per_atom);
  return out;
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
  nn::ErrorStatistics forces, energies;
  for (const Frame& f : set.frames) {
    for (double x : f.forces) forces.add(x);
    if (f.energy) energies.add(residual(f, reference) / static_cast<double>(f.size()));
  }
  const double scale = forces.count() > 0 ? forces.rmse() : energies.rmse();
  return std::isfinite(scale) && scale > 1e-12 ? scale : 1.0;
}

void ErrorSums::add(const Frame& f, const double* e, const double* force, const double* sigma) {
  ++frames;
  if (e && f.energy) {
    energy.add(*e - *f.energy);
    energy_per_atom.add((*e - *f.energy) / static_cast<double>(f.size()));
  }
  if (force) forces.add(force, f.forces.data(), static_cast<Index>(f.forces.size()));
  if (sigma && f.stress && f.periodic() && f.volume() > 0) stress.add(sigma, f.stress->data(), 9);
}

Errors ErrorSums::errors() const {
  Errors e;
  e.n_frames = frames;
  e.energy_rmse = energy.rmse();
  e.energy_mae = energy.mae();
  e.energy_per_atom_rmse = energy_per_atom.rmse();
  e.energy_per_atom_mae = energy_per_atom.mae();
  e.forces_rmse = forces.rmse();
  e.forces_mae = forces.mae();
  e.stress_rmse = stress.rmse();
  e.stress_mae = stress.mae();
  e.has_energy = energy.count() > 0;
  e.has_forces = forces.count() > 0;
  e.has_stress = stress.count() > 0;
  return e;
}

Errors compare(const FrameSet& set, const Predictions& p) {
  require(p.energy.size() == p.forces.size() && p.energy.size() == p.stress.size() &&
              p.energy.size() <= set.frames.size(),
          "[compare] ", set.name, ": ", set.frames.size(), " frames; predictions of ", p.energy.size(),
          " energies, ", p.forces.size(), " forces and ", p.stress.size(), " stresses");
  ErrorSums sums;
  for (std::size_t k = 0; k < p.energy.size(); ++k)
    sums.add(set.frames[k], &p.energy[k], p.forces[k].data(), p.stress[k].data());
  return sums.errors();
}

}  // namespace cartan::potentials
