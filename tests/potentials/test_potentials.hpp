#pragma once
/// Potentials with formulas, to test what runs on a potential.

#include <cartan/core/random.hpp>
#include <cartan/potentials/neighbor_list.hpp>
#include <cartan/potentials/potential.hpp>

#include <cmath>
#include <limits>

namespace cartan::potentials::test {

/// Lennard-Jones times a switch 1 - 10 u^3 + 15 u^4 - 6 u^5, u = (r - on) / (cutoff - on): two continuous
/// derivatives everywhere.
class LennardJones : public Potential {
 public:
  LennardJones(double epsilon, double sigma, double cutoff)
      : epsilon_(epsilon), sigma_(sigma), cutoff_(cutoff), on_(0.7 * cutoff), list_(cutoff, 0.6) {}
  double cutoff() const override { return cutoff_; }
  Evaluation evaluate(const Frame& frame) override {
    Evaluation e;
    e.forces.assign(frame.positions.size(), 0);
    e.atom_energies.assign(frame.numbers.size(), 0);
    const NeighborList& list = list_.update(frame);
    for (std::size_t p = 0; p < list.i.size(); ++p) {
      const double* r = &list.vectors[3 * p];
      const double d = std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
      const double s6 = std::pow(sigma_ / d, 6), u = std::max(0.0, (d - on_) / (cutoff_ - on_));
      const double value = 4 * epsilon_ * (s6 * s6 - s6), slope = 4 * epsilon_ * (6 * s6 - 12 * s6 * s6) / d;
      const double taper = 1 - u * u * u * (10 - 15 * u + 6 * u * u);
      const double taper_slope = -30 * u * u * (1 - u) * (1 - u) / (cutoff_ - on_);
      const double f = value * taper_slope + slope * taper;
      const auto i = static_cast<std::size_t>(list.i[p]), j = static_cast<std::size_t>(list.j[p]);
      e.energy += value * taper;
      e.atom_energies[i] += 0.5 * value * taper;
      e.atom_energies[j] += 0.5 * value * taper;
      for (std::size_t c = 0; c < 3; ++c) {
        e.forces[3 * i + c] -= f * r[c] / d;
        e.forces[3 * j + c] += f * r[c] / d;
        for (std::size_t k = 0; k < 3; ++k) e.virial[3 * c + k] -= f * r[c] * r[k] / d;
      }
    }
    return e;
  }

 private:
  double epsilon_, sigma_, cutoff_, on_;
  VerletList list_;
};

/// Every atom tied to the origin: k x^2 / 2.
class Harmonic : public Potential {
 public:
  explicit Harmonic(double k) : k_(k) {}
  double cutoff() const override { return 0; }
  Evaluation evaluate(const Frame& frame) override {
    Evaluation e;
    for (const double x : frame.positions) {
      e.energy += 0.5 * k_ * x * x;
      e.forces.push_back(-k_ * x);
    }
    return e;
  }

 private:
  double k_;
};

/// No interaction; after `good` evaluations the energy is NaN.
class IdealGas : public Potential {
 public:
  explicit IdealGas(Index good = std::numeric_limits<Index>::max()) : good_(good) {}
  double cutoff() const override { return 0; }
  Evaluation evaluate(const Frame& frame) override {
    Evaluation e;
    e.forces.assign(frame.positions.size(), 0);
    if (good_-- <= 0) e.energy = std::nan("");
    return e;
  }

 private:
  Index good_;
};

/// m x m x m cubic fcc cells of argon-like atoms, lattice constant a, displaced at random by up to `noise`.
inline Frame fcc(int m, double a, double noise = 0, std::uint64_t seed = 1) {
  Frame f;
  const Random random(seed);
  std::uint64_t draw = 0;
  const double basis[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
  for (int x = 0; x < m; ++x)
    for (int y = 0; y < m; ++y)
      for (int z = 0; z < m; ++z)
        for (const auto& b : basis) {
          f.numbers.push_back(18);
          const double at[3] = {x + b[0], y + b[1], z + b[2]};
          for (const double s : at) f.positions.push_back(a * s + noise * (2 * random.uniform(draw++) - 1));
        }
  for (std::size_t k = 0; k < 3; ++k) f.cell[4 * k] = m * a;
  f.pbc = {true, true, true};
  return f;
}

/// The frame with positions and cell strained: x -> x (1 + strain), rows.
inline Frame strained(const Frame& f, const std::array<double, 9>& strain) {
  Frame g = f;
  const auto apply = [&](double* v) {
    const double x[3] = {v[0], v[1], v[2]};
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t k = 0; k < 3; ++k) v[c] += x[k] * strain[3 * k + c];
  };
  for (std::size_t a = 0; a < g.numbers.size(); ++a) apply(&g.positions[3 * a]);
  for (std::size_t k = 0; k < 3; ++k) apply(&g.cell[3 * k]);
  return g;
}

}  // namespace cartan::potentials::test
