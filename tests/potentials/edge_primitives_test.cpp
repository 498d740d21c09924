// Gates, sums over heads and norms in one pass against ops, with derivatives up to the third.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/layers.hpp>

#include <cmath>
#include <stdexcept>

#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/gate.hpp"
#include "potentials/networks/head_sum.hpp"
#include "potentials/networks/root_mean_square.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}

double difference(const Array& a, const Array& b) {
  const auto x = a.as(DType::f64).to_vector<double>(), y = b.as(DType::f64).to_vector<double>();
  if (x.size() != y.size()) return INFINITY;
  double worst = 0;
  for (std::size_t k = 0; k < x.size(); ++k) worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
  return worst;
}

// <grad f, u>
ScalarFunction along(const ScalarFunction& f, std::uint64_t stream) {
  return [f, stream](const Arrays& t) {
    const Arrays g = grad(f)(t);
    Array total = sum(g[0] * normal(g[0].shape(), stream));
    for (std::size_t k = 1; k < g.size(); ++k) total = total + sum(g[k] * normal(g[k].shape(), stream + k));
    return total;
  };
}

void check_three(const ScalarFunction& f, const Arrays& x) {
  EXPECT_LE(check_gradients(f, x).max_error, 1e-8);
  EXPECT_LE(check_gradients(along(f, 100), x).max_error, 1e-8);
  EXPECT_LE(check_gradients(along(along(f, 100), 200), x).max_error, 1e-7);
}

}  // namespace

TEST(EdgePrimitives, GatesAreTheFormula) {
  for (const auto& [lmax, mmax] : {std::pair{0, 0}, {1, 1}, {3, 3}, {3, 1}, {2, 0}})
    for (const Index channels : {Index{1}, Index{5}, Index{32}})
      for (const DType dtype : {DType::f32, DType::f64}) {
        const so3::Irreps irreps = so3::in_frames(polar_features(lmax, channels), mmax);
        const Index functions = irreps.dim(), n = 7;
        const Array v = normal({n, functions + lmax * channels}, 1, dtype), f = normal({n, 1}, 2, dtype);
        const Array gates = sigmoid(
            concatenate({columns(v, 0, channels), columns(v, functions, functions + lmax * channels)}, 1));
        const Array y = so3::irrep_scale(columns(v, 0, functions), gates, irreps);
        const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
        EXPECT_LE(difference(gated(v, {}, lmax, mmax, channels), y), tolerance);
        EXPECT_LE(difference(gated(v, f, lmax, mmax, channels), y * f), tolerance);
      }
}

TEST(EdgePrimitives, GatesHaveThreeDerivatives) {
  for (const auto& [lmax, mmax] : {std::pair{0, 0}, {2, 2}, {2, 1}})
    for (const Index channels : {Index{1}, Index{9}}) {
      const Index functions = so3::in_frames(polar_features(lmax, channels), mmax).dim();
      const Array w = normal({3, functions}, 3);
      const Array v = normal({3, functions + lmax * channels}, 4), f = normal({3, 1}, 5);
      const int l = lmax, m = mmax;
      check_three([&](const Arrays& a) { return sum(w * gated(a[0], {}, l, m, channels)); }, {v});
      check_three([&](const Arrays& a) { return sum(w * square(gated(a[0], a[1], l, m, channels))); },
                  {v, f});
    }
}

TEST(EdgePrimitives, HeadSumsAreTheFormula) {
  const Indices receivers({2, 0, 2, 2, 0}, 4);
  for (const Index channels : {Index{3}, Index{16}}) {
    const Array y = normal({5, 4, 2, channels}, 6), share = normal({5, 2}, 7);
    const Array by_ops = scatter_add(reshape(y * reshape(share, {5, 1, 2, 1}), {5, 8 * channels}), receivers);
    EXPECT_LE(difference(head_sum(y, share, receivers), by_ops), 1e-14);
    const Array w = normal({4, 8 * channels}, 8);
    check_three([&](const Arrays& a) { return sum(w * square(head_sum(a[0], a[1], receivers))); },
                {y, share});
  }
}

TEST(EdgePrimitives, NormsAreTheFormula) {
  const std::vector<double> weights{0.5, 0.25, 0.125, 0.3, 0.1, 0.2, 0.7, 0.05, 0.4};
  const Array x = normal({4, 9}, 9), w = normal({4, 9}, 10);
  const Array by_ops = x * power(shift(matmul(square(x), Array::from(weights, {9, 1})), 1e-5), -0.5);
  EXPECT_LE(difference(over_root_mean_square(x, weights, 1e-5), by_ops), 1e-14);
  check_three([&](const Arrays& a) { return sum(w * over_root_mean_square(a[0], weights, 1e-5)); }, {x});
}

TEST(EdgePrimitives, RefuseOtherShapes) {
  EXPECT_NO_THROW(gated(normal({3, 10}, 1), {}, 1, 1, 2));
  EXPECT_THROW(gated(normal({3, 9}, 1), {}, 1, 1, 2), std::invalid_argument);
  EXPECT_THROW(gated(normal({3, 10}, 1), normal({2, 1}, 1), 1, 1, 2), std::invalid_argument);
  const Indices receivers({0, 1}, 2);
  EXPECT_THROW(head_sum(normal({2, 4, 3, 2}, 1), normal({2, 2}, 1), receivers), std::invalid_argument);
  EXPECT_THROW(head_sum(normal({3, 4, 3, 2}, 1), normal({3, 3}, 1), receivers), std::invalid_argument);
  EXPECT_THROW(over_root_mean_square(normal({2, 3}, 1), {1, 1}, 1e-5), std::invalid_argument);
}

// No edges, no atoms.
TEST(EdgePrimitives, OfNothing) {
  EXPECT_EQ(gated(Array::zeros({0, 10}, DType::f64), {}, 1, 1, 2).shape(), Shape({0, 8}));
  EXPECT_EQ(head_sum(Array::zeros({0, 4, 2, 3}, DType::f64), Array::zeros({0, 2}, DType::f64), Indices({}, 3))
                .shape(),
            Shape({3, 24}));
  const Array x = track(Array::zeros({0, 10}, DType::f64));
  EXPECT_EQ(gradients(sum(gated(x, {}, 1, 1, 2)), {x})[0].shape(), Shape({0, 10}));
}
