#include "errors_json.hpp"

#include <cstdio>

namespace cartan::app {

nlohmann::json to_json(const potentials::Errors& e) {
  nlohmann::json j{{"n_frames", e.n_frames}};
  if (e.has_energy) {
    j["energy_rmse_ev"] = e.energy_rmse;
    j["energy_mae_ev"] = e.energy_mae;
    j["energy_per_atom_rmse_ev"] = e.energy_per_atom_rmse;
    j["energy_per_atom_mae_ev"] = e.energy_per_atom_mae;
  }
  if (e.has_forces) {
    j["forces_rmse_ev_per_ang"] = e.forces_rmse;
    j["forces_mae_ev_per_ang"] = e.forces_mae;
  }
  if (e.has_stress) {
    j["stress_rmse_ev_per_ang3"] = e.stress_rmse;
    j["stress_mae_ev_per_ang3"] = e.stress_mae;
  }
  return j;
}

std::string table(const potentials::Errors& e) {
  char line[160];
  std::string out = std::to_string(e.n_frames) + " frames          RMSE         MAE\n";
  const auto row = [&](const char* name, double rmse, double mae, const char* unit) {
    std::snprintf(line, sizeof line, "  %-16s %11.3f %11.3f  %s\n", name, rmse, mae, unit);
    out += line;
  };
  if (e.has_energy) {
    row("energy", 1e3 * e.energy_rmse, 1e3 * e.energy_mae, "meV");
    row("energy per atom", 1e3 * e.energy_per_atom_rmse, 1e3 * e.energy_per_atom_mae, "meV");
  }
  if (e.has_forces) row("forces", 1e3 * e.forces_rmse, 1e3 * e.forces_mae, "meV/A");
  if (e.has_stress) row("stress", 1e3 * e.stress_rmse, 1e3 * e.stress_mae, "meV/A^3");
  return out;
}

}  // namespace cartan::app
