#include "cartan/completion/fibres.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/completion/canonical.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/linalg/als.hpp"
#include "cartan/linalg/modes.hpp"
#include "completion/known_tensors.hpp"
#include "completion/walk.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::expect_falling;
using completion::testing::planted;
using completion::testing::random_tensor;

namespace {

double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double worst = 0;
  for (Index i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a.data<double>()[i] - b.data<double>()[i]));
  return worst;
}

const std::vector<Shape> shapes{{9, 13}, {300, 5, 17}, {6, 4, 5, 7}, {3, 4, 2, 5, 3}};

TEST(Fibres, AreTheEntriesInEveryOrder) {
  for (const Shape& shape : shapes) {
    const SparseTensor x = random_tensor(shape, 200, 1);
    std::vector<int> modes;
    for (std::size_t k = 0; k < shape.size(); ++k) modes.push_back(static_cast<int>(k));
    do {
      const Fibres f(x, modes);
      const int d = f.order();
      ASSERT_EQ(f.nodes(d - 1), x.size());
      // walks down and finds every entry with its value
      Index met = 0;
      std::vector<Index> at(shape.size());
      const Array dense = x.dense(0);
      const std::function<void(int, Index)> down = [&](int l, Index node) {
        at[static_cast<std::size_t>(modes[static_cast<std::size_t>(l)])] = f.ids(l)[node];
        if (l == d - 1) {
          Index place = 0;
          for (std::size_t k = 0; k < shape.size(); ++k) place = place * shape[k] + at[k];
          ASSERT_EQ(dense.data<double>()[place], f.values()[node]);
          ++met;
          return;
        }
        for (Index c = f.begin(l)[node]; c < f.begin(l)[node + 1]; ++c) down(l + 1, c);
      };
      for (Index n = 0; n < f.nodes(0); ++n) down(0, n);
      EXPECT_EQ(met, x.size());
    } while (std::next_permutation(modes.begin(), modes.end()) && shape.size() < 5);
  }
  EXPECT_THROW(Fibres(random_tensor({4}, 3, 1)), std::invalid_argument);
  EXPECT_THROW(Fibres(random_tensor({4, 4}, 3, 1), {0, 0}), std::invalid_argument);
}

TEST(Fibres, MttkrpMeetsTheDenseFormula) {
  for (const Shape& shape : shapes)
    for (const Index rank : {1, 8, 20, 70}) {
      const SparseTensor x = random_tensor(shape, 250, 2);
      const Array dense = x.dense(0);
      const std::vector<Array> factors = planted(shape, rank, 3).factors;
      for (int root = 0; root < x.order(); ++root) {
        std::vector<int> modes{root};
        for (int k = x.order(); k-- > 0;)
          if (k != root) modes.push_back(k);
        const Fibres f(x, modes);
        for (int mode = 0; mode < x.order(); ++mode)
          EXPECT_LE(largest_difference(mttkrp(f, factors, mode), linalg::mttkrp(dense, factors, mode)), 1e-12)
              << to_string(shape) << " rank " << rank << " root " << root << " mode " << mode;
      }
    }
}

TEST(Fibres, ChainOfProductsMeetsTheDenseFormula) {
  for (const Shape& shape : shapes) {
    const SparseTensor x = random_tensor(shape, 150, 4);
    const Fibres f(x);
    std::vector<Array> factors;
    for (std::size_t k = 0; k < shape.size(); ++k)
      factors.push_back(random_normal({shape[k], static_cast<Index>(k) + 2}, DType::f64, Random(5, k)));
    for (int mode = 0; mode < x.order(); ++mode) {
      std::vector<Array> used = factors;
      used[static_cast<std::size_t>(mode)] = {};
      Array dense = linalg::mode_products(x.dense(0), used, true);
      std::vector<int> axes{mode};
      for (int k = 0; k < x.order(); ++k)
        if (k != mode) axes.push_back(k);
      EXPECT_LE(largest_difference(ttm_chain(f, used, mode), permute(dense, axes)), 1e-12);
    }
  }
}

TEST(Fibres, DerivativesMeetDifferences) {
  const SparseTensor x = random_tensor({4, 5, 3}, 25, 6);
  const Fibres f(x);
  const std::vector<Array> factors = planted({4, 5, 3}, 2, 7).factors;
  const Array values = x.value_array();
  for (int mode = 0; mode < 3; ++mode) {
    std::vector<Array> others;
    for (int k = 0; k < 3; ++k)
      if (k != mode) others.push_back(factors[static_cast<std::size_t>(k)]);
    const auto call = [&](const Arrays& in, bool chain) {
      std::vector<Array> full(3);
      for (int k = 0, next = 1; k < 3; ++k)
        if (k != mode) full[static_cast<std::size_t>(k)] = in[static_cast<std::size_t>(next++)];
      const Array y = chain ? ttm_chain(f, full, mode, in[0]) : mttkrp(f, full, mode, in[0]);
      return sum(y * y);
    };
    for (const bool chain : {false, true}) {
      const ScalarFunction value = [&](const Arrays& in) { return call(in, chain); };
      const Arrays in{values, others[0], others[1]};
      EXPECT_LE(check_gradients(value, in).max_error, 1e-8);
      const Function slope = grad(value);
      const ScalarFunction squares = [&](const Arrays& at) {  // second derivatives
        Array s;
        for (const Array& g : slope(at)) s = s.empty() ? sum(g * g) : s + sum(g * g);
        return s;
      };
      EXPECT_LE(check_gradients(squares, in).max_error, 1e-7);
    }
  }
}

// Sums kept between modes change nothing but rounding.
TEST(Fibres, KeptSumsAreTheSame) {
  const Shape shape{30, 8, 9, 7, 6};
  const SparseTensor x = random_tensor(shape, 3000, 8);
  const Fibres f(x, {0, 1, 2, 3, 4});
  const std::vector<Array> factors = planted(shape, 5, 9).factors;
  Walk plain(f, 5), keeping(f, 5, std::size_t{1} << 30);
  EXPECT_TRUE(keeping.keeps(2) && keeping.keeps(3) && !plain.keeps(3));
  for (int l = 0; l < 5; ++l)
    for (Walk* w : {&plain, &keeping}) w->set_factor(l, factors[static_cast<std::size_t>(l)].data<double>());
  for (int l = 0; l < 5; ++l) {
    Array a = Array::zeros({shape[static_cast<std::size_t>(l)], 8}, DType::f64), b = a;
    plain.product(l, a.mutable_data<double>());
    keeping.product(l, b.mutable_data<double>());
    EXPECT_LE(largest_difference(a, b), 1e-11);
  }
}

TEST(CpAls, ReachesTheErrorOfTheDenseOneAndFalls) {
  const Shape shape{12, 9, 14};
  const Array dense = planted(shape, 3, 11).full();
  const SparseTensor x = SparseTensor::from_dense(dense);
  AlsOptions o;
  o.rank = 3, o.max_iterations = 500, o.tolerance = 1e-12, o.restarts = 3;
  const Fitted<linalg::Canonical> made = cp_als(x, o);
  expect_falling(made.summary.objective, 1e-9);
  EXPECT_LE(made.summary.relative_error, 1e-5);
  EXPECT_LE(largest_difference(made.tensor.full(), dense), 1e-3);
  // a tensor that is not of that rank: no worse than the dense iteration
  const SparseTensor rough = random_tensor(shape, 300, 12);
  o.rank = 4;
  const double error = cp_als(rough, o).summary.relative_error;
  linalg::IterationOptions io;
  io.max_iterations = 500;
  const double other = linalg::cp_als(rough.dense(0), 4, linalg::Start::hosvd, io).report.relative_error;
  EXPECT_LE(error, other + 0.02);
}

TEST(CpAls, OrdersTwoToFiveFallAndAreHonestAboutTheError) {
  for (const Shape& shape : {Shape{20, 30}, Shape{300, 20, 10}, Shape{8, 9, 7, 6}, Shape{5, 6, 4, 3, 7}})
    for (const bool nonnegative : {false, true}) {
      SparseTensor x = random_tensor(shape, 600, 13);
      std::vector<double> v(x.values().begin(), x.values().end());
      for (double& a : v) a = std::abs(a);
      x = x.with_values(v);
      AlsOptions o;
      o.rank = 5, o.max_iterations = 12, o.tolerance = 0, o.nonnegative = nonnegative;
      const Fitted<linalg::Canonical> made = cp_als(x, o);
      expect_falling(made.summary.objective, 1e-9);
      const Array dense = x.dense(0), fit = made.tensor.full();
      double square = 0, norm = 0;
      for (Index i = 0; i < dense.size(); ++i) {
        const double e = dense.data<double>()[i] - fit.data<double>()[i];
        square += e * e, norm += dense.data<double>()[i] * dense.data<double>()[i];
        EXPECT_GE(nonnegative ? fit.data<double>()[i] : 0, 0);
      }
      EXPECT_NEAR(made.summary.relative_error, std::sqrt(square / norm), 1e-7);
    }
}

TEST(CpAls, SameBitsForAnyNumberOfThreads) {
  const SparseTensor x = random_tensor({400, 300, 50}, 150000, 14);
  AlsOptions o;
  o.rank = 7, o.max_iterations = 3;
  std::vector<Array> found;
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    found.push_back(cp_als(x, o).tensor.factors[1]);
  }
  set_threads(0);
  for (const Array& a : found) EXPECT_TRUE(identical(a, found[0]));
}

}  // namespace
