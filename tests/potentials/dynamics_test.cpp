#include <gtest/gtest.h>

#include <cartan/core/units.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <cmath>

#include "potentials/test_potentials.hpp"
#include "worst.hpp"

namespace cartan::potentials {
namespace {

using test::fcc;
using test::Harmonic;
using test::IdealGas;
using test::LennardJones;

const double kb = units::boltzmann;

LennardJones argon() {
  return LennardJones(0.0104, 3.4, 6.5);
}

#define EXPECT_NEAR_TO(value, wanted, tolerance)           \
  EXPECT_TRUE(std::abs((value) - (wanted)) <= (tolerance)) \
      << #value " = " << (value) << ", wanted " << (wanted)

TEST(TestPotential, ForcesAndVirialAreDerivatives) {
  LennardJones lj = argon();
  const Frame f = fcc(1, 5.0, 0.4);
  const Evaluation e = lj.evaluate(f);
  const double h = 1e-4;
  for (std::size_t c = 0; c < f.positions.size(); ++c) {
    Frame up = f, down = f;
    up.positions[c] += h;
    down.positions[c] -= h;
    EXPECT_NEAR_TO(e.forces[c], (lj.evaluate(down).energy - lj.evaluate(up).energy) / (2 * h), 1e-7);
  }
  for (std::size_t c = 0; c < 9; ++c) {
    std::array<double, 9> strain{};
    strain[c] = h;
    const double up = lj.evaluate(test::strained(f, strain)).energy;
    strain[c] = -h;
    EXPECT_NEAR_TO(e.virial[c], (lj.evaluate(test::strained(f, strain)).energy - up) / (2 * h), 1e-6);
  }
}

TEST(Velocities, MaxwellBoltzmannWithTheMomentaAskedFor) {
  Frame f = fcc(5, 5.3);
  for (std::size_t a = 0; a < f.numbers.size(); a += 2) f.numbers[a] = 1;
  const double t = 250;
  EXPECT_EQ(set_velocities(f, t, 3, false), 1500);
  const auto masses = masses_of(f);
  double square[2] = {}, fourth[2] = {};
  for (std::size_t c = 0; c < f.velocities.size(); ++c) {
    const double x = f.velocities[c] * std::sqrt(masses[c / 3] * units::mass_velocity2 / (kb * t));
    square[c / 3 % 2] += x * x / 750;
    fourth[c / 3 % 2] += x * x * x * x / 750;
  }
  for (const int kind : {0, 1}) {  // standard normal whatever the mass, within 4 standard errors
    EXPECT_NEAR_TO(square[kind], 1, 4 * std::sqrt(2.0 / 750));
    EXPECT_NEAR_TO(fourth[kind], 3, 4 * std::sqrt(96.0 / 750));
  }
  Frame molecule = f;
  molecule.pbc = {};
  EXPECT_EQ(set_velocities(molecule, t, 3, true, true, true), 1494);
  double momentum[3] = {}, spin[3] = {}, kinetic = 0;
  for (std::size_t a = 0; a < masses.size(); ++a) {
    const double *x = &molecule.positions[3 * a], *v = &molecule.velocities[3 * a];
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t d = (c + 1) % 3, e = (c + 2) % 3;
      momentum[c] += masses[a] * v[c];
      spin[c] += masses[a] * (x[d] * v[e] - x[e] * v[d]);
      kinetic += 0.5 * masses[a] * v[c] * v[c] * units::mass_velocity2;
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR_TO(momentum[c], 0, 1e-11);
    EXPECT_NEAR_TO(spin[c], 0, 1e-9);
  }
  EXPECT_NEAR_TO(2 * kinetic / (1494 * kb), t, 1e-9);
  Frame pair;  // a linear molecule: two rotations
  pair.numbers = {7, 7};
  pair.positions = {0, 0, 0, 0, 0, 1.1};
  EXPECT_EQ(set_velocities(pair, t, 1, true, true, true), 1);
  EXPECT_NEAR_TO(pair.velocities[0], 0, 1e-12);
  Frame again = pair;
  set_velocities(again, t, 1, true, true, true);
  EXPECT_EQ(again.velocities, pair.velocities);
}

/// Largest deviation of the energy over 200 fs.
double energy_error(double dt) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.dt = dt;
  o.temperature = 80;
  Dynamics md(lj, fcc(2, 5.4, 0.1), o);
  return run(md, std::lround(200 / dt)).energy_deviation;
}

TEST(Nve, EnergyErrorIsOfSecondOrder) {
  const double coarse = energy_error(8), middle = energy_error(4), fine = energy_error(2);
  EXPECT_NEAR_TO(std::log2(coarse / middle), 2, 0.2);
  EXPECT_NEAR_TO(std::log2(middle / fine), 2, 0.2);
}

TEST(Nve, ReversibleInTime) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.dt = 4;
  o.temperature = 60;
  const Frame start = fcc(2, 5.4, 0.1);
  Dynamics there(lj, start, o);
  run(there, 200);
  Frame turned = there.state().frame;
  for (double& v : turned.velocities) v = -v;
  double moved = 0;
  for (std::size_t c = 0; c < start.positions.size(); ++c)
    moved = std::max(moved, std::abs(turned.positions[c] - start.positions[c]));
  EXPECT_GT(moved, 0.1);
  Dynamics back(lj, turned, o);
  run(back, 200);
  for (std::size_t c = 0; c < start.positions.size(); ++c)
    EXPECT_NEAR_TO(back.state().frame.positions[c], start.positions[c], 1e-10);
}

TEST(Nve, DriftOfALongRunIsSmall) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.dt = 5;
  o.temperature = 80;
  Dynamics md(lj, fcc(2, 5.4), o);
  const DynamicsSummary s = run(md, 4000);
  EXPECT_EQ(s.status, DynamicsStatus::finished);
  EXPECT_EQ(s.steps, 4000);
  EXPECT_TRUE(std::abs(s.energy_drift) <= 1e-7) << s.energy_drift;
  EXPECT_TRUE(s.temperature_mean > 30 && s.temperature_mean < 60) << s.temperature_mean;  // equipartition
  EXPECT_GT(s.ns_per_day, 0);
  EXPECT_EQ(md.degrees_of_freedom(), 93);
}

Frame oscillators(Index n) {
  Frame f;
  f.numbers.assign(static_cast<std::size_t>(n), 6);
  f.positions.assign(static_cast<std::size_t>(3 * n), 0);
  return f;
}

TEST(Langevin, HarmonicAveragesAtALargeTimeStep) {
  // BAOAB: <x^2> = kT / k exactly, <v^2> too small by (omega dt / 2)^2.
  const double k = 1, mass = 12.011, omega = std::sqrt(k / (mass * units::mass_velocity2));
  Harmonic harmonic(k);
  DynamicsOptions o;
  o.ensemble = Ensemble::nvt;
  o.dt = 1 / omega;
  o.friction = 0.5 * omega;
  o.temperature = 300;
  o.remove_com = false;
  Dynamics md(harmonic, oscillators(400), o);
  run(md, 30);
  const DynamicsSummary s = run(md, 600);
  EXPECT_EQ(md.degrees_of_freedom(), 1200);
  // About 200 independent samples of 1200 squares: relative error sqrt(2 / 240000) = 0.3 %.
  EXPECT_NEAR_TO(s.potential_mean / (600 * kb * 300), 1, 0.012);
  EXPECT_NEAR_TO(s.temperature_mean / 300, 0.75, 0.009);
  o.dt = 0.1 / omega;
  Dynamics small(harmonic, oscillators(400), o);
  run(small, 300);
  EXPECT_NEAR_TO(run(small, 2000).temperature_mean / 300, 1, 0.02);
}

TEST(Langevin, ConservedQuantityCountsTheHeatAndTheCentreOfMassRests) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.ensemble = Ensemble::nvt;
  o.dt = 2;
  o.temperature = 70;
  o.friction = 0.02;
  Dynamics md(lj, fcc(2, 5.4), o);
  const double before = md.observables().conserved;
  const DynamicsSummary s = run(md, 1500);
  EXPECT_NEAR_TO(s.temperature_mean, 70, 4);
  EXPECT_NEAR_TO((md.observables().conserved - before) / 32, 0, 2e-5);
  EXPECT_GT(std::abs(md.state().heat) / 32, 1e-3);
  double momentum = 0;
  for (std::size_t c = 0; c < 96; c += 3) momentum += md.state().frame.velocities[c];
  EXPECT_NEAR_TO(momentum, 0, 1e-13);
}

TEST(NoseHoover, ConservesItsEnergyAndSamplesTheCanonicalEnsemble) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.ensemble = Ensemble::nvt;
  o.thermostat = Thermostat::nose_hoover;
  o.dt = 5;
  o.temperature = 70;
  o.tau = 100;
  Dynamics md(lj, fcc(2, 5.4, 0.1), o);
  run(md, 1000);
  double mean = 0, square = 0;
  o.sample_every = 1;
  const Index steps = 10000;
  const double first = md.observables().conserved;
  double worst = 0;
  for (Index n = 0; n < steps; ++n) {
    ASSERT_TRUE(md.step());
    const Observables now = md.observables();
    mean += now.temperature / double(steps);
    square += now.temperature * now.temperature / double(steps);
    worst = cartan::testing::worst_of(worst, std::abs(now.conserved - first) / 32);
  }
  EXPECT_NEAR_TO(mean, 70, 1);
  EXPECT_NEAR_TO((square - mean * mean) / (70 * 70 * 2.0 / 93), 1, 0.2);  // canonical variance
  EXPECT_TRUE(worst <= 2e-4) << worst;
  const auto error = [&](double dt) {
    o.dt = dt;
    Dynamics short_run(lj, fcc(2, 5.4, 0.1), o);
    return run(short_run, std::lround(200 / dt)).energy_deviation;
  };
  EXPECT_NEAR_TO(std::log2(error(8) / error(4)), 2, 0.25);
}

TEST(NoseHoover, HarmonicOscillatorsHaveTheVirialTheorem) {
  Harmonic harmonic(1);
  DynamicsOptions o;
  o.ensemble = Ensemble::nvt;
  o.thermostat = Thermostat::nose_hoover;
  o.remove_com = false;
  o.tau = 40;
  o.chain = 4;
  Frame f = oscillators(50);
  for (std::size_t c = 0; c < 150; ++c) f.positions[c] = 0.3 * std::sin(double(c));
  Dynamics md(harmonic, f, o);
  run(md, 2000);
  const DynamicsSummary s = run(md, 30000);
  EXPECT_NEAR_TO(s.temperature_mean / 300, 1, 0.01);
  EXPECT_NEAR_TO(s.potential_mean / (75 * kb * 300), 1, 0.02);
}

/// Mean and variance of the volume of an ideal gas: P(V) ~ V^n exp(-PV/kT), a gamma distribution.
void expect_ideal_gas(bool remove_com, Thermostat thermostat) {
  const double n = 20, t = 300, pressure = 1e-3;
  IdealGas gas;
  Frame f = oscillators(20);
  f.pbc = {true, true, true};
  f.cell = {8, 0, 0, 1, 8, 0, 0, 2, 8};
  DynamicsOptions o;
  o.ensemble = Ensemble::npt;
  o.thermostat = thermostat;
  o.temperature = t;
  o.pressure = pressure;
  o.remove_com = remove_com;
  o.friction = 0.1;
  o.tau = 20;
  o.compressibility = 1 / pressure;
  o.pressure_tau = 10;
  o.barostat_every = 2;
  o.dt = 2;
  Dynamics md(gas, f, o);
  run(md, 2000);
  double mean = 0, square = 0;
  const Index steps = 60000;
  const double before = md.observables().conserved;
  for (Index k = 0; k < steps; ++k) {
    ASSERT_TRUE(md.step());
    const double v = md.state().frame.volume();
    mean += v / double(steps);
    square += v * v / double(steps);
  }
  const double unit = kb * t / pressure;
  EXPECT_NEAR_TO(mean / ((n + 1) * unit), 1, 0.02);
  EXPECT_NEAR_TO((square - mean * mean) / ((n + 1) * unit * unit), 1, 0.12);
  EXPECT_GT(double(md.state().volume_moves_accepted) / double(md.state().volume_moves), 0.5);
  EXPECT_NEAR_TO((md.observables().conserved - before) / n, 0, 1e-3);
  const auto& c = md.state().frame.cell;  // the shape stays
  EXPECT_NEAR_TO(c[7] / c[0], 0.25, 1e-9);
}

TEST(Npt, IdealGasHasTheExactVolumes) {
  expect_ideal_gas(false, Thermostat::langevin);
  expect_ideal_gas(true, Thermostat::langevin);
  expect_ideal_gas(true, Thermostat::nose_hoover);
}

TEST(Npt, CrystalTakesThePressure) {
  LennardJones lj = argon();
  DynamicsOptions o;
  o.ensemble = Ensemble::npt;
  o.temperature = 30;
  o.friction = 0.02;
  o.pressure = 1 * units::gigapascal;
  o.compressibility = 20;
  o.pressure_tau = 200;
  o.dt = 5;
  Dynamics md(lj, fcc(2, 5.8), o);
  run(md, 2000);
  const DynamicsSummary s = run(md, 8000);
  EXPECT_NEAR_TO(s.pressure_mean / units::gigapascal, 1, 0.03);
  EXPECT_NEAR_TO(s.temperature_mean, 30, 1.5);
  EXPECT_GT(s.volume_acceptance, 0.7);
}

void expect_same(const DynamicsState& a, const DynamicsState& b) {
  EXPECT_EQ(a.frame.positions, b.frame.positions);
  EXPECT_EQ(a.frame.velocities, b.frame.velocities);
  EXPECT_EQ(a.frame.cell, b.frame.cell);
  EXPECT_EQ(a.evaluation.forces, b.evaluation.forces);
  EXPECT_EQ(a.chain_positions, b.chain_positions);
  EXPECT_EQ(a.chain_velocities, b.chain_velocities);
  EXPECT_EQ(a.heat, b.heat);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.volume_moves_accepted, b.volume_moves_accepted);
}

TEST(Dynamics, GoesOnBitForBitFromASavedState) {
  for (const Ensemble ensemble : {Ensemble::nve, Ensemble::nvt, Ensemble::npt})
    for (const Thermostat thermostat : {Thermostat::langevin, Thermostat::nose_hoover}) {
      DynamicsOptions o;
      o.ensemble = ensemble;
      o.thermostat = thermostat;
      o.temperature = 60;
      o.compressibility = 20;
      o.seed = 5;
      o.sample_every = 7;
      LennardJones lj = argon();
      Frame f = fcc(2, 5.4, 0.1);
      f.arrays["masses"] = Array::full({32}, 20.5, DType::f64);
      Dynamics whole(lj, f, o);
      std::vector<Index> samples, pieces;
      run(whole, 90, [&](const Dynamics&, const Observables& s) { samples.push_back(s.step); });
      LennardJones other = argon();
      Dynamics first(other, f, o);
      run(first, 43, [&](const Dynamics&, const Observables& s) { pieces.push_back(s.step); });
      data::Group group;
      first.state().save(group["md"]);
      LennardJones third = argon();
      Dynamics second(third, DynamicsState::load(group.group("md")), o);
      run(second, 47, [&](const Dynamics&, const Observables& s) { pieces.push_back(s.step); });
      expect_same(whole.state(), second.state());
      EXPECT_EQ(samples, pieces);
      EXPECT_EQ(samples.size(), 13U);
    }
}

TEST(Dynamics, StopsWhereItExplodesAndSaysWhy) {
  IdealGas gas(20);
  Frame f = fcc(1, 5);
  DynamicsOptions o;
  Dynamics md(gas, f, o);
  const DynamicsSummary s = run(md, 100);
  EXPECT_EQ(s.status, DynamicsStatus::exploded);
  EXPECT_EQ(s.steps, 19);
  EXPECT_EQ(s.message, "step 20: the energy is nan");
  EXPECT_EQ(md.state().step, 19);
  EXPECT_EQ(md.state().evaluation.energy, 0);
  EXPECT_FALSE(md.step());

  LennardJones lj = argon();  // too hot
  o.max_temperature = 100;
  o.temperature = 20;
  Dynamics hot(lj, fcc(2, 4.6, 0.3), o);
  const DynamicsSummary h = run(hot, 1000);
  EXPECT_EQ(h.status, DynamicsStatus::exploded);
  EXPECT_NE(h.message.find("temperature"), std::string::npos) << h.message;
  EXPECT_LT(h.steps, 1000);

  DynamicsOptions far;  // energy that comes from nowhere: the well is left within a step
  far.dt = 40;
  far.temperature = 300;
  LennardJones deep(0.4, 3.4, 8);
  Dynamics drifts(deep, fcc(2, 5.3, 0.3), far);
  const DynamicsSummary d = run(drifts, 1000);
  EXPECT_EQ(d.status, DynamicsStatus::exploded);
  EXPECT_NE(d.message.find("max_"), std::string::npos) << d.message;
  far.temperature = 2e4;
  EXPECT_THROW(Dynamics(deep, fcc(2, 5.3, 0.3), far), std::invalid_argument);

  IdealGas never(0);  // not finite from the start
  Dynamics none(never, f, DynamicsOptions{});
  EXPECT_TRUE(none.exploded());
  EXPECT_EQ(run(none, 10).status, DynamicsStatus::exploded);

  // Atoms that meet on the way are an explosion, atoms that overlap from the start the caller's fault.
  LennardJones weak(1e-12, 1e-4, 3);
  Frame two = oscillators(2);
  two.positions = {0, 0, 0, 1, 0, 0};
  two.velocities = {0.01, 0, 0, -0.01, 0, 0};
  Dynamics meet(weak, two, DynamicsOptions{});
  const DynamicsSummary m = run(meet, 100);
  EXPECT_EQ(m.status, DynamicsStatus::exploded);
  EXPECT_NE(m.message.find("apart"), std::string::npos) << m.message;
  EXPECT_EQ(m.steps, 49);
  two.positions[3] = 0.001;
  EXPECT_THROW(Dynamics(weak, two, DynamicsOptions{}), std::invalid_argument);
}

TEST(Dynamics, DriftCountsFromTheStartOfTheRunAlsoWhenItGoesOn) {
  IdealGas gas;
  DynamicsOptions o;
  Dynamics first(gas, fcc(1, 5), o);
  run(first, 10);
  data::Group group;
  first.state().save(group);
  DynamicsState state = DynamicsState::load(group);
  EXPECT_EQ(state.start_energy, first.observables().conserved);  // of a gas without forces
  state.start_energy -= 1.1 * static_cast<double>(state.frame.size());
  Dynamics second(gas, state, o);
  const DynamicsSummary s = run(second, 10);
  EXPECT_EQ(s.status, DynamicsStatus::exploded);
  EXPECT_NE(s.message.find("max_drift"), std::string::npos) << s.message;
  EXPECT_EQ(s.steps, 0);
}

TEST(Dynamics, TheStartIsSampledOnce) {
  IdealGas gas;
  std::vector<Index> steps;
  const auto note = [&](const Dynamics&, const Observables& o) { steps.push_back(o.step); };
  DynamicsOptions o;
  o.sample_every = 2;
  Dynamics first(gas, fcc(1, 5), o);
  run(first, 0, note);
  data::Group group;
  first.state().save(group);
  Dynamics second(gas, DynamicsState::load(group), o);
  run(second, 1, note);
  run(second, 3, note);
  EXPECT_EQ(steps, (std::vector<Index>{0, 2, 4}));
}

TEST(Dynamics, StopsWhenAsked) {
  IdealGas gas;
  Dynamics md(gas, fcc(1, 5), DynamicsOptions{});
  StopFlag stop{false};
  const DynamicsSummary s = run(
      md, 100, [&](const Dynamics&, const Observables& o) { stop = o.step >= 30; }, &stop);
  EXPECT_EQ(s.status, DynamicsStatus::stopped);
  EXPECT_EQ(s.steps, 30);
}

TEST(Dynamics, RefusesWhatMakesNoSense) {
  IdealGas gas;
  const Frame f = fcc(1, 5);
  const auto refuses = [&](const Frame& frame, auto change) {
    DynamicsOptions o;
    o.ensemble = Ensemble::npt;
    change(o);
    EXPECT_THROW(Dynamics(gas, frame, o), std::invalid_argument);
  };
  refuses(f, [](DynamicsOptions& o) { o.dt = 0; });
  refuses(f, [](DynamicsOptions& o) { o.temperature = std::nan(""); });
  refuses(f, [](DynamicsOptions& o) { o.friction = -1; });
  refuses(f, [](DynamicsOptions& o) { o.thermostat = Thermostat::nose_hoover, o.chain = 0; });
  refuses(f, [](DynamicsOptions& o) { o.barostat_every = 0; });
  refuses(f, [](DynamicsOptions& o) { o.remove_rotation = true; });
  refuses(Frame{}, [](DynamicsOptions&) {});
  refuses(oscillators(3), [](DynamicsOptions&) {});  // npt without a cell
  EXPECT_EQ(ensemble_from_name("npt"), Ensemble::npt);
  EXPECT_EQ(thermostat_from_name("nose-hoover"), Thermostat::nose_hoover);
  EXPECT_THROW(ensemble_from_name("NVE!"), std::invalid_argument);
  EXPECT_THROW(thermostat_from_name("berendsen"), std::invalid_argument);
}

TEST(Dynamics, FixedAtomsStayAndTheOthersHaveTheTemperature) {
  Harmonic harmonic(1);
  Frame f = oscillators(40);
  for (std::size_t c = 0; c < 120; ++c) f.positions[c] = 0.2 * std::sin(double(c));
  std::vector<std::uint8_t> mask(40, 1);
  for (std::size_t a = 0; a < 10; ++a) mask[a] = 0;
  f.arrays["move_mask"] = Array::from(mask);
  for (const Thermostat thermostat : {Thermostat::langevin, Thermostat::nose_hoover}) {
    DynamicsOptions o;
    o.ensemble = Ensemble::nvt;
    o.thermostat = thermostat;
    o.friction = 0.05;
    o.tau = 40;
    Dynamics md(harmonic, f, o);
    EXPECT_EQ(md.degrees_of_freedom(), 90);
    run(md, 500);
    const DynamicsSummary s = run(md, 5000);
    EXPECT_NEAR_TO(s.temperature_mean / 300, 1, 0.1);
    for (std::size_t c = 0; c < 120; ++c) {
      EXPECT_EQ(md.state().frame.positions[c] == f.positions[c], c < 30);
    }
  }
  DynamicsOptions nve;  // the energy is conserved with fixed atoms too
  Dynamics md(harmonic, f, nve);
  EXPECT_LE(run(md, 500).energy_deviation, 1e-3);
  // the same from a mask of components, and from the atoms that are fixed
  std::vector<std::uint8_t> components(120, 1), fixed(40, 0);
  std::fill_n(components.begin(), 30, std::uint8_t{0});
  std::fill_n(fixed.begin(), 10, std::uint8_t{1});
  const auto wanted = moving_components(f);
  f.arrays = {{"move_mask", Array::from(components, {40, 3})}};
  EXPECT_EQ(moving_components(f), wanted);
  f.arrays = {{"fixed", Array::from(fixed)}};
  EXPECT_EQ(moving_components(f), wanted);
  f.arrays["fixed"] = Array::from(std::vector<std::int64_t>(40, 2));
  EXPECT_THROW(moving_components(f), std::invalid_argument);
  f.arrays["fixed"] = Array::from(std::vector<std::uint8_t>(40, 1));
  EXPECT_THROW(Dynamics(harmonic, f, nve), std::invalid_argument);  // nothing moves
  f.arrays.clear();
  EXPECT_TRUE(moving_components(f).empty());
}

TEST(Dynamics, OneAtomMoves) {
  Harmonic harmonic(1);
  Frame f = oscillators(1);
  for (const Ensemble ensemble : {Ensemble::nve, Ensemble::nvt}) {
    DynamicsOptions o;
    o.ensemble = ensemble;
    o.friction = 0.05;
    Dynamics md(harmonic, f, o);
    EXPECT_EQ(md.degrees_of_freedom(), 3);
    EXPECT_NEAR_TO(md.observables().temperature, 300, 1e-6);
    const DynamicsSummary s = run(md, ensemble == Ensemble::nvt ? 60000 : 100);
    if (ensemble == Ensemble::nvt) {
      EXPECT_NEAR_TO(s.temperature_mean / 300, 1, 0.1);
    }
    EXPECT_EQ(s.status, DynamicsStatus::finished);
  }
}

}  // namespace
}  // namespace cartan::potentials
