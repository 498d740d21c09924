#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/core/units.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "potentials/nose_hoover.hpp"
#include "potentials/velocities.hpp"

namespace cartan::potentials {
namespace {

constexpr Index grain = 4096;

// Random streams of a step.
Random thermostat_noise(std::uint64_t seed, Index step) {
  return Random(seed, 2 * static_cast<std::uint64_t>(step));
}
Random barostat_noise(std::uint64_t seed, Index step) {
  return Random(seed, 2 * static_cast<std::uint64_t>(step) + 1);
}

double trace(const std::array<double, 9>& m) {
  return m[0] + m[4] + m[8];
}

bool finite(const std::vector<double>& x) {
  return std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); });
}

bool all_periodic(const Frame& f) {
  return f.pbc[0] && f.pbc[1] && f.pbc[2];
}

}  // namespace

Dynamics::Dynamics(Potential& potential, Frame start_frame, const DynamicsOptions& options)
    : potential_(potential), options_(options) {
  state_.frame = std::move(start_frame);
  Frame& frame = state_.frame;
  check(options);
  if (frame.velocities.empty()) {
    set_velocities(frame, options.temperature, options.seed, options.remove_com, options.remove_rotation,
                   options.exact_temperature);
  } else {
    require(frame.velocities.size() == frame.positions.size() && finite(frame.velocities), "[Dynamics] ",
            frame.velocities.size(), " velocity components for ", frame.size(), " atoms, ",
            finite(frame.velocities) ? "all" : "not all", " finite; give three an atom or none");
    const auto masses = masses_of(frame);
    const auto moving = moving_components(frame);
    for (std::size_t c = 0; c < moving.size(); ++c)
      if (!moving[c]) frame.velocities[c] = 0;
    if (options.remove_com && moving.empty() && frame.size() > 1) remove_com_motion(masses, frame.velocities);
    if (options.remove_rotation) potentials::remove_rotation(masses, frame.positions, frame.velocities);
  }
  start();
  state_.evaluation.forces.clear();
  state_.start_energy = DynamicsState::not_known;
  if (evaluate()) state_.start_energy = conserved(kinetic_energy(), state_.frame.volume());
}

Dynamics::Dynamics(Potential& potential, DynamicsState state, const DynamicsOptions& options)
    : potential_(potential), options_(options), state_(std::move(state)) {
  check(options);
  const std::size_t n = state_.frame.positions.size();
  require(state_.frame.velocities.size() == n && state_.evaluation.forces.size() == n,
          "[Dynamics] a state of ", n, " coordinates, ", state_.frame.velocities.size(), " velocities and ",
          state_.evaluation.forces.size(), " forces; give one that a run has left");
  start();
  if (std::isnan(state_.start_energy))
    state_.start_energy = conserved(kinetic_energy(), state_.frame.volume());
}

void Dynamics::check(const DynamicsOptions& o) const {
  const Frame& frame = state_.frame;
  config::validate("Dynamics", o);
  require(frame.size() > 0 && frame.positions.size() == 3 * frame.numbers.size(), "[Dynamics] ", frame.size(),
          " atoms, ", frame.positions.size(),
          " coordinates; give at least one atom and three coordinates an atom");
  require(o.ensemble != Ensemble::nve || o.allow_direct_forces || potential_.conservative(),
          "[Dynamics] nve with forces that are not the gradient of the energy (direct ones) conserves "
          "nothing; use "
          "nvt, a model whose forces are gradients, or allow_direct_forces");
  require(!(o.remove_rotation && frame.periodic()),
          "[Dynamics] a periodic frame has no angular momentum to remove; leave remove_rotation off");
  require(moving_components(frame).empty() || (o.ensemble != Ensemble::npt && !o.remove_rotation),
          "[Dynamics] the frame has fixed atoms (move_mask), which npt and remove_rotation would "
          "move; use nvt or nve, or take the column away");
  require(o.ensemble == Ensemble::nve || o.temperature > 0,
          "[Dynamics] the thermostat's temperature is 0 K; give a positive number");
  require(o.temperature < o.max_temperature, "[Dynamics] a temperature of ", o.temperature,
          " K counts as exploded: max_temperature is ", o.max_temperature, " K; raise it");
  require(o.ensemble != Ensemble::npt || all_periodic(frame),
          "[Dynamics] npt needs pbc in three directions, got ", frame.pbc[0], " ", frame.pbc[1], " ",
          frame.pbc[2], "; use nvt");
}

void Dynamics::start() {
  masses_ = masses_of(state_.frame);
  const bool langevin_used =
      options_.ensemble != Ensemble::nve && options_.thermostat == Thermostat::langevin;
  moving_ = moving_components(state_.frame);
  without_com_ = options_.remove_com && moving_.empty() && state_.frame.size() > 1;
  freedom_ = moving_.empty() ? count_freedom(state_.frame.size(), without_com_,
                                             options_.remove_rotation && !langevin_used)
                             : std::count(moving_.begin(), moving_.end(), std::uint8_t{1});
  require(freedom_ > 0, "[Dynamics] ", state_.frame.size(),
          moving_.empty() ? " atoms have no degree of freedom left; switch remove_com or remove_rotation off"
                          : " atoms, all of them fixed by their move_mask; leave some free");
  if (options_.ensemble != Ensemble::nve && options_.thermostat == Thermostat::nose_hoover &&
      state_.chain_positions.size() != static_cast<std::size_t>(options_.chain)) {
    state_.chain_positions.assign(static_cast<std::size_t>(options_.chain), 0);
    state_.chain_velocities.assign(static_cast<std::size_t>(options_.chain), 0);
  }
}

bool Dynamics::evaluate() {
  Evaluation& e = state_.evaluation;
  const std::size_t n = state_.frame.positions.size();
  const bool first = e.forces.empty();
  try {
    e = potential_.evaluate(state_.frame);
  } catch (const std::invalid_argument& error) {
    if (first) throw;  // the caller's frame, not the dynamics, is at fault
    failure_ = error.what();
    return false;
  }
  require(e.forces.size() == n, "[Dynamics] the potential returned ", e.forces.size(),
          " force components for ", n, " coordinates");
  require(options_.max_deviation == 0 || e.deviation.known(), "[Dynamics] max_deviation is ",
          options_.max_deviation,
          " eV/Angstrom, but the potential is no committee; give several models or leave it 0");
  if (!std::isfinite(e.energy)) {
    failure_ = text("the energy is ", e.energy);
  } else if (const auto bad =
                 std::find_if(e.forces.begin(), e.forces.end(), [](double f) { return !std::isfinite(f); });
             bad != e.forces.end()) {
    failure_ = text("the force on atom ", (bad - e.forces.begin()) / 3, " is ", *bad);
  } else if (options_.ensemble == Ensemble::npt && !std::isfinite(trace(e.virial))) {
    failure_ = text("the trace of the virial is ", trace(e.virial));
  }
  return failure_.empty();
}

// Fixed atoms have no velocity.
void Dynamics::hold() {
  for (std::size_t c = 0; c < moving_.size(); ++c)
    if (!moving_[c]) state_.frame.velocities[c] = 0;
}

void Dynamics::kick(double time) {
  const double* f = state_.evaluation.forces.data();
  double* v = state_.frame.velocities.data();
  parallel_for(state_.frame.size(), grain, [&](Index begin, Index end) {
    for (Index a = begin; a < end; ++a) {
      const double scale = time / (masses_[static_cast<std::size_t>(a)] * units::mass_velocity2);
      for (Index c = 3 * a; c < 3 * a + 3; ++c) v[c] += scale * f[c];
    }
  });
  hold();
}

void Dynamics::drift(double time) {
  const double* v = state_.frame.velocities.data();
  double* x = state_.frame.positions.data();
  parallel_for(3 * state_.frame.size(), 3 * grain, [&](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) x[c] += time * v[c];
  });
}

void Dynamics::langevin() {
  const double before = kinetic_energy();
  const double keep = std::exp(-options_.friction * options_.dt);
  const double noise = units::boltzmann * options_.temperature * (1 - keep * keep) / units::mass_velocity2;
  const Random random = thermostat_noise(options_.seed, state_.step);
  double* v = state_.frame.velocities.data();
  parallel_for(state_.frame.size(), 1024, [&](Index begin, Index end) {
    for (Index a = begin; a < end; ++a) {
      const double width = std::sqrt(noise / masses_[static_cast<std::size_t>(a)]);
      for (Index c = 3 * a; c < 3 * a + 3; ++c)
        v[c] = keep * v[c] + width * random.normal(static_cast<std::uint64_t>(c));
    }
  });
  hold();
  if (without_com_) remove_com_motion(masses_, state_.frame.velocities);
  state_.heat += kinetic_energy() - before;
}

void Dynamics::chain_half_step() {
  const NoseHooverChain chain{units::boltzmann * options_.temperature, static_cast<double>(freedom_),
                              options_.tau};
  const double scale =
      chain.advance(state_.chain_positions, state_.chain_velocities, kinetic_energy(), 0.5 * options_.dt);
  for (double& v : state_.frame.velocities) v *= scale;
}

double Dynamics::chain_energy() const {
  if (options_.ensemble == Ensemble::nve || options_.thermostat != Thermostat::nose_hoover) return 0;
  const NoseHooverChain chain{units::boltzmann * options_.temperature, static_cast<double>(freedom_),
                              options_.tau};
  return chain.energy(state_.chain_positions, state_.chain_velocities);
}

double Dynamics::kinetic_energy() const {
  return potentials::kinetic_energy(masses_, state_.frame.velocities, work_);
}

void Dynamics::change_volume() {
  const double kt = units::boltzmann * options_.temperature, p0 = options_.pressure;
  const double time = options_.barostat_every * options_.dt,
               rate = options_.compressibility / options_.pressure_tau;
  // A centre of mass at rest stands for one that moves: its momentum and place are integrated out.
  const double centre = static_cast<double>(3 * state_.frame.size() - freedom_) / 3;
  // Of the density of lambda = sqrt(V): log density and the step that the Langevin equation takes in `time`,
  // cut off where the sample is far from equilibrium (the Metropolis rule allows for any step).
  struct Point {
    double volume, lambda, log_density, step, hamiltonian;
  };
  const auto point = [&] {
    Point p{};
    p.volume = state_.frame.volume();
    p.lambda = std::sqrt(p.volume);
    const double kinetic = kinetic_energy();
    const double internal =
        (2 * kinetic + trace(state_.evaluation.virial)) / (3 * p.volume) + centre * kt / p.volume;
    p.step = -0.5 * p.lambda * rate * (p0 - internal - 0.5 * kt / p.volume) * time;
    p.step = std::clamp(p.step, -0.01 * p.lambda, 0.01 * p.lambda);
    p.hamiltonian = kinetic + state_.evaluation.energy + p0 * p.volume;
    p.log_density = -p.hamiltonian / kt + std::log(p.lambda) + centre * std::log(p.volume);
    return p;
  };
  const auto scale = [&](double s) {
    for (double& x : state_.frame.positions) x *= s;
    for (double& c : state_.frame.cell) c *= s;
    for (double& v : state_.frame.velocities) v /= s;
  };

  ++state_.volume_moves;
  const Random random = barostat_noise(options_.seed, state_.step);
  const double variance = 0.5 * kt * rate * time;
  const Point here = point();
  const double lambda = here.lambda + here.step + std::sqrt(variance) * random.normal(0);
  const double ratio = lambda / here.lambda;
  if (!(ratio > 0.9 && ratio < 1 / 0.9)) return;  // refused; in both directions alike
  const std::vector<double> positions = state_.frame.positions, velocities = state_.frame.velocities;
  const std::array<double, 9> cell = state_.frame.cell;
  const Evaluation evaluation = state_.evaluation;
  scale(std::cbrt(ratio * ratio));
  bool accept = evaluate();
  failure_.clear();  // a volume that cannot be evaluated is refused
  if (accept) {
    const Point there = point();
    const double forward = lambda - here.lambda - here.step,
                 backward = here.lambda - there.lambda - there.step;
    const double log_ratio =
        there.log_density - here.log_density + (forward * forward - backward * backward) / (2 * variance);
    accept = std::log(1 - random.uniform(1)) < log_ratio;
    if (accept) {
      ++state_.volume_moves_accepted;
      state_.heat += there.hamiltonian - here.hamiltonian;
      return;
    }
  }
  state_.frame.positions = positions;
  state_.frame.velocities = velocities;
  state_.frame.cell = cell;
  state_.evaluation = evaluation;
}

bool Dynamics::step() {
  if (exploded()) return false;
  before_.frame.positions = state_.frame.positions;
  before_.frame.velocities = state_.frame.velocities;
  before_.frame.cell = state_.frame.cell;
  before_.evaluation = state_.evaluation;
  before_.chain_positions = state_.chain_positions;
  before_.chain_velocities = state_.chain_velocities;
  before_.heat = state_.heat;

  const double dt = options_.dt;
  const bool thermostatted = options_.ensemble != Ensemble::nve;
  const bool noisy = thermostatted && options_.thermostat == Thermostat::langevin;
  const bool chained = thermostatted && !noisy;
  if (chained) chain_half_step();
  kick(0.5 * dt);
  if (noisy) {
    drift(0.5 * dt);
    langevin();
    drift(0.5 * dt);
  } else {
    drift(dt);
  }
  bool good = evaluate();
  if (good) {
    kick(0.5 * dt);
    if (chained) chain_half_step();
    const double kinetic = kinetic_energy();
    const double temperature = 2 * kinetic / (static_cast<double>(freedom_) * units::boltzmann);
    const double change = (conserved(kinetic, state_.frame.volume()) - state_.start_energy) /
                          static_cast<double>(state_.frame.size());
    const double time = std::max(1.0, 1e-3 * (state_.time + dt));  // ps
    if (!(temperature <= options_.max_temperature))
      failure_ =
          text("the temperature is ", temperature, " K, beyond max_temperature ", options_.max_temperature);
    else if (!(std::abs(change) <= options_.max_drift * time))
      failure_ = text("the conserved energy has changed by ", change,
                      " eV/atom since the start, beyond max_drift ", options_.max_drift, " eV/atom/ps");
    good = failure_.empty();
  }
  if (!good) {
    failure_ = text("step ", state_.step + 1, ": ", failure_);
    std::swap(state_.frame.positions, before_.frame.positions);
    std::swap(state_.frame.velocities, before_.frame.velocities);
    state_.frame.cell = before_.frame.cell;
    std::swap(state_.evaluation, before_.evaluation);
    std::swap(state_.chain_positions, before_.chain_positions);
    std::swap(state_.chain_velocities, before_.chain_velocities);
    state_.heat = before_.heat;
    return false;
  }
  ++state_.step;
  state_.time += dt;
  if (options_.ensemble == Ensemble::npt && state_.step % options_.barostat_every == 0) change_volume();
  return true;
}

double Dynamics::conserved(double kinetic, double volume) const {
  const double energy = state_.evaluation.energy + kinetic + chain_energy() - state_.heat;
  return options_.ensemble == Ensemble::npt ? energy + options_.pressure * volume : energy;
}

bool Dynamics::sample_start() {
  if (state_.sampled || state_.step > 0 || exploded()) return false;
  return state_.sampled = true;
}

Observables Dynamics::observables() const {
  Observables o;
  o.step = state_.step;
  o.time = state_.time;
  o.potential = state_.evaluation.energy;
  o.kinetic = kinetic_energy();
  o.temperature = 2 * o.kinetic / (static_cast<double>(freedom_) * units::boltzmann);
  o.volume = state_.frame.volume();
  o.pressure = std::numeric_limits<double>::quiet_NaN();
  if (all_periodic(state_.frame))
    o.pressure = (static_cast<double>(state_.frame.size()) * units::boltzmann * o.temperature +
                  trace(state_.evaluation.virial) / 3) /
                 o.volume;
  o.conserved = conserved(o.kinetic, o.volume);
  const Deviation& d = state_.evaluation.deviation;
  o.energy_deviation = o.forces_deviation = o.forces_deviation_rms = std::numeric_limits<double>::quiet_NaN();
  if (d.known()) {
    o.energy_deviation = d.energy;
    o.forces_deviation = d.largest();
    o.forces_deviation_rms = d.root_mean_square();
  }
  return o;
}

std::string Dynamics::disagreement() const {
  const std::vector<double>& forces = state_.evaluation.deviation.forces;
  const auto most = std::max_element(forces.begin(), forces.end());
  if (options_.max_deviation == 0 || most == forces.end() || *most <= options_.max_deviation) return "";
  const auto atom = static_cast<std::size_t>(most - forces.begin());
  return text("step ", state_.step, ": the members differ by ", *most,
              " eV/Angstrom about the force on atom ", atom, " (",
              data::element_symbol(state_.frame.numbers[atom]), "), beyond max_deviation ",
              options_.max_deviation);
}

}  // namespace cartan::potentials
