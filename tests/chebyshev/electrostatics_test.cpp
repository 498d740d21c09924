#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/units.hpp>
#include <cartan/linalg/hosvd.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "charges.hpp"
#include "real_data.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::chebyshev;
using cartan::testing::Charges;
using cartan::testing::charges_of;
using cartan::testing::random_charges;

namespace {

double largest(const Array& a) {
  double m = 0;
  for (Index i = 0; i < a.size(); ++i) m = std::max(m, std::abs(a.data<double>()[i]));
  return m;
}

double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double worst = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double e = std::abs(a.data<double>()[i] - b.data<double>()[i]);
    worst = cartan::testing::worst_of(worst, e);
  }
  return worst;
}

Array random_points(const Box& box, Index n, std::uint64_t seed) {
  Array x = random_uniform({n, 3}, -1, 1, DType::f64, Random(seed));
  for (Index i = 0; i < 3 * n; ++i) {
    const int k = static_cast<int>(i % 3);
    x.mutable_data<double>()[i] = box.centre(k) + box.half_width(k) * x.data<double>()[i];
  }
  return x;
}

RangeSeparation plan_for(const Charges& c, double cutoff, double tolerance, RadialKernel kernel = {}) {
  SeparationOptions o;
  o.kernel = kernel;
  o.tolerance = tolerance;
  o.cutoff = cutoff;
  return {bounding_box(c.positions, 2), o};
}

}  // namespace

TEST(Electrostatics, LongRangeIsTheSumOfItsGaussians) {
  const Charges c = random_charges(150, {20, 14, 9}, 1, 3);
  for (const double tolerance : {1e-4, 1e-7, 1e-10}) {
    const RangeSeparation plan = plan_for(c, 6, tolerance);
    const ChebyshevTucker f = plan.potential(plan.moments(c.positions, c.charges));
    const Array x = random_points(plan.box(), 300, 5), found = f(x);
    double worst = 0, charge = 0;
    for (Index i = 0; i < 150; ++i) charge += std::abs(c.charges.data<double>()[i]);
    for (Index i = 0; i < 300; ++i) {
      double exact = 0;
      for (Index j = 0; j < 150; ++j) {
        const double *p = x.data<double>() + 3 * i, *q = c.positions.data<double>() + 3 * j;
        exact += c.charges.data<double>()[j] *
                 plan.long_range()(std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
      }
      const double e = std::abs(found.data<double>()[i] - units::coulomb * exact);
      worst = cartan::testing::worst_of(worst, e);
    }
    // the plan's promise for the kernel, summed over all charges
    EXPECT_LE(worst, units::coulomb * charge * tolerance * plan.kernel()(plan.inner())) << tolerance;
    EXPECT_LE(plan.error(), tolerance);
  }
}

TEST(Electrostatics, EnergyPotentialAndForcesAreTheDirectSums) {
  const Charges c = random_charges(300, {25, 18, 12}, 1, 7);
  for (const RadialKernel& kernel :
       {RadialKernel{}, RadialKernel{Kernel::yukawa, 0.12}, RadialKernel{Kernel::slater, 0.3}})
    for (const double cutoff : {4.0, 9.0, 60.0}) {
      const ElectrostaticField field(plan_for(c, cutoff, 1e-8, kernel), c.positions, c.charges);
      const ElectrostaticEnergy e = field.energy(), d = direct_energy(kernel, c.positions, c.charges);
      EXPECT_LE(std::abs(e.energy - d.energy), 1e-6 * std::abs(d.energy)) << name_of(kernel.kind) << cutoff;
      EXPECT_LE(largest_difference(e.potential, d.potential), 1e-6 * largest(d.potential));
      EXPECT_LE(largest_difference(e.forces, d.forces), 1e-5 * largest(d.forces));
      const Array x = random_points(field.box(), 200, 2);
      const Jet a = field.evaluate(x, 1), b = direct_sum(kernel, c.positions, c.charges, x, 1);
      EXPECT_LE(largest_difference(a.value, b.value), 1e-6 * largest(b.value));
      EXPECT_LE(largest_difference(a.gradient, b.gradient), 1e-5 * largest(b.gradient));
    }
}

// Even where the representation is coarse, forces are the derivatives of the energy that is reported.
TEST(Electrostatics, ForcesAreTheExactDerivativesOfTheEnergy) {
  const Charges c = random_charges(80, {14, 12, 10}, 1, 11);
  for (const double tolerance : {1e-2, 1e-5}) {
    const RangeSeparation plan = plan_for(c, 5, tolerance);
    const Array forces = ElectrostaticField(plan, c.positions, c.charges).energy().forces;
    for (const Index i : {0, 17, 55, 79})
      for (int k = 0; k < 3; ++k) {
        const auto energy = [&](double step) {
          Array moved = c.positions;
          moved.mutable_data<double>()[3 * i + k] += step;
          return ElectrostaticField(plan, moved, c.charges).energy().energy;
        };
        // fourth order differences
        const double h = 2e-3;
        const double slope = (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h);
        EXPECT_LE(std::abs(slope + forces.data<double>()[3 * i + k]), 3e-9 * (1 + largest(forces)))
            << tolerance << i << k;
      }
  }
}

TEST(Electrostatics, ShortRangeIsSmoothAndItsDerivativeExact) {
  for (const RadialKernel& kernel :
       {RadialKernel{}, RadialKernel{Kernel::yukawa, 0.2}, RadialKernel{Kernel::slater, 0.4}}) {
    SeparationOptions o;
    o.kernel = kernel;
    o.tolerance = 1e-3;
    o.cutoff = 6;
    const RangeSeparation plan(cube(3, 10), o);
    for (double r = 0.5; r < 6.5; r += 0.0371) {
      double slope = 0;
      plan.short_range(r, &slope);
      const double h = 1e-4;
      const double differences = (8 * (plan.short_range(r + h) - plan.short_range(r - h)) -
                                  (plan.short_range(r + 2 * h) - plan.short_range(r - 2 * h))) /
                                 (12 * h);
      EXPECT_LE(std::abs(slope - differences), 1e-8 * (1 + std::abs(slope))) << r;
      if (r < plan.inner())
        EXPECT_LE(std::abs(plan.short_range(r) + plan.long_range()(r) - kernel(r)), 1e-12);
      else
        EXPECT_LE(std::abs(plan.long_range()(r) + plan.short_range(r) - kernel(r)),
                  1e-3 * kernel(plan.inner()));
    }
    EXPECT_EQ(plan.short_range(6.0), 0);
  }
}

// The route of the papers, a canonical tensor of rank N R at the nodes, must give the same function.
TEST(Electrostatics, MomentsAgreeWithTheCanonicalTensorAtTheNodes) {
  const Charges c = random_charges(40, {10, 10, 10}, 1, 13);
  const RangeSeparation plan = plan_for(c, 6, 1e-9);
  const GaussianSum& s = plan.long_range();
  const std::vector<Index> degrees = plan.degrees();
  linalg::Canonical t;
  const Index rank = 40 * s.size();
  t.weights = Array::zeros({rank}, DType::f64);
  for (Index j = 0; j < rank; ++j)
    t.weights.mutable_data<double>()[j] = units::coulomb * c.charges.data<double>()[j / s.size()] *
                                          s.weight[static_cast<std::size_t>(j % s.size())];
  constexpr Index n = 400;  // cells of a fine grid
  for (int k = 0; k < 3; ++k) {
    Array u = Array::uninitialized({n, rank}, DType::f64);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < rank; ++j) {
        const double x =
            plan.box().centre(k) + plan.box().half_width(k) * (-1 + (2 * static_cast<double>(i) + 1) / n);
        const double y = s.rate[static_cast<std::size_t>(j % s.size())] *
                         (x - c.positions.data<double>()[3 * (j / s.size()) + k]);
        u.mutable_data<double>()[i * rank + j] = std::exp(-y * y);
      }
    t.factors.push_back(u);
  }
  const auto grid = fit_canonical(t, plan.box(), degrees, 1e-9);
  const ChebyshevTucker own = plan.potential(plan.moments(c.positions, c.charges));
  const Array x = random_points(plan.box(), 200, 3);
  const Array a = own(x), b = grid.tensor(x);
  EXPECT_LE(largest_difference(a, b), 1e-7 * largest(b));
  // rounding our core gives the ranks that the reduced HOSVD finds
  const auto rounded = round(own, 1e-8), other = round(grid.tensor, 1e-8);
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_LE(std::abs(rounded.tensor.ranks()[k] - other.tensor.ranks()[k]), 1);
}

TEST(Electrostatics, LatticeSumsFactorise) {
  const Array motif = Array::from(std::vector<double>{0.1, 0.2, 0.3, 1.5, 1.4, 1.3}, {2, 3});
  const Array charges = Array::from(std::vector<double>{1, -1});
  const std::array<double, 3> spacing{3, 3.5, 4};
  const std::array<Index, 3> counts{5, 4, 3};
  std::vector<double> x, q;
  for (Index a = 0; a < 2; ++a)
    for (Index i = 0; i < 5; ++i)
      for (Index j = 0; j < 4; ++j)
        for (Index k = 0; k < 3; ++k) {
          const double* p = motif.data<double>() + 3 * a;
          x.insert(x.end(), {p[0] + 3 * static_cast<double>(i), p[1] + 3.5 * static_cast<double>(j),
                             p[2] + 4 * static_cast<double>(k)});
          q.push_back(charges.data<double>()[a]);
        }
  const Array all = Array::from(x, {120, 3});
  SeparationOptions o;
  o.cutoff = 5;
  const RangeSeparation plan(bounding_box(all, 1), o);
  const Array m = plan.lattice_moments(motif, charges, spacing, counts);
  EXPECT_LE(largest_difference(m, plan.moments(all, Array::from(q))), 1e-12 * (1 + largest(m)));
  EXPECT_THROW(plan.lattice_moments(motif, charges, spacing, {50, 4, 3}), std::invalid_argument);
  EXPECT_THROW(plan.lattice_moments(motif, charges, spacing, {0, 4, 3}), std::invalid_argument);
}

TEST(Electrostatics, ResultsDoNotDependOnThreads) {
  const Charges c = random_charges(700, {25, 25, 25}, 1, 4);
  const auto run = [&](int count) {
    set_threads(count);
    const auto e = ElectrostaticField(plan_for(c, 7, 1e-6), c.positions, c.charges).energy();
    set_threads(0);
    return e;
  };
  const ElectrostaticEnergy one = run(1), two = run(2);
  EXPECT_EQ(one.energy, two.energy);
  EXPECT_TRUE(identical(one.forces, two.forces) && identical(one.potential, two.potential));
}

TEST(Electrostatics, FieldsMeetTheirTolerance) {
  const Charges c = random_charges(400, {25, 25, 25}, 1.2, 5);
  for (const double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
    FieldOptions o;
    o.tolerance = tolerance;
    const FieldResult r = make_field(c.positions, c.charges, o);
    EXPECT_TRUE(r.converged) << tolerance << " " << r.errors.rel_max;
    const ElectrostaticEnergy e = r.field.energy(), d = direct_energy({}, c.positions, c.charges);
    EXPECT_LE(std::abs(e.energy - d.energy), tolerance * std::abs(d.energy)) << tolerance;
  }
}

TEST(Electrostatics, FewCharges) {
  const Array one = Array::from(std::vector<double>{1, 2, 3}, {1, 3}),
              q = Array::from(std::vector<double>{-2});
  const FieldResult r = make_field(one, q, {});
  EXPECT_TRUE(r.converged) << r.errors.rel_max;
  const ElectrostaticEnergy e = r.field.energy();
  EXPECT_LE(std::abs(e.energy), 1e-13);  // rounding: it does not act on itself, truncated or not
  EXPECT_LE(largest(e.forces), 1e-13);
  EXPECT_LE(std::abs(e.potential.data<double>()[0]), 1e-13);
  const Array two = Array::from(std::vector<double>{0, 0, 0, 0, 0, 30}, {2, 3});
  const FieldResult p = make_field(two, Array::from(std::vector<double>{1, 1}), {});
  EXPECT_TRUE(p.converged) << p.errors.rel_max;
  EXPECT_LE(std::abs(p.field.energy().energy - units::coulomb / 30), 1e-6 * units::coulomb / 30 + 1e-6);
  // a charge moved onto another: infinite
  EXPECT_TRUE(std::isinf(p.field.potential(two).data<double>()[0]));
}

TEST(Electrostatics, RoundedFieldsAndFiles) {
  const Charges c = random_charges(200, {20, 15, 10}, 1.2, 8);
  FieldOptions o;
  o.tolerance = 1e-6;
  const ElectrostaticField field = make_field(c.positions, c.charges, o).field, small = field.rounded(1e-6);
  EXPECT_LT(small.long_range().ranks()[0], field.long_range().ranks()[0]);
  const Array x = random_points(field.box(), 100, 3), a = field.potential(x), b = small.potential(x);
  EXPECT_LE(largest_difference(a, b), 1e-5 * largest(field.long_range()(x)));
  EXPECT_THROW(small.energy(), std::invalid_argument);
  data::Group group;
  small.save(group);
  const ElectrostaticField back = ElectrostaticField::load(group);
  EXPECT_TRUE(identical(back.potential(x), b));
  EXPECT_THROW(back.energy(), std::invalid_argument);
  group.attributes["kernel"] = std::string("bessel");
  EXPECT_THROW(ElectrostaticField::load(group), FormatError);
}

TEST(Electrostatics, BadInput) {
  const Array x = Array::from(std::vector<double>{0, 0, 0, 1, 1, 1, 0, 0, 0}, {3, 3});
  const Array q = Array::from(std::vector<double>{1, -1, 0.5});
  SeparationOptions o;
  o.cutoff = 3;
  const RangeSeparation plan(cube(3, 2), o);
  try {
    ElectrostaticField field(plan, x, q);
    ADD_FAILURE() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("charges 0 and 2 are at the same place"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(coincident(x), (std::array<Index, 2>{0, 2}));
  EXPECT_EQ(coincident(x.rows(0, 2)), (std::array<Index, 2>{-1, -1}));
  Array nan = x.rows(0, 2);
  nan.mutable_data<double>()[4] = NAN;
  const Array two = q.rows(0, 2);
  EXPECT_THROW(ElectrostaticField(plan, nan, two), std::invalid_argument);
  Array far = x.rows(0, 2);
  far.mutable_data<double>()[4] = 2.5;
  EXPECT_THROW(ElectrostaticField(plan, far, two), std::invalid_argument);
  EXPECT_THROW(ElectrostaticField(plan, x.rows(0, 2), q), std::invalid_argument);
  EXPECT_THROW(bounding_box(x.rows(0, 1), 0), std::invalid_argument);  // no width
  const ElectrostaticField field(plan, x.rows(0, 2), two);
  const Array outside = Array::from(std::vector<double>{5, 6, 7}, {1, 3});
  EXPECT_THROW(field.potential(outside), std::invalid_argument);
  const Jet beyond = field.evaluate(outside, 1, Beyond::direct),
            direct = direct_sum({}, x.rows(0, 2), two, outside, 1);
  EXPECT_EQ(beyond.value.item(), direct.value.item());
  EXPECT_TRUE(identical(beyond.gradient, direct.gradient));
  for (const double t : {0.0, 1e-15, 2.0, std::nan("")}) {
    o.tolerance = t;
    EXPECT_THROW(RangeSeparation(cube(3, 2), o), std::invalid_argument);
  }
  o.tolerance = 1e-6;
  o.cutoff = 0;
  EXPECT_THROW(RangeSeparation(cube(3, 2), o), std::invalid_argument);
  o.cutoff = 1;
  EXPECT_THROW(RangeSeparation(cube(2, 2), o), std::invalid_argument);
}

// The default cutoff of a screened kernel keeps to where the kernel can be told from rounding.
TEST(Field, StronglyScreenedKernelsMeetTheirTolerance) {
  for (const Kernel kind : {Kernel::yukawa, Kernel::slater})
    for (const double screening : {0.1, 1.0, 2.0}) {
      FieldOptions o;
      o.kernel = {kind, screening};
      const Array x = Array::from(std::vector<double>{0, 0, 0, 20, 20, 20, 3, 1, 2}, {3, 3});
      const FieldResult r = make_field(x, Array::from(std::vector<double>{1, 1, -0.5}), o);
      EXPECT_TRUE(r.converged);
      EXPECT_LE(r.errors.rel_max, o.tolerance);
    }
}

// A constant that goes with other kernels changes nothing.
TEST(Field, NewtonsKernelHasNoScreening) {
  const auto c = cartan::testing::random_charges(20, {5, 6, 4}, 1, 4);
  FieldOptions o;
  const double cutoff = make_field(c.positions, c.charges, o).field.cutoff();
  o.kernel = {Kernel::newton, 100};
  EXPECT_EQ(make_field(c.positions, c.charges, o).field.cutoff(), cutoff);
}

// Whatever the screening: energies relative to those of the nearest neighbours, quickly.
TEST(Field, ScreenedEnergiesAreTheDirectSums) {
  const Lattice salt{{5.64, 5.64, 5.64}, {3, 3, 3}};
  const double h = 2.82;
  const Array motif = Array::from(
      std::vector<double>{0, 0, 0, 0, h, h, h, 0, h, h, h, 0, h, 0, 0, 0, h, 0, 0, 0, h, h, h, h}, {8, 3});
  const Array charges = Array::from(std::vector<double>{1, 1, 1, 1, -1, -1, -1, -1});
  for (const Kernel kind : {Kernel::yukawa, Kernel::slater})
    for (const double screening : {0.2, 1.0, 3.0, 5.0, 10.0, 40.0}) {
      FieldOptions o;
      o.kernel = {kind, screening};
      o.lattice = salt;
      const FieldResult r = make_field(motif, charges, o);
      EXPECT_TRUE(r.converged) << screening;
      const double exact = direct_energy(o.kernel, salt.positions(motif), salt.charges(charges)).energy;
      EXPECT_LE(std::abs(r.field.energy().energy - exact), 1e-6 * std::abs(exact)) << screening;
    }
}

TEST(Field, OfALatticeIsThatOfAllItsCharges) {
  const auto c = cartan::testing::random_charges(20, {5, 6, 4}, 1, 4);
  FieldOptions o;
  o.lattice = {{6.5, 7, 5.5}, {3, 2, 4}};
  const FieldResult r = make_field(c.positions, c.charges, o);
  EXPECT_EQ(r.field.size(), 480);
  FieldOptions all;
  const FieldResult s = make_field(o.lattice.positions(c.positions), o.lattice.charges(c.charges), all);
  const double e = r.field.energy().energy;
  EXPECT_LE(std::abs(e - s.field.energy().energy), 1e-11 * std::abs(e));
  const double exact =
      direct_energy({}, o.lattice.positions(c.positions), o.lattice.charges(c.charges)).energy;
  EXPECT_LE(std::abs(e - exact), 1e-6 * std::abs(exact));
  o.lattice.counts[1] = 0;
  EXPECT_THROW(make_field(c.positions, c.charges, o), std::invalid_argument);
  o.lattice = {{0, 7, 5.5}, {2, 1, 1}};  // copies at the same place
  EXPECT_THROW(make_field(c.positions, c.charges, o), std::invalid_argument);
}

TEST(Field, ChargesOfAnySizeThatCanBeSquared) {
  const Array x = Array::from(std::vector<double>{0, 0, 0, 1, 2, 3}, {2, 3});
  for (const double size : {1e-90, 1e-200, 1e90}) {
    const FieldResult r = make_field(x, Array::from(std::vector<double>{size, -size}), {});
    EXPECT_TRUE(r.converged) << size;
    EXPECT_TRUE(r.errors.rel_l2 <= 1e-6) << size;
  }
  EXPECT_THROW(make_field(x, Array::from(std::vector<double>{1e300, 1}), {}), std::invalid_argument);
}
