#include "cartan/operators/operator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/model.hpp"

namespace cartan::operators {
namespace {

FnoConfig small() {
  FnoConfig c;
  c.in_channels = 2;
  c.spectral.modes = {4, 5};
  c.hidden_channels = 4;
  c.layers = 2;
  return c;
}

TEST(Operator, KindsAreInTheTable) {
  EXPECT_EQ(operator_config("fno")->kind(), std::string("fno"));
  EXPECT_EQ(operator_config("tfno")->kind(), std::string("tfno"));
  EXPECT_THROW(operator_config("unet"), std::invalid_argument);
}

TEST(Operator, RefusesWhatDoesNotFit) {
  const Model model(small(), 1);
  EXPECT_EQ(model(Array::zeros({3, 2, 8, 9}, DType::f32)).shape(), Shape({3, 1, 8, 9}));
  EXPECT_EQ(model(Array::zeros({0, 2, 8, 9}, DType::f32)).shape(), Shape({0, 1, 8, 9}));
  EXPECT_THROW(model(Array::zeros({3, 1, 8, 9}, DType::f32)), std::invalid_argument);
  EXPECT_THROW(model(Array::zeros({3, 2, 8}, DType::f32)), std::invalid_argument);
  EXPECT_THROW(model(Array::zeros({3, 2, 8, 9}, DType::f64)), std::invalid_argument);
}

TEST(Operator, SmallerGridsThanModesAreDefined) {
  const Model model(small(), 1);
  for (const Shape& grid : {Shape{1, 1}, Shape{2, 3}, Shape{3, 2}, Shape{4, 5}})
    EXPECT_TRUE(all_finite(model(random_normal({1, 2, grid[0], grid[1]}, DType::f32, Random(1, 2)))));
}

TEST(Model, FilesKeepTheExactBits) {
  for (const char* format : {"dense", "tucker", "cp", "tt", "joint_tucker"}) {
    FnoConfig c = small();
    c.spectral.factorization = format;
    c.spectral.rank = 0.5;
    c.norm = "batch";
    Model model(c, 3);
    const Array x = random_normal({5, 2, 8, 9}, DType::f32, Random(1, 2));
    model.input = Normalizer::of(x);
    model.output = Normalizer(Array::of({0.5}), Array::of({2}));
    model.card["origin"] = std::string("a test");
    const std::string path = testing::TempDir() + "operator.h5";
    model.save(path);
    const Model again = Model::open(path);
    EXPECT_EQ(model_card(again), model_card(model));
    EXPECT_TRUE(identical(again.predict(x), model.predict(x))) << format;
    const Array pieces = model.predict(x, 2) - model.predict(x);  // planned for another batch
    for (const float e : pieces.to_vector<float>()) EXPECT_LE(std::abs(e), 1e-5) << format;
    const Model wide = model.as(DType::f64);
    const Array difference = wide.predict(x) - model.predict(x).as(DType::f64);
    for (const double e : difference.to_vector<double>()) EXPECT_LE(std::abs(e), 1e-4);
    std::remove(path.c_str());
  }
}

TEST(Normalizer, PiecesGiveWhatAllGive) {
  const Array x = random_normal({6, 2, 5}, DType::f64, Random(1, 1)) * 3 + 2;
  Moments moments;
  moments.add(x.rows(0, 1));
  moments.add(x.rows(1, 6));
  const Normalizer a = Normalizer::of(x), b = moments.normalizer();
  for (int c = 0; c < 2; ++c) {
    EXPECT_NEAR(a.mean()(c), b.mean()(c), 1e-13);
    EXPECT_NEAR(a.deviation()(c), b.deviation()(c), 1e-13);
  }
  const Array back = a.restore(a.normalize(x)) - x;
  for (const double e : back.to_vector<double>()) EXPECT_LE(std::abs(e), 1e-13);
}

}  // namespace
}  // namespace cartan::operators
