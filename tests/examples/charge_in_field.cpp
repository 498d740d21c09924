// A probe charge moves in the field of fixed charges: what a simulation code does with a Cartan field. Uses
// public headers only; as an outside program it would be built with find_package(cartan).
//
//   charge_in_field CHARGES [STEPS]      e.g. data/salt.pqr
//
// 1. Read point charges. 2. Make their field to a tolerance. 3. Integrate the probe's motion by velocity
// Verlet with the field's gradients. 4. Check that its energy is conserved. 5. Forces between the charges
// themselves.
#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/point_charges.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

int main(int argc, char** argv) try {
  using namespace cartan;
  if (argc < 2) return std::fprintf(stderr, "usage: charge_in_field CHARGES [STEPS]\n"), 2;
  const int steps = argc > 2 ? std::stoi(argv[2]) : 200;

  // 1. The charges.
  const data::PointCharges file = data::read_point_charges(argv[1]);
  const Array positions = Array::from(file.positions, {file.size(), 3}), charges = Array::from(file.charges);

  // 2. Their field, 10 Angstrom of room around them. Beyond the box the direct sum takes over.
  chebyshev::FieldOptions options;
  options.tolerance = 1e-7;
  options.margin = 10;
  const chebyshev::FieldResult made = chebyshev::make_field(positions, charges, options);
  const chebyshev::ElectrostaticField& field = made.field;
  std::printf("field of %lld charges, error %.1e of the largest potential\n",
              static_cast<long long>(field.size()), made.errors.rel_max);

  // 3. A sodium-like probe starts 4 Angstrom above the top of the charges.
  const double q = 1, mass = 22.99, dt = 0.5;  // e, amu, fs
  double x[3], v[3] = {0.002, 0.001, -0.002};
  for (int k = 0; k < 3; ++k) x[k] = field.box().centre(k) + 0.7;
  x[2] = field.box().high[2] - 6;
  double potential = 0, gradient[3];
  const auto look = [&] {
    const chebyshev::Jet jet = field.evaluate(Array::from(x, {1, 3}), 1, chebyshev::Beyond::direct);
    potential = jet.value.item();
    for (int k = 0; k < 3; ++k) gradient[k] = jet.gradient.data<double>()[k];
  };
  const auto energy = [&] {
    return q * potential + 0.5 * mass * units::mass_velocity2 * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  };
  look();
  const double start = energy();
  double drift = 0, way = 0;
  for (int step = 0; step < steps; ++step) {
    for (int k = 0; k < 3; ++k) v[k] -= 0.5 * dt * q * gradient[k] / (mass * units::mass_velocity2);
    for (int k = 0; k < 3; ++k) x[k] += dt * v[k], way += dt * std::abs(v[k]);
    look();
    for (int k = 0; k < 3; ++k) v[k] -= 0.5 * dt * q * gradient[k] / (mass * units::mass_velocity2);
    drift = std::fmax(drift, std::fabs(energy() - start));
  }

  // 4. Energy is conserved as well as the step allows.
  std::printf("the probe has gone %.3f A, its energy changed by at most %.1e eV\n", way, drift);

  // 5. The charges' own energy, and forces that are its exact derivatives.
  const chebyshev::ElectrostaticEnergy own = field.energy();
  double sum[3] = {};
  for (Index i = 0; i < own.forces.size(); ++i) sum[i % 3] += own.forces.data<double>()[i];
  std::printf("energy %.6f eV, sum of forces %.1e eV/A\n", own.energy, std::hypot(sum[0], sum[1], sum[2]));
  return made.converged && way > 0 && drift < 1e-4 ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "charge_in_field: %s\n", error.what()), 1;
}
