#include <cartan/chebyshev/chebyshev_tucker.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "temporary.hpp"

using namespace cartan;
using namespace cartan::chebyshev;
using cartan::testing::Temporary;

namespace {

// A function of d variables with random coefficients.
ChebyshevTucker some_function(std::vector<Index> m, std::vector<Index> r, const Box& box, std::uint64_t seed,
                              DType dtype = DType::f64) {
  linalg::Tucker t;
  t.core = random_normal(r, dtype, Random(seed));
  for (std::size_t k = 0; k < m.size(); ++k)
    t.factors.push_back(random_normal({m[k], r[k]}, dtype, Random(seed, 10 + k)));
  return {box, t};
}

Box odd_box(int d) {
  Box box;
  for (int k = 0; k < d; ++k) {
    box.low.push_back(-1.5 + k);
    box.high.push_back(0.7 + 2 * k);
  }
  return box;
}

Array points_in(const Box& box, Index n, std::uint64_t seed) {
  const Index d = box.dim();
  Array x = random_uniform({n, d}, 0, 1, DType::f64, Random(seed));
  for (Index i = 0; i < n * d; ++i) {
    const int k = static_cast<int>(i % d);
    double& v = x.mutable_data<double>()[i];
    v = box.low[static_cast<std::size_t>(k)] + v * 2 * box.half_width(k);
  }
  return x;
}

// The definition, term by term.
double by_definition(const ChebyshevTucker& f, const double* x) {
  const Array c = f.coefficients().full().as(DType::f64);
  double sum = 0;
  for (Index i = 0; i < c.size(); ++i) {
    double term = c.data<double>()[i];
    Index rest = i;
    for (int k = f.dim() - 1; k >= 0; --k) {
      const double xi = (x[k] - f.box().centre(k)) / f.box().half_width(k);
      term *= std::cos(static_cast<double>(rest % c.dim(k)) * std::acos(xi));
      rest /= c.dim(k);
    }
    sum += term;
  }
  return sum;
}

}  // namespace

TEST(ChebyshevTucker, ValuesAreTheDefinition) {
  const std::vector<std::vector<Index>> degrees = {{7}, {5, 9}, {6, 1, 8}, {4, 5, 3, 2}, {2, 3, 2, 3, 2}};
  const std::vector<std::vector<Index>> ranks = {{3}, {4, 2}, {3, 1, 5}, {2, 3, 1, 2}, {2, 1, 2, 2, 1}};
  for (std::size_t c = 0; c < degrees.size(); ++c) {
    const int d = static_cast<int>(degrees[c].size());
    const ChebyshevTucker f = some_function(degrees[c], ranks[c], odd_box(d), c);
    const Array x = points_in(f.box(), 137, 3 + c), values = f(x);
    for (Index i = 0; i < 137; ++i)
      EXPECT_LE(std::abs(values.data<double>()[i] - by_definition(f, x.data<double>() + i * d)), 1e-11)
          << d << " " << i;
    EXPECT_LE(
        std::abs(f(std::vector<double>(x.data<double>(), x.data<double>() + d)) - values.data<double>()[0]),
        1e-12);
  }
}

TEST(ChebyshevTucker, FloatsAreCloseToDoubles) {
  const ChebyshevTucker f = some_function({20, 20, 20}, {5, 6, 7}, odd_box(3), 2);
  const ChebyshevTucker g = f.as(DType::f32);
  EXPECT_EQ(g.dtype(), DType::f32);
  const Array x = points_in(f.box(), 500, 4), a = f(x), b = g(x);
  EXPECT_EQ(b.dtype(), DType::f32);
  double scale = 0;
  for (Index i = 0; i < 500; ++i) scale = std::max(scale, std::abs(a.data<double>()[i]));
  for (Index i = 0; i < 500; ++i)
    EXPECT_LE(std::abs(a.data<double>()[i] - static_cast<double>(b.data<float>()[i])), 3e-6 * scale);
}

TEST(ChebyshevTucker, GradientAndHessianAreDifferences) {
  for (const int d : {1, 2, 3, 4}) {
    const std::vector<Index> m(static_cast<std::size_t>(d), 6), r(static_cast<std::size_t>(d), 3);
    const ChebyshevTucker f = some_function(m, r, odd_box(d), 20 + static_cast<std::uint64_t>(d));
    Box inner = f.box();
    for (int k = 0; k < d; ++k) {
      inner.low[static_cast<std::size_t>(k)] += 0.01;
      inner.high[static_cast<std::size_t>(k)] -= 0.01;
    }
    const Array x = points_in(inner, 40, 5);
    const Jet jet = f.evaluate(x, 2);
    EXPECT_TRUE(identical(jet.gradient, f.gradient(x)) || d > 0);
    const double h = 1e-4;
    for (int k = 0; k < d; ++k) {
      Array up = x, down = x;
      for (Index i = 0; i < 40; ++i) {
        up.mutable_data<double>()[i * d + k] += h;
        down.mutable_data<double>()[i * d + k] -= h;
      }
      const Array fu = f(up), fd = f(down), gu = f.gradient(up), gd = f.gradient(down);
      for (Index i = 0; i < 40; ++i) {
        const double g = jet.gradient.data<double>()[i * d + k], s = 200;
        EXPECT_LE(std::abs(g - (fu.data<double>()[i] - fd.data<double>()[i]) / (2 * h)), 2e-5 * s) << d << k;
        for (int j = 0; j < d; ++j)
          EXPECT_LE(std::abs(jet.hessian.data<double>()[(i * d + k) * d + j] -
                             (gu.data<double>()[i * d + j] - gd.data<double>()[i * d + j]) / (2 * h)),
                    1e-3 * s);
      }
    }
    // The derivative as a function of its own: exactly.
    for (int k = 0; k < d; ++k) {
      const Array own = f.derivative(k)(x);
      for (Index i = 0; i < 40; ++i)
        EXPECT_LE(std::abs(own.data<double>()[i] - jet.gradient.data<double>()[i * d + k]),
                  1e-10 * (1 + std::abs(own.data<double>()[i])));
    }
  }
}

TEST(ChebyshevTucker, GridIsThePoints) {
  const ChebyshevTucker f = some_function({9, 4, 12}, {4, 2, 5}, odd_box(3), 31);
  std::vector<Array> grid;
  for (int k = 0; k < 3; ++k)
    grid.push_back(random_uniform({5 + k}, f.box().low[static_cast<std::size_t>(k)],
                                  f.box().high[static_cast<std::size_t>(k)], DType::f64, Random(8)));
  const Array g = f.on_grid(grid);
  EXPECT_EQ(g.shape(), (Shape{5, 6, 7}));
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 6; ++j)
      for (Index k = 0; k < 7; ++k)
        EXPECT_LE(
            std::abs(g.data<double>()[(i * 6 + j) * 7 + k] -
                     f({grid[0].data<double>()[i], grid[1].data<double>()[j], grid[2].data<double>()[k]})),
            1e-11);
  grid[1] = Array::from(std::vector<double>{1e3});
  EXPECT_THROW(f.on_grid(grid), std::invalid_argument);
}

TEST(ChebyshevTucker, IntegralsAgreeWithEachOtherAndTheTruth) {
  const Fit e = fit(
      [](const double* x, Index n, double* v) {
        for (Index i = 0; i < n; ++i) v[i] = std::exp(x[3 * i] + 2 * x[3 * i + 1]) * x[3 * i + 2];
      },
      odd_box(3), {});
  ASSERT_TRUE(e.converged);
  const Box b = odd_box(3);
  const double exact = (std::exp(b.high[0]) - std::exp(b.low[0])) *
                       (std::exp(2 * b.high[1]) - std::exp(2 * b.low[1])) / 2 *
                       (b.high[2] * b.high[2] - b.low[2] * b.low[2]) / 2;
  EXPECT_LE(std::abs(e.function.integral() / exact - 1), 1e-8);
  for (int k = 0; k < 3; ++k) EXPECT_LE(std::abs(e.function.integrated(k).integral() / exact - 1), 1e-8);
  // integral of a derivative: a difference of face integrals; here by the fundamental theorem in one variable
  const ChebyshevTucker one = e.function.integrated(2).integrated(1);
  EXPECT_LE(std::abs(one.derivative(0).integral() - (one({b.high[0]}) - one({b.low[0]}))),
            1e-9 * std::abs(exact));
  EXPECT_THROW(one.integrated(0), std::invalid_argument);
}

TEST(ChebyshevTucker, AlgebraIsThatOfTheValues) {
  const Box box = odd_box(3);
  const ChebyshevTucker f = some_function({9, 4, 12}, {4, 2, 5}, box, 1),
                        g = some_function({5, 8, 12}, {2, 3, 2}, box, 2);
  const ChebyshevTucker s = f + 2.5 * g - f;
  const Array x = points_in(box, 60, 9), a = g(x), b = s(x);
  for (Index i = 0; i < 60; ++i) EXPECT_LE(std::abs(2.5 * a.data<double>()[i] - b.data<double>()[i]), 1e-9);
  EXPECT_EQ((f + g).ranks(), (Shape{6, 5, 7}));
  EXPECT_EQ((f + g).degrees(), (std::vector<Index>{8, 7, 11}));
  const auto r = round(s, 1e-12);
  EXPECT_EQ(r.tensor.ranks(), (Shape{2, 3, 2}));
  EXPECT_EQ(r.tensor.degrees(), (std::vector<Index>{4, 7, 11}));
  const Array c = r.tensor(x);
  for (Index i = 0; i < 60; ++i) EXPECT_LE(std::abs(2.5 * a.data<double>()[i] - c.data<double>()[i]), 1e-8);
  EXPECT_THROW(f + some_function({3, 3, 3}, {1, 1, 1}, cube(3, 1), 1), std::invalid_argument);
  EXPECT_THROW(f + f.as(DType::f32), std::invalid_argument);
  EXPECT_THROW(NAN * f, std::invalid_argument);
}

TEST(ChebyshevTucker, RoundingKeepsItsPromise) {
  const Fit e = fit(
      [](const double* x, Index n, double* v) {
        for (Index i = 0; i < n; ++i)
          v[i] = 1 / (3 + x[3 * i] * x[3 * i + 1] + std::sin(x[3 * i + 2] + x[3 * i]));
      },
      cube(3, 1), {});
  ASSERT_TRUE(e.converged);
  Index before = 1000;
  for (const double tolerance : {1e-6, 1e-4, 1e-2}) {
    const auto r = round(e.function, tolerance);
    const double change = linalg::norm((e.function - r.tensor).coefficients());
    EXPECT_LE(change, tolerance * linalg::norm(e.function.coefficients()));
    EXPECT_LT(r.tensor.ranks()[0], before);
    before = r.tensor.ranks()[0];
  }
}

TEST(ChebyshevTucker, OutsideOfTheBox) {
  const ChebyshevTucker f = some_function({5, 5}, {2, 2}, cube(2, 1), 3);
  const Array x = Array::from(std::vector<double>{0.3, 1.5, 0.2, 0.1, -2, 3}, {3, 2});
  try {
    f(x);
    ADD_FAILURE() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("point 0 (0.3, 1.5)"), std::string::npos) << error.what();
  }
  const Jet nearest = f.evaluate(x, 2, Outside::nearest), zero = f.evaluate(x, 2, Outside::zero);
  EXPECT_EQ(nearest.value.data<double>()[0], f({0.3, 1.0}));
  EXPECT_EQ(nearest.value.data<double>()[2], f({-1.0, 1.0}));
  EXPECT_EQ(nearest.gradient.data<double>()[1], 0);
  EXPECT_EQ(nearest.gradient.data<double>()[0],
            f.gradient(Array::from(std::vector<double>{0.3, 1.0}, {1, 2})).data<double>()[0]);
  EXPECT_EQ(nearest.hessian.data<double>()[3], 0);
  EXPECT_EQ(zero.value.data<double>()[0], 0);
  EXPECT_EQ(zero.gradient.data<double>()[0], 0);
  EXPECT_EQ(zero.value.data<double>()[1], f({0.2, 0.1}));
  for (const Outside o : {Outside::error, Outside::nearest, Outside::zero})
    EXPECT_THROW(f(Array::from(std::vector<double>{0.3, NAN}, {1, 2}), o), std::invalid_argument);
  EXPECT_THROW(f(Array::from(std::vector<double>{0.3, 0.1, 0.2}, {1, 3})), std::invalid_argument);
}

TEST(ChebyshevTucker, BadBoxesAreRefused) {
  const linalg::Tucker t = some_function({5, 5}, {2, 2}, cube(2, 1), 3).coefficients();
  EXPECT_THROW(ChebyshevTucker(Box{{0, 0}, {1, 0}}, t), std::invalid_argument);
  EXPECT_THROW(ChebyshevTucker(Box{{0, 0}, {1, NAN}}, t), std::invalid_argument);
  EXPECT_THROW(ChebyshevTucker(Box{{0, 2}, {1, 1}}, t), std::invalid_argument);
  EXPECT_THROW(ChebyshevTucker(Box{{0, 0, 0}, {1, 1, 1}}, t), std::invalid_argument);
  EXPECT_THROW(ChebyshevTucker(Box{}, t), std::invalid_argument);
}

TEST(ChebyshevTucker, FilesGiveTheSameBitsBack) {
  Temporary folder;
  const ChebyshevTucker f = some_function({9, 4, 12}, {4, 2, 5}, odd_box(3), 1);
  data::Group root;
  f.save(root["function"]);
  data::save(folder.path("f.h5"), root, {"cartan-chebyshev", 1, "", ""});
  const data::Group back = data::load(folder.path("f.h5"), "cartan-chebyshev");
  const ChebyshevTucker g = ChebyshevTucker::load(back.group("function"));
  EXPECT_TRUE(g.box() == f.box());
  const Array x = points_in(f.box(), 30, 9);
  EXPECT_TRUE(identical(f(x), g(x)));
  data::Group broken = back.group("function");
  broken.attributes["low"] = std::vector<double>{0, 0};
  EXPECT_THROW(ChebyshevTucker::load(broken), FormatError);
}

TEST(ChebyshevTucker, SameBitsForAnyNumberOfThreads) {
  const ChebyshevTucker f = some_function({40, 30, 20}, {9, 8, 7}, odd_box(3), 1);
  const Array x = points_in(f.box(), 3000, 9);
  set_threads(1);
  const Jet a = f.evaluate(x, 2);
  set_threads(2);
  const Jet b = f.evaluate(x, 2);
  set_threads(0);
  EXPECT_TRUE(identical(a.value, b.value) && identical(a.gradient, b.gradient) &&
              identical(a.hessian, b.hessian));
}
