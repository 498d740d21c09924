#include "cartan/potentials/model_card.hpp"

#include <cstdio>
#include <filesystem>

#include "cartan/core/error.hpp"
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
  if (model.config().direct_forces())
    lines.emplace_back("forces", "direct, not the gradient of the energy: not conservative");
  for (const auto& [name, value] : model.card) lines.emplace_back(name, value_text(value));
  return lines;
}

}  // namespace cartan::potentials
