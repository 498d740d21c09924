// The scale of targets: round trips, moments, and what the fit chooses.

#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/functional/scores.hpp>

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

#include "functional/builder.hpp"
#include "functional/warp.hpp"

namespace cartan::functional {
namespace {

TEST(Warp, IsMonotoneAndItsOwnInverseEverywhere) {
  for (const Warp& w : {Warp{}, Warp{1, -1, -0.9, 5}, Warp{-1, 3, -4, 2.5}}) {
    double before = -INFINITY;
    for (double y = -20; y < 20; y += 0.37) {
      const double z = w.forward(y), h = 1e-6;
      EXPECT_GT(z, before);
      EXPECT_LE(std::abs(w.inverse(z) - y), 1e-12 * (1 + std::abs(y)));
      const double slope = (w.forward(y + h) - w.forward(y - h)) / (2 * h);
      EXPECT_LE(std::abs(std::log(slope) - w.log_slope(y)), 1e-5) << w.side << " " << y;
      before = z;
    }
  }
}

// Moments of a lognormal variable, and of one on a straight line.
TEST(Warp, MomentsAreThoseOfTheDistribution) {
  const NoiseMixture normal(0);
  const Warp w{1, 2, 2 + 1e-6, 2 + 1e6};
  const double m = 0.3, s = 0.2, e = 0.5;
  const Unwarped u = unwarped(w, m, s, e, normal.nodes(48));
  const double mean = std::exp(m + (s * s + e * e) / 2), inner = std::exp(m + e * e / 2);
  EXPECT_LE(std::abs(u.mean - 2 - mean), 0.01 * mean);
  EXPECT_LE(std::abs(u.variance / (std::exp(s * s) * inner * inner * (std::exp(s * s) - 1)) - 1), 0.05);
  const double noise = std::exp(2 * m + 2 * s * s + e * e) * (std::exp(e * e) - 1);
  EXPECT_LE(std::abs(u.noise / noise - 1), 0.12);  // nodes end at the quantile 1/96
  const Unwarped line = unwarped({1, 0, 1, 2}, 10, s, e, normal.nodes(48));
  EXPECT_LE(std::abs(line.variance / (4 * s * s) - 1), 1e-6);
}

struct Set {
  Array x, y;
};
Set make(Index n, bool logarithmic, std::uint64_t seed) {
  const Random random(seed);
  std::vector<double> x, y;
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i) * 4;
    const double a = std::floor(60 * random.uniform(u)) / 60, b = std::floor(60 * random.uniform(u + 1)) / 60;
    const double f = std::sin(6 * a) + b * b, e = 0.3 * random.normal(u + 2);
    x.insert(x.end(), {a, b});
    y.push_back(logarithmic ? 5 + std::exp(f + e) : f + e);
  }
  return {Array::from(x, {n, 2}), Array::from(y)};
}

TEST(Warp, IsChosenWhereTheNoiseIsOfOneSizeOnIt) {
  for (const bool below : {false, true}) {
    Set train = make(1500, true, 1), test = make(1000, true, 2);
    const double sign = below ? -1 : 1;
    for (Array* y : {&train.y, &test.y})
      for (Index i = 0; i < y->size(); ++i) y->mutable_data<double>()[i] *= sign;
    FitOptions o;
    o.noise = Noise::gaussian, o.rank = 1;
    const Fit made = fit(train.x, train.y, {}, o);
    const Warp w = made.model.warp();
    EXPECT_EQ(w.side, below ? -1 : 1);
    EXPECT_LE(std::abs(w.origin - sign * 5), 0.5);
    const Score ours = score(made.model.predict(test.x, {}, test.y), test.y);
    EXPECT_LE(std::abs(ours.coverage_90 - 0.9), 0.03);
    o.scale = Scale::linear;
    const Fit plain = fit(train.x, train.y, {}, o);
    EXPECT_EQ(plain.model.warp().side, 0);
    const Score linear = score(plain.model.predict(test.x, {}, test.y), test.y);
    EXPECT_LT(ours.nll, linear.nll - 0.1);
    EXPECT_LT(ours.rmse, 1.01 * linear.rmse);
    // more data, on the same scale
    const Model more = update(made.model, test.x, test.y);
    EXPECT_LE(score(more.predict(test.x), test.y).rmse, ours.rmse);
    // what lies beyond all data has a density, and a file brings the same numbers
    EXPECT_TRUE(
        std::isfinite(made.model.predict(test.x.rows(0, 1), {}, Array::of({-sign * 100.0})).log_density(0)));
    data::Group root;
    made.model.save(root);
    EXPECT_TRUE(identical(Model::load(root).predict(test.x).low, made.model.predict(test.x).low));
    root.attributes["warp"] = std::vector<double>{1, 3, 2, 5};
    EXPECT_THROW(Model::load(root), FormatError);
  }
}

// Repeated values have no density, a scale that has one there must not win: counts, values cut off at zero.
TEST(Warp, IsNotChosenForCountsAndCutValues) {
  const Random random(20);
  std::vector<double> x, cut, count;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const double a = std::floor(60 * random.uniform(8 * i)) / 60,
                 b = std::floor(40 * random.uniform(8 * i + 1)) / 40;
    const double f = std::sin(6 * a) + b * b - 0.5;
    x.insert(x.end(), {a, b});
    cut.push_back(std::max(0.0, f + 0.4 * random.normal(8 * i + 2)));
    double p = std::exp(-std::exp(f)), sum = p, k = 0;
    for (const double u = random.uniform(8 * i + 3); u > sum && k < 30;) ++k, p *= std::exp(f) / k, sum += p;
    count.push_back(k);
  }
  FitOptions o;
  o.rank = 1, o.max_sweeps = 60;
  for (const auto& y : {cut, count})
    EXPECT_EQ(fit(Array::from(x, {1500, 2}), Array::from(y), {}, o).model.warp().side, 0);
}

TEST(Warp, IsNotChosenWhereTheNoiseIsAdditive) {
  for (std::uint64_t seed = 10; seed < 15; ++seed) {
    const Set set = make(800, false, seed);
    FitOptions o;
    o.rank = 1, o.calibrate = o.conformal = false;
    EXPECT_EQ(fit(set.x, set.y, {}, o).model.warp().side, 0) << seed;
  }
}

}  // namespace
}  // namespace cartan::functional
