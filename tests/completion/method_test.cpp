#include "cartan/completion/method.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/completion/additive.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/ops.hpp"

using namespace cartan;
using namespace cartan::completion;

namespace {

SparseTensor additive_data(double noise) {
  const Random random(2);
  std::vector<std::vector<std::int32_t>> index(3);
  std::vector<double> values;
  for (std::int32_t e = 0; e < 3000; ++e) {
    if (random.uniform(static_cast<std::uint64_t>(e)) < 0.5) continue;
    const std::int32_t i = e / 200, j = e / 10 % 20, k = e % 10;
    index[0].push_back(i), index[1].push_back(j), index[2].push_back(k);
    values.push_back(3 + std::sin(i) + 0.1 * j - 0.05 * k * k +
                     noise * random.normal(static_cast<std::uint64_t>(5000 + e)));
  }
  return SparseTensor({15, 20, 10}, index, values);
}

// Every method of the table fits, predicts, and reads back what it saved.
TEST(Methods, EveryOneFitsPredictsAndReadsBack) {
  const SparseTensor x = additive_data(0.1);
  const Array at = Array::from(std::vector<Index>{0, 0, 0, 14, 19, 9, 3, 4, 5}, {3, 3});
  std::vector<double> whole(x.values().begin(), x.values().end());
  for (double& v : whole) v = std::max(0.0, std::round(v));
  const SparseTensor counts = x.with_values(whole);
  // Networks of a size for tests.
  const auto quick = [](const std::string& name) {
    std::unique_ptr<Method> method = make_method(name);
    config::Fields fields = method->fields();
    if (config::Field* f = fields.find("hidden")) f->set(std::vector<std::int64_t>{12, 6});
    if (config::Field* f = fields.find("largest_rank")) f->set(std::int64_t{2});
    if (config::Field* f = fields.find("folds")) f->set(std::int64_t{2});
    if (config::Field* f = fields.find("epochs")) f->set(std::int64_t{3});
    return method;
  };
  for (const MethodKind& kind : method_kinds()) {
    SCOPED_TRACE(kind.name);
    const auto method = quick(kind.name);
    EXPECT_EQ(method->kind(), kind.name);
    if (kind.counts) {
      EXPECT_THROW(method->fit(x, {}, {}), std::invalid_argument);
    }
    const SparseTensor& data = kind.counts ? counts : x;
    const Summary s = method->fit(data, {}, {});
    EXPECT_FALSE(s.train_rmse.empty());
    EXPECT_TRUE(std::isfinite(s.relative_error));
    const Prediction p = method->predict(at);
    ASSERT_EQ(p.mean.shape(), (Shape{3}));
    EXPECT_TRUE(all_finite(p.mean));
    data::Group group;
    method->save(group);
    const auto other = quick(kind.name);
    other->load(group);
    EXPECT_TRUE(identical(other->predict(at).mean, p.mean));
    const auto again = quick(kind.name);
    again->fit(data, {}, {});
    EXPECT_TRUE(identical(again->predict(at).mean, p.mean)) << "a seed is to give the same bits";
    EXPECT_THROW(make_method(kind.name)->fit({}, {}, {}), std::invalid_argument);
  }
  EXPECT_THROW(make_method("aditive"), std::invalid_argument);
}

// Values whose squares are not numbers, or are zero: every method says which value, and what to do.
TEST(Methods, RefuseValuesWhoseSquaresLeaveTheRange) {
  const SparseTensor x = additive_data(0.1);
  for (const double by : {1e160, 1e-160}) {
    std::vector<double> v(x.values().begin(), x.values().end());
    for (double& y : v) y = by > 1 ? by * std::abs(std::round(y)) : by * y;
    const SparseTensor extreme = x.with_values(v);
    for (const MethodKind& kind : method_kinds()) {
      SCOPED_TRACE(kind.name);
      try {
        make_method(kind.name)->fit(extreme, {}, {});
        ADD_FAILURE() << "was taken";
      } catch (const std::invalid_argument& e) {
        EXPECT_NE(std::string(e.what()).find("divide all values"), std::string::npos) << e.what();
      }
    }
  }
}

// Against the normal equations of all biases at once, solved by Cholesky.
TEST(Additive, MeetsTheDenseSolution) {
  const SparseTensor x = additive_data(0.3);
  const double ridge = 2;
  const Fitted<Additive> made = fit_additive(x, {}, {ridge}, 0);
  const std::vector<Index> offset{0, 15, 35};
  const Index n = 45;
  std::vector<double> a(static_cast<std::size_t>(n * n), 0.0), b(static_cast<std::size_t>(n), 0.0);
  for (Index p = 0; p < n; ++p) a[static_cast<std::size_t>(p * n + p)] = ridge;
  for (Index e = 0; e < x.size(); ++e)
    for (int k = 0; k < 3; ++k) {
      const Index p = offset[static_cast<std::size_t>(k)] + x.index(k)[e];
      b[static_cast<std::size_t>(p)] += x.values()[e] - made.tensor.mean;
      for (int l = 0; l < 3; ++l)
        a[static_cast<std::size_t>(p * n + offset[static_cast<std::size_t>(l)] + x.index(l)[e])] += 1;
    }
  const Array solved =
      linalg::solve_cholesky(linalg::cholesky(Array::from(a, {n, n})), Array::from(b, {n, 1}));
  for (int k = 0; k < 3; ++k)
    for (Index i = 0; i < x.shape()[static_cast<std::size_t>(k)]; ++i)
      EXPECT_NEAR(made.tensor.bias[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)],
                  solved(offset[static_cast<std::size_t>(k)] + i, 0), 1e-5);
  for (std::size_t s = 1; s < made.summary.objective.size(); ++s)
    EXPECT_LE(made.summary.objective[s], made.summary.objective[s - 1] * (1 + 1e-14));
}

// Of what is additive the additive model, of what has low rank a low rank, by folds and by validation
// entries.
TEST(Methods, AutomaticChoice) {
  const auto chosen = [](const SparseTensor& train, const SparseTensor& validation) {
    std::unique_ptr<Method> method = make_method("auto");
    config::Fields fields = method->fields();
    fields.find("largest_rank")->set(std::int64_t{4});
    fields.find("folds")->set(std::int64_t{2});
    const Summary s = method->fit(train, validation, {});
    EXPECT_EQ(s.message.find(" candidates") == std::string::npos, false);
    data::Group group;
    method->save(group);
    return group.string("method");
  };
  const SparseTensor x = additive_data(0.3);
  EXPECT_EQ(chosen(x, {}), "additive");
  const Split parts = split(x, {0.2, 0, 1});
  EXPECT_EQ(chosen(parts.train, parts.validation), "additive");
  std::vector<double> v;
  for (Index n = 0; n < x.size(); ++n)
    v.push_back(std::sin(x.index(0)[n]) * std::cos(2.0 * x.index(1)[n]) * (x.index(2)[n] - 4.5));
  const Split product = split(x.with_values(v), {0.2, 0, 1});
  EXPECT_NE(chosen(product.train, product.validation), "additive");
  EXPECT_NE(chosen(product.train, {}), "additive");
  EXPECT_EQ(chosen(SparseTensor({3, 3}, {{1}, {2}}, {4.0}), {}), "additive");
  chosen(x.with_values(std::vector<double>(static_cast<std::size_t>(x.size()), 2.5)), {});  // all the same
}

}  // namespace
