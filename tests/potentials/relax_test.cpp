#include <gtest/gtest.h>

#include <cartan/core/units.hpp>
#include <cartan/potentials/relax.hpp>

#include <cmath>

#include "../../src/potentials/relax_surface.hpp"
#include "potentials/test_potentials.hpp"

namespace cartan::potentials {
namespace {

using test::fcc;
using test::LennardJones;

#define EXPECT_NEAR_TO(value, wanted, tolerance)           \
  EXPECT_TRUE(std::abs((value) - (wanted)) <= (tolerance)) \
      << #value " = " << (value) << ", wanted " << (wanted)

const Optimizer both[] = {Optimizer::lbfgs, Optimizer::fire};

/// An icosahedron around an atom, shaken.
Frame icosahedron(double noise) {
  Frame f;
  const double g = (1 + std::sqrt(5.0)) / 2, s = 1.08 / std::sqrt(1 + g * g);
  f.positions = {0, 0, 0};
  for (const double a : {-s, s})
    for (const double b : {-s * g, s * g})
      for (std::size_t turn = 0; turn < 3; ++turn) {
        double x[3] = {};
        x[(turn + 1) % 3] = a;
        x[(turn + 2) % 3] = b;
        f.positions.insert(f.positions.end(), x, x + 3);
      }
  f.numbers.assign(13, 18);
  const Random random(4);
  for (std::size_t c = 0; c < 39; ++c) f.positions[c] += noise * (2 * random.uniform(c) - 1);
  return f;
}

TEST(Relax, FindsThePublishedEnergyOfThirteenAtoms) {
  for (const Optimizer optimizer : both) {
    LennardJones lj(1, 1, 100);
    Frame f = icosahedron(0.12);
    RelaxOptions o;
    o.optimizer = optimizer;
    o.fmax = 1e-6;
    o.max_step = 0.1;
    Index calls = 0;
    double first = 0;
    const RelaxSummary s = relax(lj, f, o, [&](const RelaxProgress& p) {
      if (calls++ == 0) first = p.energy;
    });
    EXPECT_TRUE(s.converged) << s.message;
    EXPECT_EQ(s.status, RelaxStatus::converged);
    EXPECT_NEAR_TO(s.energy, -44.326801, 1e-6);  // Hoare, Pal 1971; Northby 1987
    EXPECT_EQ(first, s.energy_start);
    EXPECT_EQ(calls, s.steps + 1);
    EXPECT_LT(s.evaluations, optimizer == Optimizer::lbfgs ? 100 : 600);
    const Evaluation e = lj.evaluate(f);  // the frame is the minimum and says so
    EXPECT_EQ(*f.energy, e.energy);
    EXPECT_EQ(f.forces, e.forces);
    EXPECT_NEAR_TO(s.energy, e.energy, 1e-12);
    const RelaxSummary again = relax(lj, f, o);
    EXPECT_EQ(again.steps, 0);
    EXPECT_TRUE(again.converged);
  }
}

TEST(Relax, ConvergesFastOnAnIllConditionedWell) {
  // k = 1 for one atom, 400 for another: steepest descent would take thousands of steps.
  struct Wells : Potential {
    double cutoff() const override { return 0; }
    Evaluation evaluate(const Frame& f) override {
      Evaluation e;
      for (std::size_t c = 0; c < f.positions.size(); ++c) {
        const double k = c < 3 ? 1 : 400, x = f.positions[c];
        e.energy += 0.5 * k * x * x;
        e.forces.push_back(-k * x);
      }
      return e;
    }
  } wells;
  for (const Optimizer optimizer : both) {
    Frame f;
    f.numbers = {1, 1};
    f.positions = {0.9, -0.4, 0.3, 0.2, 0.5, -0.1};
    RelaxOptions o;
    o.optimizer = optimizer;
    o.fmax = 1e-5;
    const RelaxSummary s = relax(wells, f, o);
    EXPECT_TRUE(s.converged);
    EXPECT_LT(s.evaluations, optimizer == Optimizer::lbfgs ? 40 : 1200);
    for (const double x : f.positions) EXPECT_NEAR_TO(x, 0, 1e-5);
  }
}

LennardJones argon() {
  return LennardJones(0.0104, 3.4, 7.5);
}

/// Enthalpy an atom of the perfect crystal at lattice constant a.
double enthalpy(double a, double pressure) {
  LennardJones lj = argon();
  const Frame f = fcc(1, a);
  return (lj.evaluate(f).energy + pressure * f.volume()) / 4;
}

/// The lattice constant of least enthalpy, by golden section.
double best_lattice(double pressure) {
  double low = 4.5, high = 6;
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  while (high - low > 1e-9) {
    const double p = high - ratio * (high - low), q = low + ratio * (high - low);
    (enthalpy(p, pressure) < enthalpy(q, pressure) ? high : low) =
        enthalpy(p, pressure) < enthalpy(q, pressure) ? q : p;
  }
  return 0.5 * (low + high);
}

TEST(Relax, GeneralizedForcesAreDerivativesOfTheEnthalpy) {
  for (const bool slab : {false, true}) {
    LennardJones lj = argon();
    Frame f = fcc(1, 5.3, 0.3);
    f.cell[3] = 0.7;
    f.pbc[2] = !slab;
    RelaxOptions o;
    o.cell = CellFreedom::full;
    o.pressure = slab ? 0 : 0.02;
    Surface surface(lj, f, o);
    SurfacePoint point = surface.start();
    const std::size_t n = f.positions.size();
    std::vector<double> x = point.x;
    const double weight = x[n], bend[9] = {0.1, 0.3, 0, -0.2, -0.1, 0, 0, 0, slab ? 0 : 0.15};
    for (std::size_t c = 0; c < 9; ++c) x[n + c] += weight * bend[c];  // far from the identity, not symmetric
    ASSERT_TRUE(surface.evaluate(x, point));
    const auto at = [&](std::size_t c, double h) {
      SurfacePoint near = point;
      std::vector<double> y = x;
      y[c] += h;
      EXPECT_TRUE(surface.evaluate(y, near));
      return near.enthalpy;
    };
    for (std::size_t c = 0; c < x.size(); ++c) {
      const std::size_t k = c - n;  // a slab is not strained out of its plane
      if (slab && c >= n && (k % 3 == 2 || k / 3 == 2)) {
        EXPECT_NEAR_TO(point.force[c], 0, 1e-14);
        continue;
      }
      EXPECT_NEAR_TO(point.force[c], (at(c, -1e-4) - at(c, 1e-4)) / 2e-4, 1e-6) << " variable " << c;
    }
  }
}

TEST(Relax, CrystalAndCellReachTheMinimumOfTheEnthalpy) {
  const std::array<double, 9> strain{0.03, 0.02, -0.01, 0.00, -0.04, 0.03, 0.01, 0.00, 0.05};
  for (const Optimizer optimizer : both)
    for (const double pressure : {0.0, 1 * units::gigapascal}) {
      LennardJones lj = argon();
      Frame f = test::strained(fcc(2, 5.4, 0.15), strain);
      RelaxOptions o;
      o.optimizer = optimizer;
      o.cell = CellFreedom::full;
      o.pressure = pressure;
      o.fmax = 1e-6;
      o.smax = 1e-8;
      o.steps = 3000;
      const RelaxSummary s = relax(lj, f, o);
      ASSERT_TRUE(s.converged) << s.message << " after " << s.steps << " fmax " << s.fmax << " smax "
                               << s.smax;
      RecordProperty("evaluations", static_cast<int>(s.evaluations));
      EXPECT_LT(s.evaluations, optimizer == Optimizer::lbfgs ? 150 : 1500);
      const double a = best_lattice(pressure);
      EXPECT_NEAR_TO(std::cbrt(f.volume() / 8), a, 1e-6);
      EXPECT_NEAR_TO((s.energy + pressure * f.volume()) / 32, enthalpy(a, pressure), 1e-9);
      for (std::size_t c = 0; c < 9; ++c)  // the stress balances the pressure
        EXPECT_NEAR_TO((*f.stress)[c], c % 4 == 0 ? -pressure : 0, 1e-8);
    }
}

TEST(Relax, IsotropicCellKeepsItsShape) {
  LennardJones lj = argon();
  Frame f = fcc(2, 5.0, 0.05);
  f.cell[3] = 0.4;  // sheared; stays so
  RelaxOptions o;
  o.cell = CellFreedom::isotropic;
  o.fmax = 1e-6;
  o.smax = 1e-8;
  const std::array<double, 9> start = f.cell;
  const RelaxSummary s = relax(lj, f, o);
  ASSERT_TRUE(s.converged) << s.message;
  const double ratio = f.cell[0] / start[0];
  EXPECT_GT(ratio, 1.01);
  for (std::size_t c = 0; c < 9; ++c) EXPECT_NEAR_TO(f.cell[c], ratio * start[c], 1e-10);
  const auto& t = *f.stress;
  EXPECT_NEAR_TO(t[0] + t[4] + t[8], 0, 3e-8);
  EXPECT_GT(std::abs(t[1]), 1e-6);
}

TEST(Relax, SlabRelaxesInItsPlane) {
  LennardJones lj = argon();
  Frame f = fcc(2, 5.4, 0.05);
  f.pbc = {true, true, false};
  f.cell[8] = 40;
  RelaxOptions o;
  o.cell = CellFreedom::full;
  o.fmax = 1e-5;
  o.smax = 1e-8;
  const RelaxSummary s = relax(lj, f, o);
  ASSERT_TRUE(s.converged) << s.message;
  EXPECT_EQ(f.cell[8], 40);
  for (const std::size_t c : {2, 5, 6, 7}) EXPECT_EQ(f.cell[c], 0);
  EXPECT_LT(f.cell[0], 10.75);  // surfaces contract the slab
  EXPECT_NEAR_TO(f.cell[0], f.cell[4], 1e-3);
}

TEST(Relax, SaysWhyItEnded) {
  LennardJones lj(1, 1, 100);
  Frame f = icosahedron(0.12);
  RelaxOptions o;
  o.steps = 3;
  RelaxSummary s = relax(lj, f, o);
  EXPECT_EQ(s.status, RelaxStatus::step_limit);
  EXPECT_EQ(s.steps, 3);
  EXPECT_LT(s.energy, s.energy_start);
  StopFlag stop{true};
  s = relax(lj, f, RelaxOptions{}, {}, &stop);
  EXPECT_EQ(s.status, RelaxStatus::stopped);

  test::IdealGas never(0);
  s = relax(never, f, o);
  EXPECT_EQ(s.status, RelaxStatus::failed);
  EXPECT_NE(s.message.find("nan"), std::string::npos) << s.message;

  struct Liar : test::Harmonic {  // forces uphill
    Liar() : Harmonic(1) {}
    Evaluation evaluate(const Frame& frame) override {
      Evaluation e = Harmonic::evaluate(frame);
      for (double& v : e.forces) v = -v;
      return e;
    }
  } liar;
  s = relax(liar, f, RelaxOptions{});
  EXPECT_EQ(s.status, RelaxStatus::stalled);
  EXPECT_FALSE(s.converged);

  const auto refuses = [&](Frame frame, auto change) {
    RelaxOptions bad;
    change(bad);
    EXPECT_THROW(relax(lj, frame, bad), std::invalid_argument);
  };
  refuses(Frame{}, [](RelaxOptions&) {});
  refuses(f, [](RelaxOptions& b) { b.fmax = 0; });
  refuses(f, [](RelaxOptions& b) { b.cell = CellFreedom::full; });  // no pbc
  Frame slab = fcc(2, 5.4);
  slab.pbc[2] = false;
  refuses(slab, [](RelaxOptions& b) { b.cell = CellFreedom::full, b.pressure = 1; });
  EXPECT_EQ(optimizer_from_name("fire"), Optimizer::fire);
  EXPECT_EQ(cell_freedom_from_name("full"), CellFreedom::full);
  EXPECT_THROW(optimizer_from_name("adam"), std::invalid_argument);
}

TEST(Relax, FixedAtomsStay) {
  for (const Optimizer optimizer : both) {
    LennardJones lj(0.0104, 1.0, 2.5);
    Frame f = icosahedron(0.05);
    const std::vector<double> start = f.positions;
    std::vector<std::uint8_t> mask(13, 1);
    mask[0] = mask[5] = 0;
    f.arrays["move_mask"] = Array::from(mask);
    RelaxOptions o;
    o.optimizer = optimizer;
    o.fmax = 1e-3;
    const RelaxSummary s = relax(lj, f, o);
    EXPECT_TRUE(s.converged) << s.message;
    EXPECT_LT(s.energy, s.energy_start);
    for (std::size_t c = 0; c < 39; ++c) {
      const bool fixed = c / 3 == 0 || c / 3 == 5;
      EXPECT_EQ(f.positions[c] == start[c], fixed) << c;
    }
  }
}

}  // namespace
}  // namespace cartan::potentials
