#include <cartan/chebyshev/basis.hpp>
#include <cartan/chebyshev/expression.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/random.hpp>
#include <cartan/linalg/hosvd.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include "worst.hpp"

using namespace cartan;
using namespace cartan::chebyshev;

namespace {

// Largest error at points the fit has not seen, relative to the largest value there.
double unseen_error(const ChebyshevTucker& f, const Expression& e) {
  const int d = f.dim();
  std::vector<double> points;
  const Random random(777);
  for (Index i = 0; i < 2000 * d; ++i) {
    const int k = static_cast<int>(i % d);
    points.push_back(f.box().low[static_cast<std::size_t>(k)] +
                     2 * f.box().half_width(k) * random.uniform(static_cast<std::uint64_t>(i)));
  }
  std::vector<double> exact(2000);
  e(points.data(), 2000, exact.data());
  const Array found = f(Array::from(points, {2000, d})).as(DType::f64);
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    const double error = std::abs(found.data<double>()[i] - exact[i]);
    worst = cartan::testing::worst_of(worst, error);
    scale = std::max(scale, std::abs(exact[i]));
  }
  return worst / scale;
}

Fit fit_text(const std::string& text, const Box& box, FitOptions o = {}) {
  return fit(Expression(text, box.dim()), box, o);
}

}  // namespace

TEST(Fit, MeetsTheToleranceAdaptively) {
  const std::vector<std::pair<const char*, Box>> cases = {
      {"exp(-(x^2+y^2+z^2))", cube(3, 3)},
      {"1/(1+25*x^2)", cube(1, 1)},
      {"sin(10*x*y)+y^3", Box{{0, -2}, {1, 1}}},
      {"1/sqrt(x^2+y^2+z^2+0.1)", cube(3, 1)},
      {"exp(-50*((x-0.9)^2+(y+0.9)^2))", cube(2, 1)},  // far from the middle
      {"x1*x2*x3*x4+cos(x1+x2+x3+x4)", cube(4, 1)},
      {"3", cube(2, 1)},
      {"0", cube(3, 1)},
      {"tanh(20*(x+0.3))", cube(1, 1)},
      {"1e-30*cos(x+y)", cube(2, 1)},
  };
  for (const auto& [text, box] : cases)
    for (const double tolerance : {1e-4, 1e-8, 1e-12}) {
      FitOptions o;
      o.tolerance = tolerance;
      const Fit f = fit_text(text, box, o);
      if (std::string(text) == "0") {  // samples alone cannot tell it from peaks between them
        EXPECT_FALSE(f.converged) << tolerance;
        EXPECT_NE(f.message.find("samples is 0"), std::string::npos) << f.message;
        continue;
      }
      EXPECT_TRUE(f.converged) << text << " " << tolerance << " " << f.message;
      EXPECT_LE(unseen_error(f.function, Expression(text, box.dim())), 2 * tolerance)
          << text << " " << tolerance;
    }
}

// cos(w x) needs about w + few degrees, never twice as many.
TEST(Fit, DegreesAreNotWasted) {
  FitOptions o;
  o.tolerance = 1e-10;
  const Fit f = fit_text("cos(100*x)", cube(1, 1), o);
  EXPECT_TRUE(f.converged);
  EXPECT_GE(f.function.degrees()[0], 110);
  EXPECT_LE(f.function.degrees()[0], 160);
  const Fit g = fit_text("x^3*y", cube(2, 1), o);
  EXPECT_EQ(g.function.degrees(), (std::vector<Index>{3, 1}));
  EXPECT_EQ(g.function.ranks(), (Shape{1, 1}));
}

TEST(Fit, CrossFindsTheSameFunctionWithFewerPoints) {
  for (const char* text :
       {"1/sqrt(x^2+y^2+z^2+0.1)", "exp(-(x-y)^2-3*z^2)+sin(x*y*z)", "exp(-30*((x-0.5)^2+(y+0.5)^2+z^2))"}) {
    FitOptions o;
    o.tolerance = 1e-8;
    o.sampling = Sampling::full;
    const Fit full = fit_text(text, cube(3, 1), o);
    o.sampling = Sampling::cross;
    const Fit cross = fit_text(text, cube(3, 1), o);
    EXPECT_TRUE(full.converged && cross.converged) << text << cross.message;
    EXPECT_EQ(cross.sampling, Sampling::cross);
    EXPECT_LE(unseen_error(cross.function, Expression(text, 3)), 2e-8) << text;
    for (std::size_t k = 0; k < 3; ++k)
      EXPECT_LE(std::abs(full.function.ranks()[k] - cross.function.ranks()[k]), 3) << text;
  }
  FitOptions o;  // a sharp function: 1000 nodes a variable, only a cross can do
  o.tolerance = 1e-6;
  const Fit sharp = fit_text("1/sqrt(x^2+y^2+z^2+1e-4)", Box{{-1, -0.9, -1.1}, {1, 1, 1}}, o);
  EXPECT_TRUE(sharp.converged) << sharp.message;
  EXPECT_EQ(sharp.sampling, Sampling::cross);
  EXPECT_LE(sharp.evaluations, 60000000);
}

TEST(Fit, FixedDegreesAndRanks) {
  FitOptions o;
  o.tolerance = 1e-6;
  o.degrees = {30, 31, 32};
  const Fit f = fit_text("exp(-(x^2+y^2+z^2))", cube(3, 2), o);
  EXPECT_TRUE(f.converged);
  EXPECT_EQ(f.function.degrees(), (std::vector<Index>{30, 31, 32}));
  o.ranks = {2, 2, 2};
  const Fit g = fit_text("1/(3+x+y*z)", cube(3, 1), o);
  EXPECT_FALSE(g.converged);
  EXPECT_FALSE(g.message.empty());
  EXPECT_EQ(g.function.ranks(), (Shape{2, 2, 2}));
  EXPECT_LE(g.rel_error_max, 0.1);
  EXPECT_LE(std::abs(std::log10(g.rel_error_max / unseen_error(g.function, Expression("1/(3+x+y*z)", 3)))),
            1);
}

TEST(Fit, SaysWhenItDoesNotConverge) {
  FitOptions o;
  o.tolerance = 1e-8;
  o.max_degree = 128;
  const Fit f = fit_text("abs(x-0.1)+y", cube(2, 1), o);
  EXPECT_FALSE(f.converged);
  EXPECT_FALSE(f.message.empty());
  EXPECT_GT(f.rel_error_max, 1e-6);
  EXPECT_LT(f.rel_error_max, 1e-1);
}

TEST(Fit, BadFunctionsAndOptions) {
  try {
    fit_text("log(x)", cube(1, 1));
    ADD_FAILURE() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("nan at (-"), std::string::npos) << error.what();
  }
  EXPECT_THROW(fit_text("1/x", cube(1, 1)), std::invalid_argument);  // infinite at a node
  FitOptions o;
  o.dtype = DType::f32;
  o.tolerance = 1e-9;
  EXPECT_THROW(fit_text("x", cube(1, 1), o), std::invalid_argument);
  o.tolerance = 1e-5;
  const Fit f = fit_text("sin(x)", cube(1, 1), o);
  EXPECT_TRUE(f.converged);
  EXPECT_EQ(f.function.dtype(), DType::f32);
  o.dtype = DType::f64;
  o.tolerance = 1e-17;
  EXPECT_THROW(fit_text("x", cube(1, 1), o), std::invalid_argument);
  o.tolerance = 1e-8;
  o.degrees = {3, 3};
  EXPECT_THROW(fit_text("x", cube(1, 1), o), std::invalid_argument);
  EXPECT_THROW(fit_text("x", Box{{1}, {1}}), std::invalid_argument);
}

TEST(Fit, StopsWhenAsked) {
  StopFlag stop{false};
  FitOptions o;
  o.stop = &stop;
  Index calls = 0;
  const Fit f = fit(
      [&](const double* x, Index n, double* v) {
        for (Index i = 0; i < n; ++i) v[i] = std::sin(x[3 * i] * x[3 * i + 1] * 40) + x[3 * i + 2];
        if (++calls == 3) stop = true;
      },
      cube(3, 1), o);
  EXPECT_TRUE(f.stopped);
  EXPECT_FALSE(f.converged);
  EXPECT_EQ(calls, 3);
}

// Cubic splines: the error falls with the fourth power of the grid.
TEST(Fit, GridErrorIsOfFourthOrder) {
  const Expression e("exp(x)*cos(2*y+z)", 3);
  for (const Grid grid : {Grid::cells, Grid::vertices}) {
    std::vector<double> errors;
    for (const Index n : {20, 40}) {
      Array v = Array::uninitialized({n, n, n}, DType::f64);
      const double step =
          grid == Grid::cells ? 2.0 / static_cast<double>(n) : 2.0 / static_cast<double>(n - 1);
      const double first = grid == Grid::cells ? -1 + 0.5 * step : -1;
      for (Index i = 0; i < v.size(); ++i)
        v.mutable_data<double>()[i] =
            e({first + step * static_cast<double>(i / n / n), first + step * static_cast<double>(i / n % n),
               first + step * static_cast<double>(i % n)});
      const auto f = fit_grid(v, cube(3, 1), {24, 25, 26}, 1e-9, grid);
      EXPECT_LE(f.report.relative_error, 1e-9);
      errors.push_back(unseen_error(f.tensor, e));
    }
    EXPECT_LE(std::abs(std::log2(errors[0] / errors[1]) - 4), 0.6) << errors[0] << " " << errors[1];
  }
}

TEST(Fit, GridOfAPolynomialIsExact) {
  Array v = Array::uninitialized({7, 3, 2}, DType::f64);  // cubic, parabola, line: what splines reproduce
  for (Index i = 0; i < v.size(); ++i) {
    const double x = -1 + 1.0 / 7 + 2.0 / 7 * static_cast<double>(i / 6),
                 y = -2.0 / 3 + 2.0 / 3 * static_cast<double>(i / 2 % 3),
                 z = -0.5 + static_cast<double>(i % 2);
    v.mutable_data<double>()[i] = (x * x * x - x) * (y * y + 1) * (2 + z);
  }
  const auto f = fit_grid(v, cube(3, 1), {3, 2, 1}, 1e-14);
  EXPECT_LE(unseen_error(f.tensor, Expression("(x^3-x)*(y^2+1)*(2+z)", 3)), 1e-13);
  v.mutable_data<double>()[17] = NAN;
  try {
    fit_grid(v, cube(3, 1), {3, 2, 1}, 1e-14);
    ADD_FAILURE() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("index (2, 2, 1)"), std::string::npos) << error.what();
  }
}

// A canonical tensor and the same tensor in full must give the same function.
TEST(Fit, CanonicalIsTheFullGrid) {
  linalg::Canonical c;
  constexpr Index n = 30, rank = 7;
  c.weights = random_uniform({rank}, -5, 5, DType::f64, Random(4));
  for (int k = 0; k < 3; ++k) {
    Array u = Array::uninitialized({n, rank}, DType::f64);
    for (Index i = 0; i < n * rank; ++i) {
      const double x = -1 + 1.0 / n + 2.0 / n * static_cast<double>(i / rank);
      u.mutable_data<double>()[i] = std::cos(static_cast<double>(i % rank) * (x + 0.3 * k));
    }
    c.factors.push_back(u);
  }
  const auto a = fit_canonical(c, cube(3, 2), {20, 21, 22}, 1e-10);
  const auto b = fit_grid(c.full(), cube(3, 2), {20, 21, 22}, 1e-10);
  EXPECT_TRUE(a.report.converged);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_LE(a.tensor.ranks()[k], rank);
  EXPECT_LE(linalg::norm((a.tensor - b.tensor).coefficients()),
            3e-10 * linalg::norm(b.tensor.coefficients()));
  // The reported error is a bound of the true one.
  const linalg::Canonical exact = canonical_coefficients(c, {20, 21, 22});
  const auto rough = fit_canonical(c, cube(3, 2), {20, 21, 22}, 1e-3);
  const Array full = exact.full(), found = rough.tensor.coefficients().full();
  double error = 0, norm = 0;
  for (Index i = 0; i < full.size(); ++i) {
    error += std::pow(full.data<double>()[i] - found.data<double>()[i], 2);
    norm += std::pow(full.data<double>()[i], 2);
  }
  EXPECT_LE(std::sqrt(error / norm), rough.report.relative_error * (1 + 1e-10));
  EXPECT_LE(rough.report.relative_error, 1e-3);
  // max |p - q| <= sum |C - C'| <= sqrt(prod m) ||C - C'||
  double sum = 0;
  for (Index i = 0; i < full.size(); ++i) sum += std::abs(full.data<double>()[i] - found.data<double>()[i]);
  EXPECT_LE(sum, coefficient_error_bound({21, 22, 23}, std::sqrt(error)) * (1 + 1e-12));
}

// Many terms in few directions, and terms that cancel.
TEST(Fit, CanonicalOfManyTermsKeepsItsPromise) {
  constexpr Index n = 40, rank = 120;
  for (const bool cancel : {false, true}) {
    linalg::Canonical c;
    c.weights = random_uniform({rank}, -5, 5, DType::f64, Random(4));
    for (int k = 0; k < 3; ++k) {
      Array u = Array::uninitialized({n, rank}, DType::f64);
      for (Index i = 0; i < n * rank; ++i) {
        const double x = -1 + 1.0 / n + 2.0 / n * static_cast<double>(i / rank),
                     y = 0.11 * static_cast<double>(i % rank % 60) + k;
        u.mutable_data<double>()[i] = std::exp(-std::pow(x - std::sin(7 * y), 2));
      }
      c.factors.push_back(u);
    }
    for (Index r = 0; r < rank / 2 && cancel; ++r)  // the second half takes the first away, nearly
      c.weights.mutable_data<double>()[rank / 2 + r] =
          -(1 + 1e-5 * static_cast<double>(r % 3)) * c.weights.data<double>()[r];
    for (const double tolerance : {1e-3, 1e-6}) {
      const auto a = fit_canonical(c, cube(3, 1), {30, 31, 32}, tolerance);
      const Array full = canonical_coefficients(c, {30, 31, 32}).full(),
                  found = a.tensor.coefficients().full();
      double error = 0, norm = 0;
      for (Index i = 0; i < full.size(); ++i) {
        error += std::pow(full.data<double>()[i] - found.data<double>()[i], 2);
        norm += std::pow(full.data<double>()[i], 2);
      }
      EXPECT_LE(std::sqrt(error / norm), a.report.relative_error * (1 + 1e-9)) << cancel << tolerance;
      EXPECT_LE(a.report.relative_error, tolerance) << cancel;
      EXPECT_LE(a.tensor.ranks()[0], 20);
    }
  }
}

TEST(Fit, NodesGiveTheInterpolant) {
  const Expression e("exp(x*y)", 2);
  const Array x = nodes(15);
  Array v = Array::uninitialized({15, 15}, DType::f64);
  for (Index i = 0; i < 225; ++i)
    v.mutable_data<double>()[i] = e({x.data<double>()[i / 15], x.data<double>()[i % 15]});
  const auto f = fit_nodes(v, cube(2, 1), 1e-13);
  EXPECT_LE(unseen_error(f.tensor, e), 1e-12);
}

TEST(Fit, KeepsWithinItsEvaluations) {
  const BatchFunction sharp = [](const double* x, Index n, double* v) {
    for (Index i = 0; i < n; ++i)
      v[i] = std::tanh(20 * (x[5 * i] + x[5 * i + 1] + x[5 * i + 2] + x[5 * i + 3] + x[5 * i + 4]));
  };
  for (const Index most : {Index{100000}, Index{1000000}}) {
    FitOptions o;
    o.tolerance = 1e-6;
    o.max_evaluations = most;
    const Fit f = fit(sharp, cube(5, 1), o);
    EXPECT_FALSE(f.converged);
    EXPECT_LE(f.evaluations, most);
    EXPECT_EQ(f.function.dim(), 5);
    EXPECT_NE(f.message.find("evaluations"), std::string::npos) << f.message;
  }
  FitOptions o;
  o.max_evaluations = 1100;
  EXPECT_THROW(fit(sharp, cube(5, 1), o), std::invalid_argument);
  for (const double bad : {2.0, 1.0, 0.0, double(NAN)}) {
    o = {};
    o.tolerance = bad;
    EXPECT_THROW(fit(sharp, cube(5, 1), o), std::invalid_argument) << bad;
  }
}
