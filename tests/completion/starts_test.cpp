#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "completion/known_tensors.hpp"
#include "completion/starts.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::observed;
using completion::testing::planted;

namespace {

SparseTensor all_of(const Shape& shape, Index rank, std::uint64_t seed) {
  const SparseTensor places = SparseTensor::from_dense(Array::full(shape, 1, DType::f64));
  return observed(places, planted(shape, rank, seed));
}

LowRankOptions options(Index rank) {
  LowRankOptions o;
  o.ranks = {rank}, o.ridge = 1e-8, o.max_iterations = 1;
  return o;
}

// Of a tensor of exact rank the compressed start is the solution but for rounding, or where the Tucker tensor
// or the CP of its core has not come so far, away from it. The tensors are too large for random rivals, which
// after one sweep are nowhere near.
TEST(Starts, CompressedOnesAreNearTheSolution) {
  int near = 0, random = 0;
  for (std::uint64_t trial = 0; trial < 12; ++trial) {
    const SparseTensor x = all_of({50, 50, 50}, 3, trial);
    const double small = 1e-9 * static_cast<double>(x.size());
    LowRankOptions o = options(3);
    near += complete_canonical(x, {}, o).summary.objective[0] <= small;
    o.scouts = 1;
    random += complete_canonical(x, {}, o).summary.objective[0] <= small;
  }
  EXPECT_GE(near, 8);
  EXPECT_EQ(random, 0);
}

// What cannot be compressed cheaply starts at random: a wide core, tables over many fibres, a lasso.
TEST(Starts, RandomWhereCompressionCostsTooMuch) {
  struct Case {
    Shape shape;
    Index rank;
    double lasso;
  };
  for (const Case& c : {Case{{20, 20, 20}, 8, 0}, Case{{5, 5, 5, 5, 5, 5, 5, 5}, 2, 0},
                        Case{{50, 50, 50}, 3, 0.1}, Case{{31, 30, 32}, 17, 0.1}}) {
    SCOPED_TRACE(text(c.shape, ", rank ", c.rank, ", lasso ", c.lasso));
    const SparseTensor x = all_of(c.shape, 2, 7);
    LowRankOptions o = options(c.rank);
    o.lasso = c.lasso;
    const auto made = complete_canonical(x, {}, o);
    o.scouts = 1;
    EXPECT_EQ(complete_canonical(x, {}, o).summary.objective, made.summary.objective);
  }
}

// The contest of a restart does not know the column weights that the one before has learned.
TEST(Starts, RestartsForgetTheColumnWeights) {
  const SparseTensor x =
      observed(completion::testing::random_tensor({12, 13, 14}, 1200, 3), planted({12, 13, 14}, 2, 4), 0.1);
  const auto first_of_the_second = [&](int iterations) {
    LowRankOptions o = options(4);
    o.prune = true, o.restarts = 2, o.scouts = 3, o.max_iterations = iterations, o.tolerance = 0;
    std::vector<std::string> first;
    FitContext context;
    context.progress = [&](const Progress& p) {
      if (p.done == 1) first.push_back(p.message);
    };
    complete_canonical(x, {}, o, context);
    return first.at(1);
  };
  EXPECT_EQ(first_of_the_second(30), first_of_the_second(1));
}

// A start that is told to stop does no further sweep.
TEST(Starts, EndWhenToldTo) {
  const StopFlag stop{true};
  for (const Index rank : {3, 8}) {  // compressed, drawn
    const SparseTensor x = all_of({50, 50, 50}, 3, 1);
    LowRankOptions o = options(rank);
    if (rank == 8) o.scouts = 4;
    const LossFunction loss;
    const Penalties penalties;
    RowAls als(x, loss, penalties);
    CanonicalParts parts(x.shape(), rank);
    EXPECT_THROW(start(parts, als, o, 0, x, {}, false, &stop), Stopped);
  }
}

}  // namespace
