#include "cartan/completion/cur.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"
#include "completion/known_tensors.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::observed;
using completion::testing::planted;
using completion::testing::random_tensor;
using completion::testing::rmse;

namespace {

const Shape shape{16, 14, 12};

linalg::Tucker tucker(const Shape& ranks, std::uint64_t seed) {
  linalg::Tucker t{random_normal(ranks, DType::f64, Random(seed)), {}};
  for (std::size_t k = 0; k < shape.size(); ++k)
    t.factors.push_back(random_normal({shape[k], ranks[k]}, DType::f64, Random(seed + 1, k)));
  return t;
}

// Every column of a factor is a fibre of the data; the tensor is found again where it has the rank.
TEST(Cur, FactorsAreFibresOfTheData) {
  const Array x = tucker({2, 3, 4}, 1).full();
  for (const CurSelection selection : {CurSelection::deim, CurSelection::leverage}) {
    CurOptions o;
    o.ranks = {2, 3, 4}, o.selection = selection;
    const auto made = complete_cur(SparseTensor::from_dense(x), {}, o);
    ASSERT_EQ(made.tensor.fibres.size(), 3u);
    EXPECT_LE(made.summary.relative_error, 1e-9);
    for (int k = 0; k < 3; ++k) {
      const auto mode = static_cast<std::size_t>(k);
      const Array &f = made.tensor.fibres[mode], &a = made.tensor.tensor.factors[mode];
      ASSERT_EQ(f.shape(), (Shape{o.ranks[mode], 3}));
      for (Index r = 0; r < f.dim(0); ++r)
        for (Index i = 0; i < shape[mode]; ++i) {
          std::vector<Index> at(f.data<Index>() + 3 * r, f.data<Index>() + 3 * r + 3);
          EXPECT_EQ(at[mode], i == 0 ? -1 : at[mode]);
          at[mode] = i;
          EXPECT_EQ(a(i, r), x(at[0], at[1], at[2]));
        }
      for (const double share : made.tensor.known[mode]) EXPECT_EQ(share, 1);
    }
  }
}

// The core of form indices is the crossing of the data, chosen indices are themselves.
TEST(Cur, TheCoreIsTheCrossingOfTheData) {
  const Array x = tucker({2, 3, 4}, 2).full();
  CurOptions o;
  o.ranks = {2, 3, 4}, o.form = CurForm::indices;
  const auto made = complete_cur(SparseTensor::from_dense(x), {}, o);
  EXPECT_LE(made.summary.relative_error, 1e-9);
  const auto& at = made.tensor.indices;
  for (std::size_t a = 0; a < 2; ++a)
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t c = 0; c < 4; ++c)
        EXPECT_EQ(
            made.tensor.tensor.core(static_cast<Index>(a), static_cast<Index>(b), static_cast<Index>(c)),
            x(at[0][a], at[1][b], at[2][c]));
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t r = 0; r < at[k].size(); ++r)
      for (std::size_t s = 0; s < at[k].size(); ++s)
        EXPECT_NEAR(made.tensor.tensor.factors[k](at[k][r], static_cast<Index>(s)), r == s ? 1 : 0, 1e-9);
  EXPECT_EQ(made.tensor.known[0][0], 1);
}

// Noise: the core of least squares is the projection, near the best Tucker tensor of these ranks.
TEST(Cur, IsQuasiOptimalForNoisyData) {
  const SparseTensor all = SparseTensor::from_dense(tucker({3, 3, 3}, 3).full());
  std::vector<double> v(all.values().begin(), all.values().end());
  for (std::size_t n = 0; n < v.size(); ++n) v[n] += 0.2 * Random(4).normal(n);
  const SparseTensor x = all.with_values(v);
  linalg::HosvdOptions h;
  h.ranks = {3, 3, 3};
  const double best = linalg::st_hosvd(x.dense(0), h).report.relative_error;
  CurOptions o;
  o.ranks = {3};
  const auto made = complete_cur(x, {}, o);
  EXPECT_GE(made.summary.relative_error, best);
  EXPECT_LE(made.summary.relative_error, 3 * best);
  // the residual is orthogonal to what the factors span
  const Array rest = x.dense(0) - made.tensor.tensor.full();
  const Array along = linalg::mode_products(rest, made.tensor.tensor.factors, true);
  for (Index i = 0; i < along.size(); ++i)
    EXPECT_NEAR(along.data<double>()[i], 0, 1e-8 * std::pow(10, 3 + made.tensor.tensor.order()));
}

TEST(Cur, CompletesAndPrefersFibresThatAreKnown) {
  const linalg::Tucker truth = tucker({2, 2, 2}, 5);
  const SparseTensor train = observed(random_tensor(shape, 1800, 6), truth, 0.01),
                     test = observed(random_tensor(shape, 500, 7), truth);
  CurOptions o;
  o.ranks = {2}, o.ridge = 1e-4, o.restarts = 3;
  const auto made = complete_cur(train, {}, o);
  const double size = rmse(test, Array::zeros({test.size()}, DType::f64));
  EXPECT_LE(rmse(test, made.tensor.tensor.at(test.index_array())), 0.05 * size);
  const double density = static_cast<double>(train.size()) / static_cast<double>(size_of(shape));
  for (const auto& list : made.tensor.known)
    for (const double share : list) EXPECT_GT(share, density);
  // the same bits again, other ones for another seed of a draw
  o.selection = CurSelection::leverage;
  std::set<std::vector<Index>> different;
  for (const std::uint64_t seed : {1, 1, 2, 3, 4}) {
    o.seed = seed;
    different.insert(complete_cur(train, {}, o).tensor.indices[0]);
  }
  EXPECT_GT(different.size(), 1u);
  EXPECT_LE(different.size(), 4u);
}

TEST(Cur, SmallAndBadInput) {
  const SparseTensor zeros = SparseTensor::from_dense(Array::zeros({3, 4}, DType::f64));
  EXPECT_EQ(complete_cur(zeros, {}, {}).tensor.tensor.at({1, 1}), 0);
  const SparseTensor equal = SparseTensor::from_dense(Array::full({3, 4, 1}, 2.5, DType::f64));
  EXPECT_NEAR(complete_cur(equal, {}, {}).tensor.tensor.at({1, 1, 0}), 2.5, 1e-9);
  const SparseTensor one({3, 3}, {{1}, {2}}, {4.0});
  EXPECT_NEAR(complete_cur(one, {}, {}).tensor.tensor.at({1, 2}), 4, 0.2);
  EXPECT_THROW(complete_cur({}, {}, {}), std::invalid_argument);
  CurOptions o;
  o.ranks = {2, 2};
  EXPECT_THROW(complete_cur(equal, {}, o), std::invalid_argument);
  EXPECT_THROW(cur(one, tucker({2, 2, 2}, 8)), std::invalid_argument);
  EXPECT_THROW(complete_cur(SparseTensor({3}, {{1}}, {4.0}), {}, {}), std::invalid_argument);
}

}  // namespace
