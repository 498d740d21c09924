// HOOI and CP-ALS against constructions of known rank, and against the truncated HOSVD.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/parallel.hpp"
#include "cartan/linalg/als.hpp"
#include "linalg/oracle.hpp"
#include "worst.hpp"

using namespace oracle;

namespace {

double orthogonality(const Array& u) {
  double worst = 0;
  for (Index a = 0; a < u.dim(1); ++a)
    for (Index b = 0; b < u.dim(1); ++b) {
      double sum = 0;
      for (Index i = 0; i < u.dim(0); ++i) sum += value(u, i * u.dim(1) + a) * value(u, i * u.dim(1) + b);
      worst = cartan::testing::worst_of(worst, std::abs(sum - (a == b ? 1 : 0)));
    }
  return worst;
}

}  // namespace

TEST(Hooi, RecoversTheRanksItIsGiven) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : std::vector<Shape>{{9}, {7, 8}, {6, 7, 8}, {5, 4, 6, 3}, {3, 4, 3, 2, 4}}) {
      const Array x = random_tucker(s, Shape(s.size(), 2), t, 1).full();
      Shape ranks;
      for (std::size_t k = 0; k < s.size(); ++k) ranks.push_back(s.size() == 1 ? 1 : 2);
      const auto r = hooi(x, ranks);
      EXPECT_LE(r.report.relative_error, 4 * rounding_floor(t, s));
      EXPECT_LE(distance(r.tensor.full(), x), 8 * rounding_floor(t, s) * size(x));
      EXPECT_EQ(r.report.ranks, ranks);
      EXPECT_TRUE(r.report.converged);
    }
}

TEST(Hooi, IsBetterThanTheTruncatedHosvdAndTellsItsError) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : std::vector<Shape>{{12, 11, 13}, {6, 7, 5, 8}}) {
      const Array x = normal(s, t, 3, 0);
      const Shape ranks(s.size(), 3);
      HosvdOptions o;
      o.ranks = ranks;
      const auto first = st_hosvd(x, o);
      IterationOptions options;
      options.max_iterations = 200;
      const auto r = hooi(x, ranks, options);
      EXPECT_LE(r.report.relative_error, first.report.relative_error);
      EXPECT_LE(std::abs(distance(r.tensor.full(), x) / size(x) - r.report.relative_error),
                t == DType::f32 ? 1e-6 : 1e-13);
      for (const Array& u : r.tensor.factors) EXPECT_LE(orthogonality(u), t == DType::f32 ? 1e-6 : 1e-13);
      // A stationary point: every factor spans the leading subspace for the others, so one more run stays.
      IterationOptions once;
      once.max_iterations = 1;
      EXPECT_LE(std::abs(hooi(r.tensor.full(), ranks, once).report.relative_error),
                t == DType::f32 ? 1e-5 : 1e-13);
    }
}

TEST(CpAls, RecoversAnExactTensor) {
  for (DType t : {DType::f32, DType::f64})
    for (Start start : {Start::hosvd, Start::random})
      for (const Shape& s : std::vector<Shape>{{10, 9, 8}, {6, 5, 7, 4}, {4, 5, 3, 4, 3}}) {
        const Array x = random_canonical(s, 2, t, 5).full();
        IterationOptions options;
        options.max_iterations = 2000;
        options.change = 1e-14;
        options.seed = 1;
        const auto r = cp_als(x, 2, start, options);
        EXPECT_LE(r.report.relative_error, t == DType::f32 ? 1e-3 : 1e-7);
        EXPECT_LE(std::abs(distance(r.tensor.full(), x) / size(x) - r.report.relative_error),
                  t == DType::f32 ? 1e-6 : 1e-13);
      }
}

TEST(CpAls, RankOneIsExactAtOnceAndDegenerateShapesWork) {
  for (const Shape& s : std::vector<Shape>{{5}, {1}, {4, 6}, {1, 1, 1}, {3, 1, 4}, {2, 3, 1, 2, 2}}) {
    const Array x = random_canonical(s, 1, DType::f64, 6).full();
    for (Index rank : {1, 3}) {
      const auto r = cp_als(x, rank);
      EXPECT_LE(distance(r.tensor.full(), x), 1e-7 * size(x));
      EXPECT_EQ(r.tensor.rank(), rank);
    }
    EXPECT_LE(cp_als(x, 1).report.relative_error, 1e-14);
  }
}

TEST(CpAls, OrderTwoReachesTheSingularValues) {
  // Eckart-Young: the best rank-2 error of a matrix of singular values 3, 2, 1 in random bases.
  const Tucker a = orthogonalized(random_tucker({7, 9}, {3, 3}, DType::f64, 8));
  Tucker x = a;
  x.core = Array::from(std::vector<double>{3, 0, 0, 0, 2, 0, 0, 0, 1}, {3, 3});
  IterationOptions options;
  options.max_iterations = 500;
  options.change = 1e-15;
  EXPECT_LE(std::abs(cp_als(x.full(), 2, Start::random, options).report.relative_error - 1 / std::sqrt(14)),
            1e-9);
}

TEST(Als, SameBitsForAnyNumberOfThreads) {
  const Array x = normal({40, 50, 60}, DType::f64, 9, 0);
  IterationOptions options;
  options.max_iterations = 3;
  set_threads(1);
  const auto cp = cp_als(x, 5, Start::hosvd, options);
  const auto tucker = hooi(x, {4, 5, 6}, options);
  set_threads(2);
  const auto cp2 = cp_als(x, 5, Start::hosvd, options);
  const auto tucker2 = hooi(x, {4, 5, 6}, options);
  set_threads(0);
  EXPECT_TRUE(identical(tucker.tensor.core, tucker2.tensor.core));
  EXPECT_TRUE(identical(cp.tensor.weights, cp2.tensor.weights));
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_TRUE(identical(cp.tensor.factors[k], cp2.tensor.factors[k]));
    EXPECT_TRUE(identical(tucker.tensor.factors[k], tucker2.tensor.factors[k]));
  }
  EXPECT_EQ(cp.report.relative_error, cp2.report.relative_error);
}

TEST(Als, ZeroTensorsAndBadInput) {
  const Array zero = Array::zeros({3, 4, 2}, DType::f64);
  EXPECT_EQ(size(cp_als(zero, 2).tensor.full()), 0);
  EXPECT_EQ(size(hooi(zero, {2, 2, 2}).tensor.full()), 0);
  Array bad = normal({3, 4, 2}, DType::f64, 1, 0);
  bad.mutable_data<double>()[5] = NAN;
  EXPECT_THROW(cp_als(bad, 2), std::invalid_argument);
  EXPECT_THROW(hooi(bad, {2, 2, 2}), std::invalid_argument);
  EXPECT_THROW(cp_als(zero, 0), std::invalid_argument);
  EXPECT_THROW(hooi(zero, {}), std::invalid_argument);
  // Entries whose squares overflow or vanish.
  for (double scale : {1e200, 1e-200}) {
    const Array one = random_canonical({4, 5, 3}, 1, DType::f64, 2).full(), x = combine(one, one, scale, 0);
    const auto r = cp_als(x, 1);
    EXPECT_LE(distance(combine(r.tensor.full(), x, 1 / scale, 0), combine(x, x, 1 / scale, 0)), 1e-12);
    EXPECT_LE(hooi(x, {1, 1, 1}).report.relative_error, 1e-14);
  }
}
