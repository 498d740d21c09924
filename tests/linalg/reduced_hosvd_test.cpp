// Canonical to Tucker: the bound must hold, and be near the true error.
#include <gtest/gtest.h>

#include <cmath>

#include "cartan/core/parallel.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "linalg/oracle.hpp"

using namespace oracle;

namespace {

/// A sum of R Gaussians of random centres and widths on [-1, 1]^d with charges of both signs.
Canonical gaussians(const Shape& s, Index terms, DType t, std::uint64_t seed) {
  const Random draws(seed);
  std::uint64_t at = 0;
  std::vector<double> w, width;
  for (Index r = 0; r < terms; ++r) {
    w.push_back(draws.uniform(at++) - 0.4);
    width.push_back(1 + 3 * draws.uniform(at++));
  }
  Canonical x{Array::from(w).as(t), {}};
  for (Index n : s) {
    std::vector<double> a(static_cast<std::size_t>(n * terms));
    for (Index r = 0; r < terms; ++r) {
      const double centre = 1.6 * draws.uniform(at++) - 0.8;
      for (Index i = 0; i < n; ++i) {
        const double y = -1 + 2 * (static_cast<double>(i) + 0.5) / static_cast<double>(n) - centre;
        a[static_cast<std::size_t>(i * terms + r)] =
            std::exp(-std::pow(width[static_cast<std::size_t>(r)] * y, 2));
      }
    }
    x.factors.push_back(Array::from(a, {n, terms}).as(t));
  }
  return x;
}

}  // namespace

TEST(ReducedHosvd, BoundHoldsAndRanksAreThoseOfTheFullTensor) {
  for (DType t : {DType::f32, DType::f64})
    for (const Shape& s : std::vector<Shape>{{40, 35, 30}, {30, 25}, {14, 12, 13, 11}})
      for (double tolerance : {1e-2, 1e-4, 1e-7, 1e-10}) {
        if (t == DType::f32 && tolerance < 1e-5) continue;
        const Canonical x = gaussians(s, 60, t, 1);
        HosvdOptions o;
        o.tolerance = tolerance;
        const auto r = to_tucker(x, o);
        const Array full = x.full();
        const double error = distance(r.tensor.full(), full) / size(full),
                     slack = t == DType::f32 ? 1e-6 : 1e-13;  // rounding
        EXPECT_LE(error, r.report.relative_error + slack);
        EXPECT_LE(r.report.relative_error, tolerance);
        EXPECT_LE(r.report.relative_error, 10 * error + slack) << tolerance;
        EXPECT_EQ(r.report.error_kind, ErrorKind::bound);
        EXPECT_TRUE(r.report.converged);
        const auto direct = st_hosvd(full, o);
        for (std::size_t k = 0; k < s.size(); ++k)
          EXPECT_LE(std::abs(r.report.ranks[k] - direct.report.ranks[k]), 1) << k << ' ' << tolerance;
      }
}

TEST(ReducedHosvd, WeightsAndCancellationAreSeen) {
  // Two large terms that nearly cancel: a relative tolerance must follow the small difference.
  Canonical x = gaussians({20, 22, 24}, 10, DType::f64, 2);
  const Canonical other = gaussians({20, 22, 24}, 3, DType::f64, 3);
  const Canonical y = (1e6 * other + x) - 1e6 * other;
  HosvdOptions o;
  o.tolerance = 1e-4;
  const auto r = to_tucker(y, o);
  const Array full = x.full();
  EXPECT_LE(distance(r.tensor.full(), full) / size(full), 1e-4);
  EXPECT_LE(r.report.relative_error, 1e-4);
  EXPECT_TRUE(r.report.converged);
  EXPECT_LE(std::abs(norm(y) - size(full)), 1e-8 * size(full));
}

TEST(ReducedHosvd, DegenerateInput) {
  const Shape s{5, 1, 7};
  Canonical none{Array::zeros({0}, DType::f64), {}};
  for (Index n : s) none.factors.push_back(Array::zeros({n, 0}, DType::f64));
  EXPECT_EQ(size(to_tucker(none).tensor.full()), 0);
  const Canonical zero = 0.0 * random_canonical(s, 3, DType::f64, 4);
  const auto r = to_tucker(zero);
  EXPECT_EQ(size(r.tensor.full()), 0);
  EXPECT_EQ(r.report.ranks, std::vector<Index>(3, 1));
  EXPECT_EQ(r.report.relative_error, 0);
  EXPECT_EQ(to_tucker(random_canonical({6}, 4, DType::f64, 5)).report.ranks, std::vector<Index>{1});
  Canonical bad = random_canonical(s, 2, DType::f64, 6);
  bad.weights.mutable_data<double>()[1] = NAN;
  EXPECT_THROW(to_tucker(bad), std::invalid_argument);
}

TEST(ReducedHosvd, ManyTermsAndThreads) {
  const Canonical x = gaussians({33, 34, 35}, 5000, DType::f64, 7);
  HosvdOptions o;
  o.tolerance = 1e-6;
  set_threads(1);
  const auto a = to_tucker(x, o);
  set_threads(2);
  const auto b = to_tucker(x, o);
  set_threads(0);
  const Array full = x.full();
  EXPECT_LE(distance(a.tensor.full(), full), a.report.relative_error * size(full) * (1 + 1e-9));
  EXPECT_LE(a.report.relative_error, 1e-6);
  EXPECT_TRUE(identical(a.tensor.core, b.tensor.core));
  for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(identical(a.tensor.factors[k], b.tensor.factors[k]));
}

TEST(ReducedHosvd, ManyTermsToATensorTrainAndTheirNorm) {
  const Canonical x = gaussians({30, 31, 32}, 2500, DType::f64, 8);
  const Array full = x.full();
  const auto r = to_tensor_train(x, 1e-5);
  const double error = distance(r.tensor.full(), full) / size(full);
  EXPECT_LE(error, r.report.relative_error);
  EXPECT_LE(r.report.relative_error, 1e-5);
  EXPECT_TRUE(r.report.converged);
  const Canonical nearly_zero = x - (1 - 1e-5) * x;
  EXPECT_LE(std::abs(norm(nearly_zero) - 1e-5 * size(full)), 1e-9 * size(full));
}

// Memory is handed out elsewhere at every call, with other alignments.
TEST(ReducedHosvd, HasTheSameBitsWhereverItsNumbersLie) {
  const Canonical x = random_canonical({12, 13, 14}, 40, DType::f64, 52);
  HosvdOptions o;
  o.tolerance = 1e-6;
  const std::vector<double> first = to_tucker(x, o).tensor.core.to_vector<double>();
  std::vector<std::vector<double>> held;
  for (std::size_t call = 0; call < 12; ++call) {
    for (std::size_t size = 1; size < 1000; size += 2 * call + 3) held.emplace_back(size);
    EXPECT_EQ(to_tucker(x, o).tensor.core.to_vector<double>(), first) << call;
  }
}

// Narrow Gaussians hold many columns that are zero: however small the tolerance, it comes to an end.
TEST(ReducedHosvd, EndsAtTheRoundingFloor) {
  const Shape shape{40, 3, 50};
  Canonical x = random_canonical(shape, 60, DType::f64, 4);
  for (std::size_t k = 0; k < 3; ++k) {
    double* p = x.factors[k].mutable_data<double>();
    for (Index i = 0; i < shape[k]; ++i)
      for (Index r = 0; r < 60; ++r)
        *p++ = std::exp(-static_cast<double>((r + 1) * i * i) / static_cast<double>(6 * shape[k] * shape[k]));
  }
  const Array full = x.full();
  for (const double tolerance : {1e-9, 1e-12, 1e-15})
    for (const Method method : {Method::automatic, Method::gram, Method::lq}) {
      HosvdOptions o;
      o.tolerance = tolerance;
      o.method = method;
      const auto r = to_tucker(x, o);
      EXPECT_TRUE(r.report.converged || tolerance == 1e-15) << tolerance << ' ' << name_of(method);
      EXPECT_LE(distance(r.tensor.full(), full), (r.report.relative_error + 1e-13) * size(full));
    }
}

TEST(ReducedHosvd, BoundsTheErrorOfVectors) {
  constexpr Index terms = 60;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Canonical x = random_canonical({30}, terms, DType::f64, seed);
    for (Index r = 0; r < terms; ++r)
      x.weights.mutable_data<double>()[r] *= std::pow(10, -16.0 * double(r) / terms);
    const Array full = x.full();
    HosvdOptions o;
    for (const double tolerance : {1e-1, 1e-3, 1e-6}) {
      o.tolerance = tolerance;
      const auto r = to_tucker(x, o);
      EXPECT_LE(distance(r.tensor.full(), full), (r.report.relative_error + 1e-13) * size(full)) << seed;
      EXPECT_TRUE(r.report.converged) << seed;
    }
  }
}
