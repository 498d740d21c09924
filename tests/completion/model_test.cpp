#include "cartan/completion/model.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/score.hpp"
#include "cartan/data/hdf5.hpp"
#include "completion/known_tensors.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::completion;
using completion::testing::observed;
using completion::testing::planted;
using completion::testing::random_tensor;

namespace {

const Shape shape{30, 25, 20};

SparseTensor noisy() {
  return observed(random_tensor(shape, 6000, 1), planted(shape, 2, 2), 0.3);
}

// Intervals hold as many new values as they promise, for methods good and bad.
TEST(Model, IntervalsCoverAsPromised) {
  const Split parts = split(noisy(), {0.2, 0.2, 3});
  for (const char* name : {"mean", "cp"}) {
    const Model m = Model::fit(make_method(name), parts.train, parts.validation);
    EXPECT_GE(m.calibrated(), 400);
    for (const double coverage : {0.5, 0.9}) {
      const Forecast f = m.predict(parts.test.index_array(), coverage);
      double inside = 0;
      for (Index n = 0; n < parts.test.size(); ++n)
        inside += f.low(n) <= parts.test.values()[n] && parts.test.values()[n] <= f.high(n);
      EXPECT_NEAR(inside / static_cast<double>(parts.test.size()), coverage, 0.05) << name;
    }
  }
}

TEST(Model, FallsBackWhereNothingIsKnown) {
  std::vector<Index> known;
  const SparseTensor all = noisy();
  for (Index n = 0; n < all.size(); ++n)
    if (all.index(0)[n] != 7) known.push_back(n);
  const SparseTensor train = all.chosen(known);
  const Model m = Model::fit(make_method("cp"), train, {});
  const Array at = Array::from(std::vector<Index>{7, 3, 4, 8, 3, 4, 30, 3, 4, 7, 99, 99}, {4, 3});
  const Forecast f = m.predict(at);
  EXPECT_EQ(f.fallback, (std::vector<bool>{true, false, true, true}));
  EXPECT_EQ(f.fallbacks(), 3);
  EXPECT_EQ(f.mean(0), f.mean(2));  // unknown is unknown
  const Additive additive = fit_additive(train, {}, {}, 0).tensor;
  EXPECT_NEAR(f.mean(0), additive.mean + additive.bias[1][3] + additive.bias[2][4], 1e-12);
  EXPECT_NEAR(f.mean(3), additive.mean, 1e-12);
  EXPECT_TRUE(std::isnan(f.low(0)));  // nothing to calibrate by
}

TEST(Model, ReadsBackWithTheSameBits) {
  const cartan::testing::Temporary folder;
  const SparseTensor small = observed(random_tensor({12, 10, 8}, 500, 1), planted({12, 10, 8}, 2, 2), 0.3);
  const Split parts = split(small, {0.2, 0.1, 3});
  for (const char* name : {"mean", "additive", "cp", "additive-cp", "tucker", "train"}) {
    const Model m = Model::fit(make_method(name), parts.train, parts.validation);
    data::Group root;
    m.save(root["model"]);
    data::save(folder.path("m.h5"), root, {"cartan-completion", 1, "", ""});
    const Model other = Model::load(data::load(folder.path("m.h5"), "cartan-completion").group("model"));
    const Array at = parts.test.index_array();
    const Forecast a = m.predict(at), b = other.predict(at);
    EXPECT_TRUE(identical(a.mean, b.mean)) << name;
    EXPECT_TRUE(identical(a.low, b.low)) << name;
  }
  data::Group empty;
  EXPECT_THROW(Model::load(empty), FormatError);
}

TEST(Score, ConformalFactorIsTheRankOfTheTheorem) {
  const std::vector<double> nine{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(conformal_factor(nine, 0.9), 9);
  EXPECT_EQ(conformal_factor(nine, 0.5), 5);
  EXPECT_TRUE(std::isinf(conformal_factor(nine, 0.95)));
  EXPECT_TRUE(std::isinf(conformal_factor({}, 0.5)));
  // some of many, taken evenly: never below that of all
  std::vector<double> all, some;
  for (int k = 0; k < 10001; ++k) all.push_back(k);
  for (int k = 0; k < 101; ++k) some.push_back(100 * k);
  for (const double c : {0.1, 0.5, 0.9, 0.99}) {
    EXPECT_GE(conformal_factor(some, c, 10001), conformal_factor(all, c));
    EXPECT_LE(conformal_factor(some, c, 10001), conformal_factor(all, c) + 100);
  }
}

}  // namespace
