#include "operators/pointwise.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/memory.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/fno.hpp"
#include "operators/activation.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

Arrays inputs(const PointwiseParts& parts, DType dtype, Index points) {
  Arrays in;
  std::uint64_t key = 1;
  const auto next = [&](const Shape& shape) {
    in.push_back(random_normal(shape, DType::f64, Random(1, key++)).as(dtype));
  };
  const Index c = parts.spectral ? 5 : 4, out = parts.gate ? 4 : 3;
  next({2, 4, points});
  if (parts.spectral) next({2, c, points}), next({c});
  if (parts.skip) next({c, 4});
  next({6, c}), next({6}), next({out, 6}), next({out});
  if (parts.gate) next({4});
  return in;
}

std::vector<PointwiseParts> kinds() {
  return {{},
          {false, false, false, true, true},
          {true, false, true, false, false},
          {true, true, false, true, false},
          {true, true, true, true, true}};
}

double largest(const Array& a) {
  double worst = 0;
  for (const double x : a.to_vector<double>()) worst = cartan::testing::worst_of(worst, std::abs(x));
  return worst;
}

TEST(Pointwise, OnePassIsTheOps) {
  for (const PointwiseParts& parts : kinds())
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Index points : {1, 63, 2100}) {
        Arrays in = inputs(parts, dtype, points);
        const double most = dtype == DType::f32 ? 2e-6 : 1e-13;
        for (Array& a : in) a = track(a);
        const Array one = pointwise(parts, in), ops = pointwise_by_ops(parts, in);
        const double scale = largest(detach(ops));
        EXPECT_LE(largest(detach(one) - detach(ops)), most * scale);
        const Array c = random_normal(one.shape(), DType::f64, Random(9, 1)).as(dtype);
        const Arrays a = gradients({one}, in, {c}), b = gradients({ops}, in, {c});
        for (std::size_t k = 0; k < in.size(); ++k)
          EXPECT_LE(largest(a[k] - b[k]), 10 * most * (1 + largest(b[k]))) << k << " of " << points;
      }
}

// What is stored past the caches is the same.
TEST(Pointwise, FieldsLargerThanTheCaches) {
  const PointwiseParts parts = kinds().back();
  const Arrays in = inputs(parts, DType::f32, Index{1} << 19);
  const Array both = pointwise(parts, in);
  for (const Index sample : {0, 1}) {
    Arrays one = in;
    for (int k = 0; k < 2; ++k) one[k] = in[k].rows(sample, sample + 1);
    EXPECT_TRUE(identical(both.rows(sample, sample + 1), pointwise(parts, one)));
  }
}

// u is given back once y is there: the result and the sum are all that is left.
TEST(Pointwise, TheTapeKeepsTheSumInPlaceOfItsFirstTerm) {
  const PointwiseParts parts = kinds().back();
  Arrays in = inputs(parts, DType::f64, 1 << 15);
  for (Array& a : in) a = track(a);
  const std::size_t before = memory_use().in_use;
  const Array y = [&] {
    Arrays with = in;
    with[1] = with[1] * 2.0;
    return pointwise(parts, with);
  }();
  const std::size_t bytes = static_cast<std::size_t>(in[1].size() + y.size()) * sizeof(double);
  EXPECT_LE(memory_use().in_use - before, bytes + bytes / 4);
}

TEST(Pointwise, SecondDerivatives) {
  const PointwiseParts parts = kinds().back();
  const Arrays in = inputs(parts, DType::f64, 3);
  const auto f = [&](const Arrays& a) { return sum(square(pointwise(parts, a))); };
  EXPECT_LE(check_gradients(f, in).max_error, 1e-7);
  const auto second = [&](const Arrays& a) {
    Array s = Array::scalar(0, DType::f64);
    for (const Array& g : grad(f)(a)) s = s + sum(square(g));
    return s;
  };
  EXPECT_LE(check_gradients(second, in, 1e-3, 6).max_error, 1e-5);
}

TEST(Pointwise, TheSameBitsForAnyNumberOfThreads) {
  const PointwiseParts parts = kinds().back();
  Arrays in = inputs(parts, DType::f32, 3000), first;
  for (Array& a : in) a = track(a);
  for (const int threads : {1, 2, 3}) {
    set_threads(threads);
    const Array y = pointwise(parts, in);
    Arrays g = gradients(sum(square(y)), in);
    g.push_back(detach(y));
    if (first.empty()) first = g;
    for (std::size_t k = 0; k < g.size(); ++k) EXPECT_TRUE(identical(g[k], first[k])) << k;
  }
  set_threads(0);
}

TEST(Gelu, ValuesAndDerivatives) {
  std::vector<double> at;
  for (double x = -14; x <= 14; x += 0.0137) at.push_back(x);
  const Array x = Array::from(at);
  const Array narrow = gelu(x.as(DType::f32)).as(DType::f64), wide = gelu(x);
  for (std::size_t k = 0; k < at.size(); ++k) {
    const double exact = 0.5 * at[k] * std::erfc(-at[k] / std::sqrt(2.0));
    EXPECT_LE(std::abs(wide(static_cast<Index>(k)) - exact), 1e-15 * (1 + std::abs(exact)));
    EXPECT_LE(std::abs(narrow(static_cast<Index>(k)) - exact),
              3e-7 * std::abs(exact) + 1e-7 * (std::abs(at[k]) < 6) + 1e-12);
  }
  const Array some = random_normal({20}, DType::f64, Random(1, 1));
  ScalarFunction f = [](const Arrays& a) { return sum(gelu(a[0])); };
  for (int order = 0; order < 3; ++order) {
    EXPECT_LE(check_gradients(f, {some}).max_error, 1e-8) << order;
    const ScalarFunction before = f;
    f = [before](const Arrays& a) { return sum(grad(before)(a)[0]); };
  }
}

}  // namespace
}  // namespace cartan::operators
