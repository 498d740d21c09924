#include "cartan/completion/select.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "completion/assignment.hpp"
#include "completion/known_tensors.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::expect_falling;
using completion::testing::observed;
using completion::testing::planted;
using completion::testing::random_tensor;

namespace {

TEST(Assignment, MeetsBruteForce) {
  for (std::size_t n = 1; n <= 6; ++n) {
    std::vector<double> cost;
    for (std::uint64_t k = 0; k < n * n; ++k) cost.push_back(Random(3, n).uniform(k));
    const auto total = [&](const std::vector<std::size_t>& p) {
      double s = 0;
      for (std::size_t i = 0; i < n; ++i) s += cost[i * n + p[i]];
      return s;
    };
    std::vector<std::size_t> p(n);
    std::iota(p.begin(), p.end(), std::size_t{0});
    double least = INFINITY;
    do least = std::min(least, total(p));
    while (std::next_permutation(p.begin(), p.end()));
    EXPECT_NEAR(total(least_assignment(cost, n)), least, 1e-12);
  }
}

TEST(Select, CrossValidationFindsThePlantedRank) {
  const Shape shape{20, 15, 12};
  const SparseTensor x = observed(random_tensor(shape, 2000, 1), planted(shape, 3, 2), 0.1);
  const RankChoice choice = cross_validate(
      x, {1, 2, 3, 4},
      [](const SparseTensor& train, Index rank, const SparseTensor& at) {
        LowRankOptions o;
        o.ranks = {rank}, o.restarts = 2, o.max_iterations = 100;
        return complete_canonical(train, {}, o).tensor.at(at.index_array());
      },
      3);
  EXPECT_EQ(choice.rank, 3);
  ASSERT_EQ(choice.scores.size(), 4u);
  EXPECT_LT(choice.scores[2].error, 0.2);
  EXPECT_GT(choice.scores[1].error, 0.4);
}

TEST(Select, PruningFindsThePlantedRank) {
  const Shape shape{30, 25, 20};
  const SparseTensor x = observed(random_tensor(shape, 5000, 3), planted(shape, 4, 4), 0.1);
  LowRankOptions o;
  o.ranks = {10}, o.prune = true, o.ridge = 0, o.max_iterations = 150, o.tolerance = 1e-6;
  const auto made = complete_canonical(x, {}, o);
  EXPECT_EQ(made.tensor.rank(), 4);
  expect_falling(made.summary.objective);
}

// Non-negative components of ranks that were planted.
TEST(Select, StabilityFindsThePlantedRank) {
  for (const Index rank : {3}) {
    const SparseTensor x = SparseTensor::from_dense(planted({16, 14, 12}, rank, 5, true).full());
    StabilityOptions o;
    o.runs = 5;
    EXPECT_EQ(stable_nonnegative_rank(x, {2, 3, 4, 5}, o).rank, rank);
  }
}

TEST(Select, CoreConsistencyTellsRanksApart) {
  const Shape shape{15, 14, 13};
  const linalg::Canonical truth = planted(shape, 2, 6);
  const SparseTensor x = observed(SparseTensor::from_dense(truth.full()), truth, 0.05);
  EXPECT_NEAR(core_consistency(SparseTensor::from_dense(truth.full()), truth), 100, 1e-8);
  LowRankOptions o;
  o.restarts = 2, o.ranks = {2}, o.ridge = 1e-6;  // a ridge takes terms out that are not needed
  EXPECT_GT(core_consistency(x, complete_canonical(x, {}, o).tensor), 95);
  o.ranks = {4};
  EXPECT_LT(core_consistency(x, complete_canonical(x, {}, o).tensor), 70);
}

TEST(Rescal, FindsCommunitiesAndFalls) {
  const Index n = 18, k = 3, m = 3;
  Rescal truth{Array::zeros({n, k}, DType::f64), random_uniform({k, k, m}, 0, 1, DType::f64, Random(8))};
  for (Index i = 0; i < n; ++i)
    truth.a.mutable_data<double>()[i * k + i % k] = 0.5 + Random(9).uniform(static_cast<std::uint64_t>(i));
  const Array x = truth.full();
  RescalOptions o;
  o.rank = k, o.restarts = 3, o.max_iterations = 1000;
  const Fitted<Rescal> made = rescal(x, o);
  expect_falling(made.summary.objective);
  EXPECT_LE(made.summary.relative_error, 0.05);
  for (Index i = 0; i < n; ++i) {  // a unit's largest community is that of the unit k further on
    const auto top = [&](Index u) {
      const double* row = made.tensor.a.data<double>() + u * k;
      return std::max_element(row, row + k) - row;
    };
    EXPECT_EQ(top(i), top((i + k) % n));
  }
  StabilityOptions s;
  s.runs = 4;
  EXPECT_EQ(stable_rescal_rank(x, {2, 3, 4}, s).rank, 3);
  EXPECT_THROW(rescal(Array::full({2, 2, 2}, -1, DType::f64)), std::invalid_argument);
  EXPECT_THROW(rescal(Array::full({2, 3, 2}, 1, DType::f64)), std::invalid_argument);
}

TEST(Structure, FindsTheRanksOfTuckerAndTrain) {
  const Shape shape{14, 12, 10};
  linalg::Tucker tucker{random_normal({2, 3, 2}, DType::f64, Random(21)), {}};
  for (std::size_t k = 0; k < 3; ++k)
    tucker.factors.push_back(
        random_normal({shape[k], tucker.core.dim(static_cast<int>(k))}, DType::f64, Random(22, k)));
  const SparseTensor where = SparseTensor::from_dense(Array::full(shape, 1, DType::f64));
  StructureOptions o;
  o.fit.restarts = 2, o.fit.ridge = 1e-4, o.fit.max_iterations = 100, o.largest = 5;
  const Structure found = search_ranks(observed(where, tucker, 0.02), o);
  EXPECT_EQ(found.ranks, (std::vector<Index>{2, 3, 2}));
  EXPECT_LE(found.evaluations, 60);  // of 125
  o.format = Format::train;
  const linalg::TensorTrain train{{random_normal({1, 14, 3}, DType::f64, Random(23)),
                                   random_normal({3, 12, 2}, DType::f64, Random(24)),
                                   random_normal({2, 10, 1}, DType::f64, Random(25))}};
  EXPECT_EQ(search_ranks(observed(where, train, 0.02), o).ranks, (std::vector<Index>{3, 2}));
  o.format = Format::ring, o.largest = 3, o.radius = 1;
  const linalg::TensorRing ring{{random_normal({2, 14, 2}, DType::f64, Random(26)),
                                 random_normal({2, 12, 2}, DType::f64, Random(27)),
                                 random_normal({2, 10, 2}, DType::f64, Random(28))}};
  const Structure circle = search_ranks(observed(where, ring, 0.02), o);
  EXPECT_EQ(circle.ranks, (std::vector<Index>{2, 2, 2}));
  EXPECT_LE(circle.error, 0.02);
  o.weight = 0;
  EXPECT_THROW(search_ranks(where, o), std::invalid_argument);
}

}  // namespace
