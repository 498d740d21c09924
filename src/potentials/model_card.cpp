#include "cartan/potentials/model_card.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/wigner.hpp"
#include "data/hdf5_digest.hpp"

namespace cartan::potentials {
namespace {

void add(data::Digest& digest, const std::vector<double>& values) {
  digest.add(static_cast<std::uint64_t>(values.size()));
  digest.add(values.data(), values.size() * sizeof(double));
}

std::string set_line(const FrameSet& set) {
  return text(set.frames.size(), " frames of ", std::filesystem::path(set.name).filename().string(),
              ", digest ", digest(set.frames));
}

std::string value_text(const data::Attribute& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
          return text(v);
        } else {
          std::string out;
          for (const auto& x : v) out += (out.empty() ? "" : "; ") + text(x);
          return out;
        }
      },
      value);
}

}  // namespace

SymmetryError symmetry_error(const Model& model, const Frame& frame, int rotations) {
  require(rotations >= 1, "[symmetry_error] ", rotations, " rotations: at least 1");
  require(frame.size() > 0, "[symmetry_error] a frame without atoms");
  Model exact = model.as(DType::f64);
  exact.offset = 0;  // constants, among whose digits the error would be lost
  for (auto& [z, energy] : exact.reference) energy = 0;
  struct Values {
    double energy, size;
    std::vector<double> forces;
  };
  const auto at = [&](const Frame& f) {
    const Prediction p = exact.predict(make_graph(f, neighbor_list(f, exact.cutoff())), {true, false, false});
    Values v{p.energy.to(Device::cpu).item(), 0, p.forces.to(Device::cpu).to_vector<double>()};
    for (const double energy : p.atom_energies.to(Device::cpu).to_vector<double>())
      v.size += std::abs(energy);
    return v;
  };
  const Values here = at(frame);
  double largest = 0;
  for (const double f : here.forces) largest = std::max(largest, std::abs(f));
  if (largest == 0) largest = 1;  // atoms that do not see each other
  SymmetryError out;
  const auto raise = [](double& worst, double error) {  // a NaN stays
    if (!(error <= worst) && !std::isnan(worst)) worst = error;
  };
  const Random random(17);
  for (int k = 0; k < rotations; ++k) {
    std::vector<double> q;
    for (std::uint64_t i = 0; i < 4; ++i) q.push_back(random.normal(4 * static_cast<std::uint64_t>(k) + i));
    const std::vector<double> r = so3::rotation_from_quaternion(Array::from(q, {1, 4})).to_vector<double>();
    const auto turned = [&](const double* x, double* y) {
      for (int i = 0; i < 3; ++i) y[i] = r[3 * i] * x[0] + r[3 * i + 1] * x[1] + r[3 * i + 2] * x[2];
    };
    Frame f = frame;
    for (Index i = 0; i < frame.size(); ++i) turned(&frame.positions[3 * i], &f.positions[3 * i]);
    for (std::size_t i = 0; i < 3; ++i) turned(&frame.cell[3 * i], &f.cell[3 * i]);
    const Values there = at(f);
    raise(out.energy, std::abs(there.energy - here.energy) / here.size);
    for (Index i = 0; i < frame.size(); ++i) {
      double expected[3];
      turned(&here.forces[3 * i], expected);
      for (int c = 0; c < 3; ++c)
        raise(out.forces, std::abs(there.forces[3 * i + c] - expected[c]) / largest);
    }
  }
  return out;
}

namespace {

// Atoms on a grid of 1.5 Angstrom, moved at random, elements in turn.
Frame cluster_of(const Model& model) {
  std::vector<int> elements;
  for (const auto& [z, energy] : model.reference) elements.push_back(z);
  Frame f;
  const Random random(5);
  for (int k = 0; k < 12; ++k) {
    f.numbers.push_back(elements[static_cast<std::size_t>(k) % elements.size()]);
    const int place[3] = {k % 3, k / 3 % 2, k / 6};
    for (std::uint64_t c = 0; c < 3; ++c)
      f.positions.push_back(1.5 * place[c] + 0.5 * random.uniform(3 * static_cast<std::uint64_t>(k) + c));
  }
  return f;
}

}  // namespace

void describe_symmetry(Model& model) {
  if (model.config().plan().empty() || model.reference.empty()) return;
  const SymmetryError error = symmetry_error(model, cluster_of(model));
  model.card["equivariance_error_energy"] = error.energy;
  model.card["equivariance_error_forces"] = error.forces;
}

std::string digest(const std::vector<Frame>& frames) {
  data::Digest all;
  for (const Frame& f : frames) {
    all.add(static_cast<std::uint64_t>(f.numbers.size()));
    all.add(f.numbers.data(), f.numbers.size() * sizeof f.numbers[0]);
    add(all, f.positions);
    all.add(f.cell.data(), sizeof f.cell);
    for (const bool periodic : f.pbc) all.add(std::uint64_t{periodic});
    add(all, f.forces);
    add(all, f.energy ? std::vector<double>{*f.energy} : std::vector<double>{});
    add(all, f.stress ? std::vector<double>(f.stress->begin(), f.stress->end()) : std::vector<double>{});
  }
  char out[17];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(all.value()));
  return out;
}

void describe_training(Model& model, const FrameSet& train, const FrameSet& validation,
                       const Errors& errors) {
  model.card["training_set"] = set_line(train);
  describe_symmetry(model);
  if (validation.frames.empty()) return;
  model.card["validation_set"] = set_line(validation);
  if (errors.has_energy) model.card["energy_per_atom_rmse_ev"] = errors.energy_per_atom_rmse;
  if (errors.has_forces) model.card["forces_rmse_ev_per_ang"] = errors.forces_rmse;
  if (errors.has_stress) model.card["stress_rmse_ev_per_ang3"] = errors.stress_rmse;
}

std::vector<std::pair<std::string, std::string>> model_card(const Model& model) {
  std::vector<std::pair<std::string, std::string>> lines{
      {"network", model.config().summary()},
      {"parameters", text(nn::count_parameters(model.parameters()))},
      {"cutoff", text(model.cutoff(), " A")},
      {"elements", text(model.reference.size(), ": ", elements_of(model))},
      {"units", "eV, Angstrom; stress in eV/A^3, positive under tension"}};
  for (auto& line : model.config().plan()) lines.push_back(std::move(line));
  if (model.config().direct_forces())
    lines.emplace_back("forces", "direct, not the gradient of the energy: not conservative");
  for (const auto& [name, value] : model.card) lines.emplace_back(name, value_text(value));
  return lines;
}

}  // namespace cartan::potentials
