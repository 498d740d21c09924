#include <cartan/core/error.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <algorithm>

namespace cartan::potentials {

namespace {

const std::vector<std::pair<std::string, Ensemble>> ensembles{
    {"nve", Ensemble::nve}, {"nvt", Ensemble::nvt}, {"npt", Ensemble::npt}};
const std::vector<std::pair<std::string, Thermostat>> thermostats{{"langevin", Thermostat::langevin},
                                                                  {"nose-hoover", Thermostat::nose_hoover}};

}  // namespace

Ensemble ensemble_from_name(const std::string& name) {
  for (const auto& [known, ensemble] : ensembles)
    if (name == known) return ensemble;
  throw std::invalid_argument("[ensemble] there is no \"" + name + "\"; use nve, nvt or npt");
}

Thermostat thermostat_from_name(const std::string& name) {
  for (const auto& [known, thermostat] : thermostats)
    if (name == known) return thermostat;
  throw std::invalid_argument("[thermostat] there is no \"" + name + "\"; use langevin or nose-hoover");
}

const char* name_of(Ensemble ensemble) {
  return ensembles[static_cast<std::size_t>(ensemble)].first.c_str();
}
const char* name_of(Thermostat thermostat) {
  return thermostats[static_cast<std::size_t>(thermostat)].first.c_str();
}

void describe(config::Fields& f, DynamicsOptions& o) {
  f("ensemble", o.ensemble, ensembles, "what is kept constant");
  f("dt", o.dt, "time step").above(0).unit("fs");
  f("temperature", o.temperature, "of the thermostat and of velocities drawn at the start").from(0).unit("K");
  f("thermostat", o.thermostat, thermostats, "of nvt and npt");
  f("friction", o.friction, "langevin: friction").above(0).unit("1/fs");
  f("tau", o.tau, "nose-hoover: relaxation time").above(0).unit("fs");
  f("chain", o.chain, "nose-hoover: length of the chain").from(1).to(1000);
  f("pressure", o.pressure, "npt: pressure").unit("eV/Angstrom^3");
  f("pressure_tau", o.pressure_tau, "npt: relaxation time of the volume").above(0).unit("fs");
  f("compressibility", o.compressibility, "npt: of the sample, roughly").above(0).unit("Angstrom^3/eV");
  f("barostat_every", o.barostat_every, "npt: steps between changes of the volume").from(1);
  f("seed", o.seed, "seed of velocities and noise");
  f("remove_com", o.remove_com, "keep the centre of mass at rest");
  f("allow_direct_forces", o.allow_direct_forces,
    "nve: accept forces that are not the gradient of the energy, which they do not conserve");
  f("remove_rotation", o.remove_rotation, "start without angular momentum (no pbc)");
  f("exact_temperature", o.exact_temperature, "scale start velocities to the temperature");
  f("max_temperature", o.max_temperature, "temperature beyond which the run has exploded").above(0).unit("K");
  f("max_drift", o.max_drift, "change of the conserved energy beyond which the run has exploded")
      .above(0)
      .unit("eV/atom/ps");
  f("max_deviation", o.max_deviation,
    "committee: deviation of a force at which the run stops; 0: it does not")
      .from(0)
      .unit("eV/Angstrom");
  f("sample_every", o.sample_every, "steps between samples").from(1);
}

void DynamicsState::save(data::Group& group) const {
  const Index n = frame.size();
  const Shape per_atom{n, 3};
  group.attributes["step"] = static_cast<std::int64_t>(step);
  group.attributes["time"] = time;
  group.attributes["heat"] = heat;
  group.attributes["start_energy"] = start_energy;
  group.attributes["sampled"] = std::int64_t{sampled};
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
  if (evaluation.deviation.known()) {
    group.attributes["energy_deviation"] = evaluation.deviation.energy;
    group.set("forces_deviation", Array::from(evaluation.deviation.forces), "eV/Angstrom");
  }
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
  if (group.has("forces_deviation")) {
    state.evaluation.deviation.forces = numbers_of(group, "forces_deviation", {n});
    state.evaluation.deviation.energy = group.number("energy_deviation");
  }
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
  if (group.attributes.count("sampled")) {  // files from before do not say so
    state.start_energy = group.number("start_energy");
    state.sampled = group.integer("sampled") != 0;
  }
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
