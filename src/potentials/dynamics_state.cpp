#include <cartan/core/error.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <algorithm>

namespace cartan::potentials {

Ensemble ensemble_from_name(const std::string& name) {
  if (name == "nve") return Ensemble::nve;
  if (name == "nvt") return Ensemble::nvt;
  if (name == "npt") return Ensemble::npt;
  throw std::invalid_argument("[ensemble] there is no \"" + name + "\"; use nve, nvt or npt");
}

Thermostat thermostat_from_name(const std::string& name) {
  if (name == "langevin") return Thermostat::langevin;
  if (name == "nose-hoover") return Thermostat::nose_hoover;
  throw std::invalid_argument("[thermostat] there is no \"" + name + "\"; use langevin or nose-hoover");
}

void DynamicsState::save(data::Group& group) const {
  const Index n = frame.size();
  const Shape per_atom{n, 3};
  group.attributes["step"] = static_cast<std::int64_t>(step);
  group.attributes["time"] = time;
  group.attributes["heat"] = heat;
  group.attributes["charge"] = frame.charge;
  group.attributes["energy"] = evaluation.energy;
  group.attributes["volume_moves"] = std::vector<std::int64_t>{volume_moves, volume_moves_accepted};
  group.attributes["pbc"] = std::vector<std::int64_t>(frame.pbc.begin(), frame.pbc.end());
  group.set("numbers", Array::from(std::vector<std::int32_t>(frame.numbers.begin(), frame.numbers.end())));
  group.set("cell", Array::from(frame.cell.data(), {3, 3}), "Angstrom");
  group.set("positions", Array::from(frame.positions, per_atom), "Angstrom");
  group.set("velocities", Array::from(frame.velocities, per_atom), "Angstrom/fs");
  group.set("forces", Array::from(evaluation.forces, per_atom), "eV/Angstrom");
  group.set("virial", Array::from(evaluation.virial.data(), {3, 3}), "eV");
  if (!evaluation.atom_energies.empty()) group.set("energies", Array::from(evaluation.atom_energies), "eV");
  if (!chain_positions.empty()) {
    group.set("chain_positions", Array::from(chain_positions));
    group.set("chain_velocities", Array::from(chain_velocities), "1/fs");
  }
  for (const auto& [name, array] : frame.arrays)
    if (name.find('/') == std::string::npos) group["arrays"].set(name, array);
}

namespace {
std::vector<double> numbers_of(const data::Group& group, const std::string& name, const Shape& shape) {
  return group.array(name, DType::f64, shape).to_vector<double>();
}
}  // namespace

DynamicsState DynamicsState::load(const data::Group& group) {
  DynamicsState state;
  Frame& frame = state.frame;
  const Array numbers = group.array("numbers", DType::i32, {-1});
  const Index n = numbers.size();
  const std::vector<std::int32_t> z = numbers.to_vector<std::int32_t>();
  frame.numbers.assign(z.begin(), z.end());
  frame.positions = numbers_of(group, "positions", {n, 3});
  frame.velocities = numbers_of(group, "velocities", {n, 3});
  state.evaluation.forces = numbers_of(group, "forces", {n, 3});
  const auto cell = numbers_of(group, "cell", {3, 3}), virial = numbers_of(group, "virial", {3, 3});
  std::copy(cell.begin(), cell.end(), frame.cell.begin());
  std::copy(virial.begin(), virial.end(), state.evaluation.virial.begin());
  if (group.has("energies")) state.evaluation.atom_energies = numbers_of(group, "energies", {n});
  if (group.has("chain_positions")) {
    state.chain_positions = numbers_of(group, "chain_positions", {-1});
    state.chain_velocities =
        numbers_of(group, "chain_velocities", {static_cast<Index>(state.chain_positions.size())});
  }
  if (group.has_group("arrays"))
    for (const auto& [name, item] : group.group("arrays").items()) frame.arrays[name] = item.array;
  state.step = group.integer("step");
  state.time = group.number("time");
  state.heat = group.number("heat");
  frame.charge = group.number("charge");
  state.evaluation.energy = group.number("energy");
  const auto& pbc = group.integers("pbc");
  const auto& moves = group.integers("volume_moves");
  if (pbc.size() != 3 || moves.size() != 2 || state.step < 0 || n < 1)
    throw FormatError("state of dynamics", "attributes",
                      text("pbc has ", pbc.size(), " entries (3 wanted), volume_moves ", moves.size(),
                           " (2 wanted), step is ", state.step, ", atoms ", n));
  for (std::size_t k = 0; k < 3; ++k) frame.pbc[k] = pbc[k] != 0;
  state.volume_moves = moves[0];
  state.volume_moves_accepted = moves[1];
  return state;
}

}  // namespace cartan::potentials
