#include "cartan/completion/low_rank.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/linalg/als.hpp"
#include "cartan/linalg/ops.hpp"
#include "completion/known_tensors.hpp"
#include "completion/losses.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::expect_falling;
using completion::testing::observed;
using completion::testing::planted;
using completion::testing::random_tensor;
using completion::testing::rmse;

namespace {

const Shape shape{20, 15, 12};

LowRankOptions options(Index rank) {
  LowRankOptions o;
  o.ranks = {rank}, o.ridge = 1e-6, o.max_iterations = 400, o.tolerance = 1e-10, o.restarts = 3;
  return o;
}

// Half of the entries of a tensor of each format give the other half.
TEST(LowRank, FindsWhatWasPlanted) {
  const SparseTensor where = random_tensor(shape, 2200, 1), elsewhere = random_tensor(shape, 800, 2);
  const auto cp = planted(shape, 3, 3);
  const auto canonical = complete_canonical(observed(where, cp), {}, options(3));
  EXPECT_LE(rmse(observed(elsewhere, cp), canonical.tensor.at(elsewhere.index_array())), 1e-3);
  expect_falling(canonical.summary.objective);

  linalg::Tucker tucker{random_normal({2, 3, 2}, DType::f64, Random(4)), {}};
  for (std::size_t k = 0; k < 3; ++k)
    tucker.factors.push_back(
        random_normal({shape[k], tucker.core.dim(static_cast<int>(k))}, DType::f64, Random(5, k)));
  LowRankOptions o = options(2);
  o.ranks = {2, 3, 2};
  const auto t = complete_tucker(observed(where, tucker), {}, o);
  EXPECT_LE(rmse(observed(elsewhere, tucker), t.tensor.at(elsewhere.index_array())), 1e-3);
  expect_falling(t.summary.objective);

  const linalg::TensorTrain train{{random_normal({1, 20, 2}, DType::f64, Random(6)),
                                   random_normal({2, 15, 2}, DType::f64, Random(7)),
                                   random_normal({2, 12, 1}, DType::f64, Random(8))}};
  const auto tt = complete_train(observed(where, train), {}, options(2));
  EXPECT_LE(rmse(observed(elsewhere, train), tt.tensor.at(elsewhere.index_array())), 1e-3);
  expect_falling(tt.summary.objective);

  const linalg::TensorRing ring{{random_normal({2, 20, 2}, DType::f64, Random(26)),
                                 random_normal({2, 15, 3}, DType::f64, Random(27)),
                                 random_normal({3, 12, 2}, DType::f64, Random(28))}};
  o = options(2), o.ranks = {2, 2, 3};
  const auto tr = complete_ring(observed(where, ring), {}, o);
  EXPECT_LE(rmse(observed(elsewhere, ring), tr.tensor.at(elsewhere.index_array())), 2e-3);
  expect_falling(tr.summary.objective);
  EXPECT_EQ(tr.tensor.ranks(), (std::vector<Index>{2, 2, 3}));
}

// Every loss, solver and penalty: the objective never rises, whatever the data.
TEST(LowRank, TheObjectiveNeverRises) {
  const SparseTensor where = random_tensor(shape, 600, 9);
  std::vector<double> signs, counts, bits, positive;
  for (const double v : where.values()) {
    signs.push_back(v), counts.push_back(std::floor(3 * v * v)), bits.push_back(v > 0 ? 1 : 0);
    positive.push_back(0.1 + v * v);
  }
  struct Case {
    const char* name;
    std::vector<double> values;
    std::function<void(LowRankOptions&)> set;
  };
  const std::vector<Case> cases{
      {"gaussian", signs, [](LowRankOptions&) {}},
      {"lasso", signs, [](LowRankOptions& o) { o.lasso = 0.5; }},
      {"smooth", signs, [](LowRankOptions& o) { o.smooth = {1.5}; }},
      {"smooth each", signs,
       [](LowRankOptions& o) {
         o.smooth = {0, 2, 0.5};
       }},
      {"nonnegative", positive, [](LowRankOptions& o) { o.nonnegative = true; }},
      {"multiplicative", positive, [](LowRankOptions& o) { o.multiplicative = true; }},
      {"huber", signs, [](LowRankOptions& o) { o.loss = Loss::huber, o.delta = 0.4; }},
      {"bernoulli", bits, [](LowRankOptions& o) { o.loss = Loss::bernoulli; }},
      {"poisson", counts, [](LowRankOptions& o) { o.loss = Loss::poisson; }},
      {"beta 0", positive, [](LowRankOptions& o) { o.loss = Loss::beta, o.beta = 0, o.ridge = 0; }},
      {"beta 0.5", positive, [](LowRankOptions& o) { o.loss = Loss::beta, o.beta = 0.5, o.ridge = 0; }},
      {"beta 3", positive, [](LowRankOptions& o) { o.loss = Loss::beta, o.beta = 3, o.ridge = 0; }},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const SparseTensor x = where.with_values(c.values);
    LowRankOptions o;
    o.ranks = {3}, o.ridge = 0.1, o.max_iterations = 30, o.tolerance = 0;
    c.set(o);
    const auto cp = complete_canonical(x, {}, o);
    expect_falling(cp.summary.objective);
    expect_falling(complete_tucker(x, {}, o).summary.objective);
    expect_falling(complete_train(x, {}, o).summary.objective);
    expect_falling(complete_ring(x, {}, o).summary.objective);
    const bool positive_parts = o.nonnegative || o.multiplicative || o.loss == Loss::poisson;
    for (const Array& a : cp.tensor.factors)
      for (Index i = 0; i < a.size(); ++i) EXPECT_GE(positive_parts ? a.data<double>()[i] : 0, 0);
  }
  for (const Solver solver : {Solver::ccd, Solver::sgd}) {
    LowRankOptions o;
    o.ranks = {3}, o.ridge = 0.1, o.max_iterations = 30, o.tolerance = 0, o.solver = solver;
    expect_falling(complete_canonical(where, {}, o).summary.objective);
    o.nonnegative = true;
    expect_falling(complete_canonical(where.with_values(positive), {}, o).summary.objective);
  }
}

// All at once: every loss and format goes downhill, bounds hold, and the gradient is that of the objective.
TEST(LowRank, QuasiNewtonTakesEveryLoss) {
  const SparseTensor where = random_tensor(shape, 600, 9);
  std::vector<double> positive;
  for (const double v : where.values()) positive.push_back(0.1 + v * v);
  for (const Loss loss : {Loss::gaussian, Loss::huber, Loss::poisson, Loss::bernoulli, Loss::beta}) {
    SCOPED_TRACE(name_of(loss));
    std::vector<double> y = positive;
    for (double& v : y) v = loss == Loss::poisson ? std::floor(3 * v) : loss == Loss::bernoulli ? v > 0.5 : v;
    const SparseTensor x = where.with_values(y);
    LowRankOptions o;
    o.ranks = {2}, o.ridge = 0.1, o.max_iterations = 60, o.tolerance = 0, o.loss = loss, o.beta = 0.5;
    o.smooth = {0, 0.3, 0};
    o.solver = Solver::lbfgs;
    const auto cp = complete_canonical(x, {}, o);
    expect_falling(cp.summary.objective);
    EXPECT_EQ(cp.summary.method, "lbfgs");
    expect_falling(complete_tucker(x, {}, o).summary.objective);
    expect_falling(complete_train(x, {}, o).summary.objective);
    expect_falling(complete_ring(x, {}, o).summary.objective);
    const bool bounded = loss == Loss::poisson || loss == Loss::beta;
    for (const Array& a : cp.tensor.factors)
      for (Index i = 0; bounded && i < a.size(); ++i) EXPECT_GE(a.data<double>()[i], 0);

    const LossFunction f{loss, 0.7, 0.5};
    for (const double m : {-1.3, 0.4, 2.0})
      if (m > 0 || !f.positive()) {
        EXPECT_NEAR(f.slope(1, m), (f(1, m + 1e-5) - f(1, m - 1e-5)) / 2e-5,
                    1e-7 * (1 + std::abs(f.slope(1, m))));
      }
  }
}

TEST(LowRank, RefusesWhatASolverCannotDo) {
  const SparseTensor x = random_tensor(shape, 100, 17);
  LowRankOptions o;
  o.solver = Solver::lbfgs, o.lasso = 0.1;
  EXPECT_THROW(complete_canonical(x, {}, o), std::invalid_argument);
  o.lasso = 0, o.multiplicative = true;
  EXPECT_THROW(complete_canonical(x, {}, o), std::invalid_argument);
  o = {}, o.solver = Solver::ccd;
  EXPECT_THROW(complete_ring(x, {}, o), std::invalid_argument);
  o = {}, o.ranks = {2, 3};
  EXPECT_THROW(complete_ring(x, {}, o), std::invalid_argument);
}

// All solvers meet at the same minimum of a small problem that has one (rank 1, positive).
TEST(LowRank, SolversAgree) {
  const SparseTensor where = random_tensor({6, 5, 4}, 90, 10);
  const SparseTensor x = observed(where, planted({6, 5, 4}, 1, 11, true), 0.01);
  std::vector<double> found;
  for (const Solver solver : {Solver::als, Solver::ccd, Solver::sgd, Solver::lbfgs}) {
    LowRankOptions o;
    o.ranks = {1}, o.ridge = 0.01, o.max_iterations = 5000, o.tolerance = 1e-12, o.solver = solver;
    found.push_back(complete_canonical(x, {}, o).summary.objective.back());
  }
  EXPECT_NEAR(found[1], found[0], 1e-6 * found[0]);
  EXPECT_NEAR(found[2], found[0], 0.05 * found[0]);
  EXPECT_NEAR(found[3], found[0], 1e-6 * found[0]);
}

// Majorants lie above the loss and touch it.
TEST(LowRank, MajorantsLieAbove) {
  for (const Loss kind : {Loss::gaussian, Loss::huber, Loss::bernoulli}) {
    const LossFunction loss{kind, 0.7, 2};
    for (const double y : {0.0, 1.0})
      for (double m = -6; m <= 6; m += 0.37) {
        double w = 0, t = 0;
        loss.majorant(y, m, w, t);
        const double touch = loss(y, m) - w * (m - t) * (m - t);
        for (double other = -8; other <= 8; other += 0.29)
          EXPECT_GE(w * (other - t) * (other - t) + touch, loss(y, other) - 1e-12);
      }
  }
}

// Against the stationary point of the dense problem: every entry known, CP-ALS of linalg.
TEST(LowRank, WholeTensorsMeetTheDenseDecomposition) {
  const Array x = planted({8, 7, 6}, 5, 12).full();
  const SparseTensor all = SparseTensor::from_dense(x);
  LowRankOptions o;
  o.ranks = {2}, o.ridge = 0, o.max_iterations = 2000, o.tolerance = 1e-13, o.restarts = 4;
  linalg::IterationOptions io;
  io.max_iterations = 2000, io.change = 1e-12;
  const double dense = linalg::cp_als(x, 2, linalg::Start::hosvd, io).report.relative_error;
  EXPECT_LE(complete_canonical(all, {}, o).summary.relative_error, dense + 1e-6);
  o.ranks = {2, 3, 2};
  const double tucker = linalg::hooi(x, {2, 3, 2}, io).report.relative_error;
  EXPECT_NEAR(complete_tucker(all, {}, o).summary.relative_error, tucker, 1e-5);
  EXPECT_NEAR(hooi(all, {2, 3, 2}, 500, 1e-12).summary.relative_error, tucker, 1e-6);
  expect_falling(hooi(random_tensor({9, 8, 7}, 100, 3), {3, 3, 3}).summary.objective);
}

// Counts of a planted rate: the Poisson fit is better than squares in likelihood.
TEST(LowRank, PoissonBeatsSquaresOnCounts) {
  const SparseTensor where = random_tensor(shape, 2500, 13);
  linalg::Canonical rate = planted(shape, 2, 14, true);
  rate.weights = Array::full({2}, 12, DType::f64);
  std::vector<double> counts;
  const Array mean = rate.at(where.index_array());
  const Random random(15);
  for (Index n = 0; n < where.size(); ++n) {  // Knuth
    const double limit = std::exp(-mean(n));
    double p = 1;
    int k = -1;
    for (std::uint64_t j = 0; p > limit || k < 0; ++j, ++k)
      p *= random.uniform(static_cast<std::uint64_t>(n) * 100 + j);
    counts.push_back(std::max(0, k));
  }
  LowRankOptions o;
  o.ranks = {2}, o.ridge = 0, o.nonnegative = true, o.restarts = 3;
  const SparseTensor x = where.with_values(counts);
  const SparseTensor truth = observed(random_tensor(shape, 700, 16), rate);
  const double squares = rmse(truth, complete_canonical(x, {}, o).tensor.at(truth.index_array()));
  o.loss = Loss::poisson;
  const double poisson = rmse(truth, complete_canonical(x, {}, o).tensor.at(truth.index_array()));
  EXPECT_LE(poisson, squares);
  EXPECT_LE(poisson, 0.6);
}

TEST(LowRank, RefusesWhatALossCannotHave) {
  const SparseTensor x = random_tensor(shape, 100, 17);
  const auto with = [&](Loss loss, double value) {
    std::vector<double> v(static_cast<std::size_t>(x.size()), 1.0);
    v[7] = value;
    LowRankOptions o;
    o.loss = loss;
    return complete_canonical(x.with_values(v), {}, o);
  };
  EXPECT_THROW(with(Loss::poisson, 1.5), std::invalid_argument);
  EXPECT_THROW(with(Loss::poisson, -1), std::invalid_argument);
  EXPECT_THROW(with(Loss::bernoulli, 2), std::invalid_argument);
  EXPECT_THROW(with(Loss::beta, -1), std::invalid_argument);
  LowRankOptions o;
  o.smooth = {1, 2};
  EXPECT_THROW(complete_canonical(x, {}, o), std::invalid_argument);
  o = {};
  o.solver = Solver::ccd, o.loss = Loss::huber;
  EXPECT_THROW(complete_canonical(x, {}, o), std::invalid_argument);
  o = {};
  o.ranks = {2, 2};
  EXPECT_THROW(complete_tucker(x, {}, o), std::invalid_argument);
}

TEST(LowRank, EqualValuesEmptySlicesAndOneEntry) {
  const SparseTensor where = random_tensor({9, 8, 7}, 40, 18).resized({12, 8, 7});
  const SparseTensor x = where.with_values(std::vector<double>(static_cast<std::size_t>(where.size()), 2.5));
  for (const auto& made : {complete_canonical(x, {}, options(2))}) {
    EXPECT_LE(made.summary.relative_error, 0.05);
    EXPECT_EQ(made.tensor.at({11, 0, 0}), 0);  // nothing is known of this slice
  }
  const SparseTensor zeros =
      where.with_values(std::vector<double>(static_cast<std::size_t>(where.size()), 0.0));
  EXPECT_EQ(complete_canonical(zeros, {}, options(2)).tensor.at({0, 0, 0}), 0);
  const SparseTensor one({3, 3}, {{1}, {2}}, {4.0});
  EXPECT_NEAR(complete_canonical(one, {}, options(1)).tensor.at({1, 2}), 4, 0.01);
  EXPECT_THROW(complete_canonical({}, {}, options(1)), std::invalid_argument);
}

TEST(LowRank, SameBitsForAnyNumberOfThreads) {
  const SparseTensor x = random_tensor({200, 100, 30}, 20000, 19);
  std::vector<Array> found;
  for (const int count : {1, 2, 5}) {
    set_threads(count);
    LowRankOptions o;
    o.ranks = {3}, o.max_iterations = 3;
    found.push_back(complete_canonical(x, {}, o).tensor.factors[0]);
    found.push_back(complete_tucker(x, {}, o).tensor.core);
  }
  set_threads(0);
  for (std::size_t k = 2; k < found.size(); ++k) EXPECT_TRUE(identical(found[k], found[k % 2]));
}

TEST(LowRank, LargeCoresGoDownhillToo) {
  const SparseTensor x = random_tensor({20, 20, 20}, 2000, 20);
  LowRankOptions o;
  o.ranks = {8}, o.max_iterations = 8, o.tolerance = 0, o.ridge = 0.1;  // 512 numbers: by conjugate gradients
  expect_falling(complete_tucker(x, {}, o).summary.objective);
}

TEST(LowRank, ValidationKeepsTheBest) {
  const auto cp = planted(shape, 2, 21);
  const SparseTensor train = observed(random_tensor(shape, 500, 22), cp, 0.5),
                     validation = observed(random_tensor(shape, 300, 23), cp, 0.5);
  LowRankOptions o;
  o.ranks = {6}, o.ridge = 1e-3, o.tolerance = 0, o.patience = 5;
  const auto made = complete_canonical(train, validation, o);
  const double least =
      *std::min_element(made.summary.validation_rmse.begin(), made.summary.validation_rmse.end());
  EXPECT_NEAR(rmse(validation, made.tensor.at(validation.index_array())), least, 1e-9);
  EXPECT_LT(made.summary.iterations, 200);
}

TEST(Stream, GoesOnAsAFitOfAllWould) {
  const auto cp = planted({30, 20, 12}, 2, 24);
  const SparseTensor all = observed(random_tensor({30, 20, 12}, 3000, 25), cp);
  std::vector<Index> early, late;
  for (Index n = 0; n < all.size(); ++n) (all.index(0)[n] < 20 ? early : late).push_back(n);
  const SparseTensor first = all.chosen(early), second = all.chosen(late);
  const auto start = complete_canonical(first, {}, options(2));
  CanonicalStream stream(start.tensor, first, 1e-6);
  const double before = stream.update(second, 4),
               after = rmse(second, stream.tensor().at(second.index_array()));
  EXPECT_GE(before, 0.3);
  EXPECT_LE(after, 0.01);
  EXPECT_LE(rmse(first, stream.tensor().at(first.index_array())), 0.01);
  EXPECT_THROW(stream.update({}, 1), std::invalid_argument);
}

}  // namespace
