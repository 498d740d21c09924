#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cmath>

#include "worst.hpp"

using namespace cartan;

namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(7, stream));
}

Array dot(const Array& a, const Array& b) {
  return sum(a * b);
}

// Checks d f, and d of <grad f, u>: an op's vjp and the vjp of its vjp.
void check_twice(const ScalarFunction& f, const Arrays& x, double tol = 1e-8) {
  const GradientReport first = check_gradients(f, x);
  EXPECT_LE(first.max_error, tol) << "argument " << first.argument << " element " << first.element << ": "
                                  << first.analytic << " against " << first.numeric;
  Arrays directions;
  for (std::size_t k = 0; k < x.size(); ++k) directions.push_back(normal(x[k].shape(), 1000 + k));
  const GradientReport second = check_gradients(
      [&](const Arrays& t) {
        const Arrays g = grad(f)(t);
        Array total = dot(g[0], directions[0]);
        for (std::size_t k = 1; k < g.size(); ++k) total = total + dot(g[k], directions[k]);
        return total;
      },
      x);
  EXPECT_LE(second.max_error, tol) << "second derivative, argument " << second.argument << " element "
                                   << second.element << ": " << second.analytic << " against "
                                   << second.numeric;
}

}  // namespace

TEST(Gradient, ArithmeticBroadcasts) {
  const Arrays x{normal({2, 3, 4}, 1), normal({3, 1}, 2), shift(square(normal({4}, 3)), 0.5)};
  check_twice([](const Arrays& a) { return sum(square((a[0] * a[1] - a[2]) / a[2] + a[1])); }, x);
  check_twice([](const Arrays& a) { return sum(square(broadcast_to(a[1], {5, 3, 4}) * a[2])); }, x);
}

TEST(Gradient, Functions) {
  const Arrays x{normal({23}, 4)};
  const Array w = normal({23}, 5);
  using F = Array (*)(const Array&);
  for (F f : {F(cartan::exp), F(cartan::sin), F(cartan::cos), F(cartan::tanh), F(square), F(sigmoid), F(silu),
              F(softplus)})
    check_twice([&](const Arrays& a) { return sum(w * f(a[0])); }, x);
  const Arrays positive{shift(square(x[0]), 0.3)};
  for (F f : {F(cartan::log), F(cartan::sqrt), F(reciprocal)})
    check_twice([&](const Arrays& a) { return sum(w * f(a[0])); }, positive);
  for (double p : {-1.5, 0.5, 2.0, 3.0, -2.0})
    check_twice([&](const Arrays& a) { return sum(w * power(a[0], p)); }, positive);
}

TEST(Gradient, SiluDerivativesToFifthOrderFollowTheClosedForm) {
  // silu^(n) from jets: Taylor coefficients of x/(1 + exp(-x)) by long division
  for (double x0 : {-30.0, -2.0, 0.0, 0.7, 5.0}) {
    constexpr int n = 6;
    double denominator[n], numerator[n] = {x0, 1, 0, 0, 0, 0}, series[n];
    double factorial = 1;
    for (int k = 0; k < n; ++k) {
      if (k) factorial *= k;
      denominator[k] = (k == 0 ? 1 : 0) + std::exp(-x0) * (k % 2 ? -1 : 1) / factorial;
    }
    for (int k = 0; k < n; ++k) {
      series[k] = numerator[k];
      for (int j = 0; j < k; ++j) series[k] -= series[j] * denominator[k - j];
      series[k] /= denominator[0];
    }
    Function f = [](const Arrays& a) { return Arrays{silu(a[0])}; };
    factorial = 1;
    for (int k = 0; k < n; ++k) {
      if (k) factorial *= k;
      const double value = f({Array::scalar(x0, DType::f64)})[0].item();
      EXPECT_LE(std::abs(value - series[k] * factorial), 1e-12 * (1 + std::abs(x0)))
          << "order " << k << " at " << x0;
      f = grad([f](const Arrays& a) { return f(a)[0]; });
    }
  }
}

TEST(Gradient, Structure) {
  const Arrays x{normal({3, 4, 2}, 6), normal({3, 1, 2}, 7)};
  const Array w = normal({2, 5, 3}, 8);
  check_twice(
      [&](const Arrays& a) {
        return sum(w * square(permute(concatenate({a[0], a[1]}, 1), {2, 1, 0})));
      },
      x);
  check_twice([&](const Arrays& a) { return sum(power(slice(pad(a[0], 1, 2, 1), 1, 1, 5), 3)); }, x);
  const Indices rows({2, 0, 2, 2, 1, 0}, 3);
  check_twice([&](const Arrays& a) { return sum(power(gather(a[0], rows), 3)); }, x);
  check_twice([&](const Arrays& a) { return sum(power(scatter_add(gather(square(a[0]), rows), rows), 2)); },
              x);
  check_twice([&](const Arrays& a) { return sum(power(sum(a[0], 1, true) * a[1], 3)); }, x);
  check_twice([&](const Arrays& a) { return sum(power(mean(reshape(a[0], {-1, 2}), 0), 3)); }, x);
  check_twice(
      [&](const Arrays& a) { return sum(power(maximum(a[0], a[1]), 3) + power(minimum(a[0], a[1]), 3)); }, x);
  check_twice([&](const Arrays& a) { return sum(power(cartan::abs(a[0]), 3)); }, x);
}

TEST(Gradient, MatmulInEveryTransposition) {
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (int batched = 0; batched < 4; ++batched) {
        Shape a = ta ? Shape{4, 3} : Shape{3, 4}, b = tb ? Shape{5, 4} : Shape{4, 5};
        if (batched & 1) a.insert(a.begin(), 2);
        if (batched & 2) b.insert(b.begin(), 2);
        check_twice([&](const Arrays& x) { return sum(power(matmul(x[0], x[1], ta, tb), 3)); },
                    {normal(a, 9), normal(b, 10)});
      }
  check_twice([](const Arrays& x) { return sum(power(linear(x[0], x[1], x[2]), 3)); },
              {normal({2, 3, 4}, 11), normal({5, 4}, 12), normal({5}, 13)});
}

// Small results of a long inner dimension, as gradients of weights are, are cut into tiles of their own.
TEST(Matmul, LongInnerDimensionInEveryTransposition) {
  const Index m = 150, k = 3000, n = 70;
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      const Array a = random_normal(ta ? Shape{k, m} : Shape{m, k}, DType::f64, Random(1, 1)),
                  b = random_normal(tb ? Shape{n, k} : Shape{k, n}, DType::f64, Random(1, 2));
      const Array c = matmul(a, b, ta, tb);
      ASSERT_EQ(c.shape(), Shape({m, n}));
      const double *x = a.data<double>(), *y = b.data<double>();
      double worst = 0;
      for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j) {
          double sum = 0;
          for (Index q = 0; q < k; ++q) sum += x[ta ? q * m + i : i * k + q] * y[tb ? j * k + q : q * n + j];
          worst = cartan::testing::worst_of(worst, std::abs(sum - c.data<double>()[i * n + j]));
        }
      EXPECT_LE(worst, 1e-10) << ta << tb;
    }
}

TEST(Gradient, ComplexMatmulAgreesWithItsRealForm) {
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      const Shape a = ta ? Shape{4, 3} : Shape{3, 4}, b = tb ? Shape{5, 4} : Shape{4, 5};
      check_twice(
          [&](const Arrays& x) {
            const Array c = matmul(make_complex(x[0], x[1]), make_complex(x[2], x[3]), ta, tb);
            return sum(power(cartan::real(c), 3)) + sum(power(cartan::imag(c * c), 2));
          },
          {normal(a, 14), normal(a, 15), normal(b, 16), normal(b, 17)});
    }
}

TEST(Gradient, NestedDerivativesAreExact) {
  // d^3/dx^3 x^5 = 60 x^2, through three nested grads
  ScalarFunction f = [](const Arrays& a) { return sum(power(a[0], 5)); };
  for (int order = 0; order < 2; ++order) f = [g = grad(f)](const Arrays& a) { return sum(g(a)[0]); };
  const double third = grad(f)({Array::scalar(1.3, DType::f64)})[0].item();
  EXPECT_LE(std::abs(third - 60 * 1.3 * 1.3), 1e-11);
}

TEST(Gradient, ClosuresOverTrackedArraysStayLinked) {
  const Array p = track(Array::scalar(2.0, DType::f64));
  const Arrays g = grad([&](const Arrays& a) { return p * a[0] * a[0]; })({Array::scalar(3.0, DType::f64)});
  EXPECT_EQ(g[0].item(), 12.0);
  EXPECT_EQ(gradients(g[0], {p})[0].item(), 6.0);
}

TEST(Gradient, TransformsWorkWhereRecordingIsOff) {
  const Array x = track(Array::scalar(3.0, DType::f64));
  Recording off(false);
  const Arrays g = grad([](const Arrays& a) { return square(a[0]); })({x});
  EXPECT_EQ(g[0].item(), 6.0);
  EXPECT_FALSE(g[0].tracked());
}

TEST(Gradient, JvpAndVjpAreAdjoint) {
  const Function f = [](const Arrays& a) { return Arrays{silu(matmul(a[0], a[1])), exp(sum(a[1], 0))}; };
  const Arrays x{normal({3, 4}, 20), normal({4, 5}, 21)}, t{normal({3, 4}, 22), normal({4, 5}, 23)},
      u{normal({3, 5}, 24), normal({5}, 25)};
  const Arrays j = jvp(f, x, t).second, v = vjp(f, x, u).second;
  const double left = dot(j[0], u[0]).item() + dot(j[1], u[1]).item();
  const double right = dot(v[0], t[0]).item() + dot(v[1], t[1]).item();
  EXPECT_LE(std::abs(left - right), 1e-13 * (std::abs(left) + 1));
}

TEST(Gradient, LongChainsNeedNoStack) {
  const Array x = track(Array::scalar(1.0, DType::f64));
  Array y = x;
  for (int k = 0; k < 300000; ++k) y = shift(y, 1e-6);
  EXPECT_EQ(gradients(y, {x})[0].item(), 1.0);
}

TEST(Gradient, UntrackedWorkRecordsNothing) {
  const Array a = normal({3}, 30);
  EXPECT_FALSE((a * a).tracked());
  const Array t = track(a);
  EXPECT_TRUE((a * t).tracked());
  Recording off(false);
  EXPECT_FALSE((a * t).tracked());
  EXPECT_THROW(gradients(a, {a}), std::invalid_argument);
}

// What is computed while recording is off is a constant: as documented, its derivative is zero.
TEST(Gradient, WhatWasNotRecordedIsAConstant) {
  const Array x = track(normal({3}, 50));
  Array y;
  {
    Recording off(false);
    y = square(x);
  }
  EXPECT_FALSE(y.tracked());
  EXPECT_EQ(gradients(sum(y), {x})[0].to_vector<double>(), (std::vector<double>{0, 0, 0}));
  const Array mixed = sum(y * x);  // d/dx (constant x^2) x = x^2
  EXPECT_TRUE(identical(gradients(mixed, {x})[0], y));
}

TEST(Ops, ErrorsNameTheOpAndBothShapes) {
  try {
    add(Array::zeros({2, 3}, DType::f64), Array::zeros({4}, DType::f64));
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "[add] shapes (2, 3) and (4) do not broadcast");
  }
  EXPECT_THROW(add(Array::zeros({2}, DType::f64), Array::zeros({2}, DType::f32)), std::invalid_argument);
  EXPECT_THROW(matmul(Array::zeros({2, 3}, DType::f64), Array::zeros({2, 3}, DType::f64)),
               std::invalid_argument);
  EXPECT_THROW(Indices({0, 3}, 3), std::invalid_argument);
}

TEST(Ops, SumsHaveTheSameBitsForAnyNumberOfThreads) {
  const Array a = normal({1037, 129}, 40, DType::f32), b = normal({129, 70}, 41, DType::f32);
  Array reference_sum, reference_columns, reference_product;
  for (int n : {1, 2, 3, 4, 7}) {
    set_threads(n);
    const Array s = sum(a), c = sum(a, 0), m = matmul(matmul(a, b), matmul(a, b), true);
    if (n == 1) reference_sum = s, reference_columns = c, reference_product = m;
    EXPECT_TRUE(identical(s, reference_sum) && identical(c, reference_columns) &&
                identical(m, reference_product))
        << n;
  }
  set_threads(0);
}

TEST(Choice, NaNsOfBothStay) {
  const double nan = std::nan("");
  for (const DType type : {DType::f32, DType::f64}) {
    const Array a = Array::from(std::vector<double>{nan, 1, nan, 1, 2}, {5}).as(type),
                b = Array::from(std::vector<double>{1, nan, nan, 2, 1}, {5}).as(type);
    const auto most = maximum(a, b).as(DType::f64).to_vector<double>(),
               least = minimum(a, b).as(DType::f64).to_vector<double>();
    for (std::size_t k = 0; k < 3; ++k) EXPECT_TRUE(std::isnan(most[k]) && std::isnan(least[k])) << k;
    for (std::size_t k = 3; k < 5; ++k) EXPECT_TRUE(most[k] == 2 && least[k] == 1) << k;
  }
}
