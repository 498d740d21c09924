#include <cartan/autodiff/transforms.hpp>
#include <cartan/chebyshev/basis.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include "worst.hpp"

using namespace cartan;
using namespace cartan::chebyshev;

namespace {

Array sampled(Index m, double (*f)(double)) {
  Array x = nodes(m);
  for (Index j = 0; j < m; ++j) x.mutable_data<double>()[j] = f(x.data<double>()[j]);
  return x;
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

}  // namespace

TEST(Chebyshev, NodesAscendAndAreAntisymmetric) {
  for (const Index m : {1, 2, 3, 16, 129}) {
    const Array x = nodes(m);
    for (Index j = 0; j < m; ++j) {
      EXPECT_EQ(x.data<double>()[j], -x.data<double>()[m - 1 - j]);
      if (m == 1) continue;
      EXPECT_LE(std::abs(x.data<double>()[j] +
                         std::cos(M_PI * static_cast<double>(j) / static_cast<double>(m - 1))),
                4e-16);
    }
  }
  EXPECT_THROW(nodes(0), std::invalid_argument);
}

// The transform against the sums it stands for, on every axis of a tensor.
TEST(Chebyshev, TransformIsTheCosineSum) {
  for (const Index m : {1, 2, 3, 4, 17, 40}) {
    const Array f = random_uniform({3, m, 70}, -1, 1, DType::f64, Random(5));
    const Array c = values_to_coefficients(f, 1), t = basis(nodes(m), m);
    // sum_k c_k T_k(x_j) gives the values back
    for (Index a = 0; a < 3; ++a)
      for (Index j = 0; j < m; ++j)
        for (Index b = 0; b < 70; ++b) {
          double sum = 0;
          for (Index k = 0; k < m; ++k)
            sum += c.data<double>()[(a * m + k) * 70 + b] * t.data<double>()[j * m + k];
          EXPECT_LE(std::abs(sum - f.data<double>()[(a * m + j) * 70 + b]), 1e-13);
        }
    EXPECT_LE(largest_difference(coefficients_to_values(c, 1), f), 1e-13);
  }
  const Array f = random_uniform({33, 5}, -1, 1, DType::f64, Random(6));
  EXPECT_LE(largest_difference(coefficients_to_values(values_to_coefficients(f, -2), 0), f), 1e-13);
  EXPECT_THROW(values_to_coefficients(f, 2), std::invalid_argument);
}

TEST(Chebyshev, BasisIsTheCosine) {
  const Array x = random_uniform({100}, -1, 1, DType::f64, Random(7));
  const Array t = basis(x, 60);
  for (Index i = 0; i < 100; ++i)
    for (Index k = 0; k < 60; ++k)
      EXPECT_LE(std::abs(t.data<double>()[i * 60 + k] -
                         std::cos(static_cast<double>(k) * std::acos(x.data<double>()[i]))),
                1e-12);
  EXPECT_THROW(basis(Array::from(std::vector<double>{1.1}), 3), std::invalid_argument);
  EXPECT_THROW(basis(Array::from(std::vector<double>{NAN}), 3), std::invalid_argument);
}

TEST(Chebyshev, DerivativeAndIntegralOfKnownFunctions) {
  const Array c =
      values_to_coefficients(sampled(40, [](double x) { return std::exp(2 * x) * std::sin(3 * x); }), 0);
  const Array d = differentiate(c);
  EXPECT_EQ(d.dim(0), 39);
  const Array expected =
      sampled(39, [](double x) { return std::exp(2 * x) * (2 * std::sin(3 * x) + 3 * std::cos(3 * x)); });
  EXPECT_LE(largest_difference(coefficients_to_values(d, 0), expected), 1e-11);
  double integral = 0;
  const Array w = integrals(40);
  for (Index k = 0; k < 40; ++k) integral += w.data<double>()[k] * c.data<double>()[k];
  // (e^{2x} (2 sin 3x - 3 cos 3x)/13) from -1 to 1
  const auto primitive = [](double x) {
    return std::exp(2 * x) * (2 * std::sin(3 * x) - 3 * std::cos(3 * x)) / 13;
  };
  EXPECT_LE(std::abs(integral - (primitive(1) - primitive(-1))), 1e-14);
  EXPECT_EQ(differentiate(Array::full({1, 3}, 5, DType::f64)).to_vector<double>(),
            (std::vector<double>{0, 0, 0}));
}

// Interpolation converges like rho^-m, rho from the nearest pole: 1/(1 + a^2 x^2) has poles at +-i/a,
// rho = (1 + sqrt(1 + a^2))/a.
TEST(Chebyshev, InterpolationConvergesAtTheRateOfTheNearestPole) {
  constexpr double a = 5;
  const double rho = (1 + std::sqrt(1 + a * a)) / a;
  const auto error = [&](Index m) {
    const Array c = values_to_coefficients(sampled(m, [](double x) { return 1 / (1 + a * a * x * x); }), 0);
    double worst = 0;
    for (int i = 0; i <= 2000; ++i) {
      const double x = -1 + i / 1000.0;
      const Array t = basis(Array::from(std::vector<double>{x}), m);
      double p = 0;
      for (Index k = 0; k < m; ++k) p += c.data<double>()[k] * t.data<double>()[k];
      worst = cartan::testing::worst_of(worst, std::abs(p - 1 / (1 + a * a * x * x)));
    }
    return worst;
  };
  const double rate = std::log(error(41) / error(101)) / 60;
  EXPECT_LE(std::abs(rate / std::log(rho) - 1), 0.02);
  // The bound holds in a slightly smaller ellipse, where f is bounded.
  const double inner = 1 + 0.95 * (rho - 1), b = 0.5 * (inner - 1 / inner);  // the semi-axis towards the pole
  const double bound = 1 / (1 - a * a * b * b);
  for (const Index m : {21, 41, 81}) EXPECT_LE(error(m), interpolation_error_bound(m, inner, bound));
  EXPECT_THROW(interpolation_error_bound(3, 1.0, 1.0), std::invalid_argument);
}

TEST(Chebyshev, ChopFindsThePlateau) {
  std::vector<double> c;
  for (int k = 0; k < 100; ++k) c.push_back(std::pow(10.0, -0.25 * k) + 1e-16);
  const Index cut = chop(c, 1e-15);
  EXPECT_GE(cut, 56);
  EXPECT_LE(cut, 68);
  const Index coarse = chop(c, 1e-8);
  EXPECT_GE(coarse, 28);
  EXPECT_LE(coarse, 40);
  for (double& x : c) x = 1;  // nothing comes down
  c[0] = 2;
  EXPECT_GE(chop(std::vector<double>(c.begin(), c.begin() + 20), 1e-15), 1);
  std::vector<double> slow;
  for (int k = 0; k < 100; ++k) slow.push_back(std::pow(10.0, -0.05 * k));
  EXPECT_EQ(chop(slow, 1e-15), 100);
  EXPECT_EQ(chop(std::vector<double>(30, 0.0), 1e-15), 1);
  EXPECT_EQ(chop({1, 1e-20, 0}, 1e-10), 3);  // too few to decide
}

TEST(Chebyshev, TransformDoesNotDependOnThreads) {
  const Array f = random_uniform({65, 130, 33}, -1, 1, DType::f64, Random(9));
  set_threads(1);
  const Array one = values_to_coefficients(f, 1);
  set_threads(2);
  const Array two = values_to_coefficients(f, 1);
  set_threads(0);
  EXPECT_TRUE(identical(one, two));
}

TEST(Chebyshev, FunctionsThatRecordNothingRefuseTrackedArrays) {
  const Array x = track(nodes(8));
  EXPECT_THROW(values_to_coefficients(x, 0), std::invalid_argument);
  EXPECT_THROW(coefficients_to_values(x, 0), std::invalid_argument);
  EXPECT_THROW(differentiate(x), std::invalid_argument);
  EXPECT_THROW(basis(x, 3), std::invalid_argument);
  EXPECT_EQ(basis(detach(x), 3).shape(), (Shape{8, 3}));
}
