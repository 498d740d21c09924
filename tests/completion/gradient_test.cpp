#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/known_tensors.hpp"
#include "completion/row_als.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::completion;
using cartan::testing::worst_of;
using completion::testing::random_tensor;

namespace {

constexpr LossFunction losses[] = {{Loss::gaussian, 1, 2},  {Loss::huber, 0.7, 2}, {Loss::poisson, 1, 2},
                                   {Loss::bernoulli, 1, 2}, {Loss::beta, 1, 0},    {Loss::beta, 1, 1.5}};

// Values that a loss can have, at places drawn evenly.
SparseTensor values_for(const LossFunction& loss, const Shape& shape, Index count) {
  const SparseTensor where = random_tensor(shape, count, 3);
  std::vector<double> y(where.values().begin(), where.values().end());
  for (double& v : y) {
    if (loss.kind == Loss::bernoulli) v = v > 0;
    if (loss.kind == Loss::poisson) v = std::floor(3 * std::abs(v));
    if (loss.kind == Loss::beta) v = std::abs(v) + 0.1;
  }
  return where.with_values(std::move(y));
}

std::vector<std::unique_ptr<Parts>> formats_of(const Shape& shape) {
  std::vector<std::unique_ptr<Parts>> out;
  out.push_back(std::make_unique<CanonicalParts>(shape, 1));
  out.push_back(std::make_unique<CanonicalParts>(shape, 3));
  out.push_back(std::make_unique<CanonicalParts>(shape, 8));
  out.push_back(std::make_unique<CanonicalParts>(shape, 9));
  out.push_back(std::make_unique<TuckerParts>(shape, std::vector<Index>(shape.size(), 2)));
  out.push_back(std::make_unique<TrainParts>(shape, std::vector<Index>(shape.size() - 1, 2)));
  return out;
}

// Against differences along drawn directions, through one pass over many entries and part by part over few.
TEST(Gradients, AreThoseOfTheObjective) {
  for (const LossFunction& loss : losses)
    for (const auto& [shape, count] : {std::pair<Shape, Index>{{6, 5, 7}, 60},
                                       {{9, 8, 30}, 2000},
                                       {{20, 15, 30}, 5000},
                                       {{5, 4, 6, 7}, 700}})
      for (auto& parts : formats_of(shape)) {
        SCOPED_TRACE(::testing::Message() << name_of(loss.kind) << " beta " << loss.beta << ", " << count
                                          << " entries, width " << parts->width[0]);
        const SparseTensor x = values_for(loss, shape, count);
        Penalties penalties;
        penalties.ridge = 0.3;
        penalties.smooth.assign(shape.size(), 0.2);
        const RowAls rows(x, loss, penalties);
        parts->start(Random(5), true);
        std::vector<double> g;
        const double value = rows.gradient(*parts, g);
        const double objective = rows.objective(*parts);
        EXPECT_LE(std::abs(value - objective), 1e-12 * std::abs(objective));
        for (std::uint64_t way = 0; way < 3; ++way) {
          constexpr double h = 1e-6;
          double along = 0, size = 0;
          const auto ahead = parts->clone(), back = parts->clone();
          std::size_t i = 0;
          for (std::size_t k = 0; k < parts->data.size(); ++k)
            for (std::size_t j = 0; j < parts->data[k].size(); ++j, ++i) {
              const double v = Random(way, 77).normal(i);
              ahead->data[k][j] += h * v, back->data[k][j] -= h * v;
              along += g[i] * v, size += std::abs(g[i] * v);
            }
          ASSERT_EQ(i, g.size());
          const double slope = (rows.objective(*ahead) - rows.objective(*back)) / (2 * h);
          EXPECT_LE(std::abs(slope - along), 1e-5 * size);
        }
      }
}

TEST(Gradients, HaveTheSameBitsForAnyThreads) {
  const SparseTensor x = values_for({Loss::poisson, 1, 2}, {40, 30, 20}, 12000);
  const LossFunction loss{Loss::poisson, 1, 2};
  const Penalties penalties;
  const RowAls rows(x, loss, penalties);
  for (auto& parts : formats_of(x.shape())) {
    parts->start(Random(5), true);
    std::vector<double> first, g;
    double value = 0;
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      const double again = rows.gradient(*parts, g);
      if (first.empty()) first = g, value = again;
      EXPECT_EQ(first, g);
      EXPECT_EQ(value, again);
    }
  }
  set_threads(0);
}

// The tenth of a lane that is left over, and means from the smallest to the largest.
TEST(Losses, AreSummedAsTheyAre) {
  for (const LossFunction& loss : losses) {
    std::vector<double> y, m;
    for (int k = 0; k < 1003; ++k) {
      const double u = Random(9).uniform(static_cast<std::uint64_t>(k));
      y.push_back(loss.kind == Loss::bernoulli ? k % 2 : k % 7 + (loss.kind == Loss::beta ? 1 : 0));
      m.push_back(loss.positive() ? (loss.kind == Loss::poisson ? std::exp(600 * (u - 0.5)) : 0.1 + u)
                                  : 4 * u - 2);
    }
    if (loss.kind == Loss::poisson) m[0] = 0, m[1] = 1, m[2] = std::nextafter(1, 2), m[3] = std::sqrt(0.5);
    for (const Index n : {0, 5, 8, 1003}) {
      double sum = 0, size = 0;
      for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k)
        sum += loss(y[k], m[k]), size += std::abs(loss(y[k], m[k]));
      EXPECT_LE(std::abs(sum_of_losses(loss, y.data(), m.data(), n) - sum), 1e-14 * size)
          << name_of(loss.kind);
    }
  }
  // one entry eight times: the digits of the logarithm
  const LossFunction poisson{Loss::poisson, 1, 2};
  double worst = 0;
  for (std::uint64_t k = 0; k < 2000; ++k) {
    const double mean = std::exp(20 * (Random(4).uniform(k) - 0.5));
    const std::vector<double> y(8, 1000), m(8, mean);
    const double expected = 8 * poisson(1000, mean);
    worst = worst_of(worst, std::abs(sum_of_losses(poisson, y.data(), m.data(), 8) - expected) /
                                (std::abs(expected) + 16 * mean));
  }
  EXPECT_LE(worst, 2e-15);
}

TEST(Losses, OfNaNIsNaN) {
  for (const LossFunction& loss : losses)
    for (const std::size_t at : {3, 17, 18}) {
      std::vector<double> y(19, 1.0), m(19, 0.5);
      m[at] = NAN;
      EXPECT_TRUE(std::isnan(sum_of_losses(loss, y.data(), m.data(), 19))) << at;
    }
}

// Counts leave the loss without bound where the tensor is zero: steps keep away from there, and few are cut.
TEST(Gradients, LeadCountsToTheirRatesInFewSteps) {
  const auto truth = completion::testing::planted({30, 25, 20}, 3, 8, true);
  const SparseTensor where = random_tensor({30, 25, 20}, 9000, 5);
  std::vector<double> y = truth.at(where.index_array()).to_vector<double>();
  for (double& v : y) v = std::round(10 * v);
  LowRankOptions o;
  o.ranks = {3}, o.loss = Loss::poisson, o.solver = Solver::lbfgs, o.ridge = 0;
  const auto fitted = complete_canonical(where.with_values(std::move(y)), {}, o);
  EXPECT_TRUE(fitted.summary.converged);
  EXPECT_LE(fitted.summary.iterations, 30);
  completion::testing::expect_falling(fitted.summary.objective);
  EXPECT_LE(completion::testing::rmse(completion::testing::observed(where, truth),
                                      fitted.tensor.at(where.index_array()) * 0.1),
            0.03);
}

}  // namespace
