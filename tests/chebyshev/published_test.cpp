// The figures of the ChebTuck papers and the tensors their authors published.
#include <cartan/chebyshev/basis.hpp>
#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/hdf5.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "charges.hpp"
#include "real_data.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::chebyshev;

namespace {

linalg::Canonical newton_tensor(const std::string& path, Index keep = 1000) {
  const data::Group g = data::load(path);
  linalg::Canonical c;
  for (const char* name : {"U1r", "U2r", "U3r"}) {
    const Array u = g.array(name).as(DType::f64);
    const Index n = u.dim(0), rank = std::min(keep, u.dim(1));
    Array v = Array::uninitialized({n, rank}, DType::f64);
    for (Index i = 0; i < n * rank; ++i)
      v.mutable_data<double>()[i] = u.data<double>()[i / rank * u.dim(1) + i % rank];
    c.factors.push_back(v);
  }
  c.weights = Array::full({c.factors[0].dim(1)}, 1, DType::f64);
  return c;
}

struct SliceError {
  double absolute = 0, largest = 0;
};

// On the middle slice of the grid, where the tensor is largest.
SliceError error_on_slice(const linalg::Canonical& c, const ChebyshevTucker& f) {
  const Index n = c.factors[0].dim(0), middle = n / 2;
  Array x = Array::uninitialized({n}, DType::f64);
  for (Index i = 0; i < n; ++i)
    x.mutable_data<double>()[i] =
        f.box().high[0] * (-1 + (2 * static_cast<double>(i) + 1) / static_cast<double>(n));
  linalg::Canonical slice = c;
  slice.factors[2] = c.factors[2].rows(middle, middle + 1);
  const Array exact = slice.full(), found = f.on_grid({x, x, x.rows(middle, middle + 1)});
  SliceError e;
  for (Index i = 0; i < exact.size(); ++i) {
    const double difference = std::abs(exact.data<double>()[i] - found.data<double>()[i]);
    if (!(difference <= e.absolute)) e.absolute = difference;
    e.largest = std::max(e.largest, std::abs(exact.data<double>()[i]));
  }
  return e;
}

void expect_two_digits(double found, double published, const std::string& what) {
  EXPECT_LE(std::abs(found / published - 1), 0.06) << what << ": " << found << ", published " << published;
}

}  // namespace

// The error of the full Newton kernel depends on nodes per cell alone.
TEST(Published, NewtonKernel) {
  CARTAN_REAL_DATA(path256, "chebtuck/Newt_canon_256.h5");
  const auto c256 = newton_tensor(path256);
  const std::vector<std::pair<Index, double>> table = {{129, .41},     {257, 7.3e-2},  {513, 7.7e-3},
                                                       {1025, 6.9e-4}, {2049, 2.0e-4}, {4097, 8.5e-6}};
  for (const auto& [m, published] : table) {
    const auto f = fit_canonical(c256, cube(3, 1), {m - 1, m - 1, m - 1}, 1e-7);
    const SliceError e = error_on_slice(c256, f.tensor);
    expect_two_digits(e.absolute / e.largest, published, text("n = 256, m = ", m));
    EXPECT_LE(f.tensor.ranks()[0], 22);
  }
  const auto c1024 = newton_tensor(cartan::testing::real_data("chebtuck/Newt_canon_1024.h5"));
  for (const auto& [m, published] :
       std::vector<std::pair<Index, double>>{{129, .92}, {257, .71}, {513, .41}, {1025, 7.3e-2}}) {
    const auto f = fit_canonical(c1024, cube(3, 1), {m - 1, m - 1, m - 1}, 1e-7);
    const SliceError e = error_on_slice(c1024, f.tensor);
    expect_two_digits(e.absolute / e.largest, published, text("n = 1024, m = ", m));
  }
}

// The long-range part needs 129 nodes on any grid.
TEST(Published, LongRangeNewtonKernel) {
  CARTAN_REAL_DATA(path, "chebtuck/Newt_canon_256.h5");
  const std::vector<std::tuple<Index, Index, double, Index>> table = {
      {256, 10, 8.4e-8, 9}, {512, 12, 5.2e-8, 11}, {1024, 13, 9.4e-9, 12}, {2048, 14, 3.6e-9, 13}};
  for (const auto& [n, terms, published, rank] : table) {
    const auto c = newton_tensor(cartan::testing::real_data(text("chebtuck/Newt_canon_", n, ".h5")), terms);
    // the rank of the publication, or less
    const auto f = fit_canonical(c, cube(3, 1), {128, 128, 128}, 0, Grid::cells, {rank, rank, rank});
    const SliceError e = error_on_slice(c, f.tensor);
    EXPECT_LE(e.absolute / e.largest, 1.06 * published) << n;
  }
}

TEST(Published, BiomoleculeOf500Charges) {
  CARTAN_REAL_DATA(path, "chebtuck/n256_Pn500.h5");
  const data::Group g = data::load(path);
  linalg::Canonical c;
  c.weights = g.array("LRed/LAM1C").as(DType::f64).reshaped({-1});
  for (const char* name : {"LRed/CU1", "LRed/CU2", "LRed/CU3"})
    c.factors.push_back(g.array(name).as(DType::f64));
  for (const auto& [m, published] :
       std::vector<std::pair<Index, double>>{{65, 9.5e-5}, {129, 8.59e-7}, {257, 7.5e-7}}) {
    const auto f = fit_canonical(c, cube(3, 25), {m - 1, m - 1, m - 1}, 1e-7);
    EXPECT_TRUE(m != 129 || f.tensor.ranks() == (Shape{40, 40, 47}));
    const SliceError e = error_on_slice(c, f.tensor);
    // published as an absolute error where the largest value is .616
    expect_two_digits(e.absolute / e.largest, published / .616, text("m = ", m));
  }
}

// Real proteins without any grid, with the rule of the papers (h = .266, 12 long-range terms on a cube): the
// ranks do not grow with the number of atoms.
TEST(Published, RanksOfProteinsDoNotGrow) {
  for (const char* name : {"1ajj", "fas2", "barnase", "1a63"}) {
    CARTAN_REAL_DATA(path, text("proteins/", name, ".pqr"));
    const auto c = cartan::testing::charges_of(data::read_point_charges(path));
    Box box = bounding_box(c.positions, 0);
    double a = 0;
    for (int k = 0; k < 3; ++k) a = std::max(a, box.half_width(k));
    for (int k = 0; k < 3; ++k) {
      const double middle = box.centre(k);
      box.low[static_cast<std::size_t>(k)] = middle - 1.2 * a;
      box.high[static_cast<std::size_t>(k)] = middle + 1.2 * a;
    }
    const RangeSeparation plan(box, sinc_newton(0.266, 31, 1.2 * a), 12, 1e-8);
    const ChebyshevTucker f = plan.potential(plan.moments(c.positions, c.charges));
    const auto small = round(f, 1e-7);
    for (const Index r : small.tensor.ranks()) EXPECT_LE(r, 48) << name;
    for (const Index r : small.tensor.ranks()) EXPECT_GE(r, 25) << name;
    double worst = 0, largest = 0;
    const Random random(3);
    for (std::uint64_t i = 0; i < 200; ++i) {
      double p[3], exact = 0;
      for (std::uint64_t k = 0; k < 3; ++k)
        p[k] = box.centre(static_cast<int>(k)) +
               box.half_width(static_cast<int>(k)) * (2 * random.uniform(3 * i + k) - 1);
      for (Index j = 0; j < c.charges.size(); ++j) {
        const double* q = c.positions.data<double>() + 3 * j;
        exact += c.charges.data<double>()[j] *
                 plan.long_range()(std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
      }
      exact *= units::coulomb;
      const double e = std::abs(small.tensor({p[0], p[1], p[2]}) - exact);
      worst = cartan::testing::worst_of(worst, e);
      largest = std::max(largest, std::abs(exact));
    }
    EXPECT_LE(worst / largest, 2.5e-7) << name;
  }
}

// Energies of proteins are those of the plain double sum.
TEST(Published, EnergiesOfProteinsAreTheDirectSums) {
  for (const char* name : {"1ajj", "fas2", "barnase", "1a63"}) {
    CARTAN_REAL_DATA(path, text("proteins/", name, ".pqr"));
    const auto c = cartan::testing::charges_of(data::read_point_charges(path));
    for (const double tolerance : {1e-4, 1e-7}) {
      FieldOptions o;
      o.tolerance = tolerance;
      const FieldResult r = make_field(c.positions, c.charges, o);
      EXPECT_TRUE(r.converged) << name;
      const ElectrostaticEnergy e = r.field.energy(), d = direct_energy({}, c.positions, c.charges);
      EXPECT_LE(std::abs(e.energy - d.energy), tolerance * std::abs(d.energy)) << name << tolerance;
      double worst = 0, largest = 0;
      for (Index i = 0; i < e.forces.size(); ++i) {
        const double f = std::abs(e.forces.data<double>()[i] - d.forces.data<double>()[i]);
        worst = cartan::testing::worst_of(worst, f);
        largest = std::max(largest, std::abs(d.forces.data<double>()[i]));
      }
      EXPECT_LE(worst, 10 * tolerance * largest) << name << tolerance;
    }
  }
}
