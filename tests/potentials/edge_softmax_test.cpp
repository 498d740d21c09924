// Softmax over the edges of an atom, for logits of any size.
#include <gtest/gtest.h>
#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/random.hpp>
#include <cartan/potentials/model.hpp>

#include <cmath>

#include "golden.hpp"
#include "potentials/networks/edge_softmax.hpp"
#include "potentials/small_networks.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

// Edges 0, 2, 3 arrive at atom 0, edge 1 at atom 2; atom 1 has none.
const Indices receivers({0, 2, 0, 0}, 3);

Array shares(const Array& logits, const Array& envelope) {
  const EdgeSoftmax s = edge_softmax(logits, envelope, receivers);
  return s.weight / gather(s.total, receivers);
}

Array drawn(const Shape& shape, std::uint64_t seed, double low, double high) {
  const Random random(seed);
  std::vector<double> v(size_of(shape));
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = low + (high - low) * random.uniform(k);
  return Array::from(v, shape);
}

double largest_difference(const Array& a, const Array& b) {
  double worst = 0;
  const auto x = a.as(DType::f64).to_vector<double>(), y = b.as(DType::f64).to_vector<double>();
  for (std::size_t k = 0; k < x.size(); ++k) worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
  return worst;
}

}  // namespace

TEST(EdgeSoftmax, IsTheFormulaAndDoesNotOverflow) {
  const Array a = drawn({4, 2}, 1, -2, 2), u = drawn({4, 1}, 2, 0.1, 1);
  const double* logit = a.data<double>();
  const double* envelope = u.data<double>();
  for (const bool with : {false, true}) {
    std::vector<double> expected(8), total(6, 1e-16);
    for (int e = 0; e < 4; ++e)
      for (int h = 0; h < 2; ++h)
        total[2 * receivers[e] + h] += (with ? envelope[e] : 1) * std::exp(logit[2 * e + h]);
    for (int e = 0; e < 4; ++e)
      for (int h = 0; h < 2; ++h)
        expected[2 * e + h] =
            (with ? envelope[e] : 1) * std::exp(logit[2 * e + h]) / total[2 * receivers[e] + h];
    const Array wanted = Array::from(expected, {4, 2}), factor = with ? u : Array();
    EXPECT_LE(largest_difference(shares(a, factor), wanted), 1e-15);
    for (const double offset : {1024.0, -4.0, 8192.0}) {
      EXPECT_LE(largest_difference(shares(a + offset, factor), wanted), 1e-11) << offset;
      const Array single = shares((a + offset).as(DType::f32), with ? u.as(DType::f32) : Array());
      EXPECT_LE(largest_difference(single, wanted), 1e-3) << offset;
    }
  }
}

TEST(EdgeSoftmax, AnEdgeAtTheCutoffComesInFromNothing) {
  const Array logits = Array::from(std::vector<double>{1000, 0, 1040, 990}, {4, 1});
  const auto at = [&](double u) {
    return shares(logits, Array::from(std::vector<double>{1, 1, u, 1}, {4, 1})).to_vector<double>();
  };
  const double first = 1 / (1 + std::exp(-10.0));
  for (const double u : {0.0, 1e-300, 1e-40, 1e-32}) {
    EXPECT_NEAR(at(u)[0], first, 1e-13) << u;
    EXPECT_NEAR(at(u)[2], 0, 1e-13) << u;
    EXPECT_EQ(at(u)[1], 1) << u;
  }
  EXPECT_NEAR(at(1e-18)[2], 1e-18 * std::exp(40.0) / (1 + std::exp(-10.0) + 1e-18 * std::exp(40.0)), 1e-12);
}

TEST(EdgeSoftmax, NaNLogitsGiveNaN) {
  const Array logits = Array::from(std::vector<double>{0, 1, std::nan(""), 2}, {4, 1});
  for (const Array& u : {Array(), Array::full({4, 1}, 0.5, DType::f64)}) {
    const auto share = shares(logits, u).to_vector<double>();
    EXPECT_TRUE(std::isnan(share[0]) && std::isnan(share[2]) && std::isnan(share[3]));
    EXPECT_EQ(share[1], 1);
  }
}

TEST(EdgeSoftmax, DerivativesOfLargeLogitsAreExact) {
  const Array c = drawn({4, 2}, 5, -1, 1), u = drawn({4, 1}, 6, 0.2, 1), a = drawn({4, 2}, 7, -1, 1);
  const auto value = [&](const Arrays& x) { return sum(c * square(shares(x[0] + 1000.0, x[1]))); };
  EXPECT_LE(check_gradients(value, {a, u}).max_error, 1e-8);
  const auto slope = [&](const Arrays& x) {
    const Arrays g = grad(value)(x);
    return sum(c * g[0]) + sum(square(g[1]));
  };
  EXPECT_LE(check_gradients(slope, {a, u}).max_error, 1e-7);
}

// Logits near 1e3 in the network itself, where exp() alone is infinite.
TEST(EdgeSoftmax, EquiformerWithLogitsOfAThousand) {
  for (const std::string kind : {"equiformer", "equiformer_gate"}) {
    SCOPED_TRACE(kind);
    Model m = small::model(kind);
    int changed = 0;
    for (const nn::NamedParameter& p : m.parameters())
      if (p.name.find("alpha_dot") != std::string::npos) *p.value = scale(*p.value, 1000), ++changed;
    ASSERT_GT(changed, 0);
    const Frame f = small::molecule();
    const Prediction p = m.predict(golden::graph(f, m.cutoff()), {true, false, false}),
                     q = m.as(DType::f32).predict(golden::graph(f, m.cutoff()), {true, false, false});
    ASSERT_TRUE(std::isfinite(p.energy.item()));
    const auto forces = p.forces.to_vector<double>();
    for (const double x : q.forces.as(DType::f64).to_vector<double>()) EXPECT_TRUE(std::isfinite(x));
    EXPECT_LE(std::abs(p.energy.item() - q.energy.item()), 1e-3 * std::abs(p.energy.item()));
    const double h = 1e-6;  // the softmax bends within 1e-3
    for (const std::size_t k : {0, 4, 8, 14}) {
      double numeric = 0;
      for (const auto& [step, weight] : {std::pair{1.0, 8.0}, {-1.0, -8.0}, {2.0, -1.0}, {-2.0, 1.0}}) {
        Frame g = f;
        g.positions[k] += step * h;
        numeric -=
            weight * m.predict(golden::graph(g, m.cutoff()), {false, false, false}).energy.item() / (12 * h);
      }
      EXPECT_LE(std::abs(forces[k] - numeric), 1e-6 * small::largest(forces)) << k;
    }
  }
}
