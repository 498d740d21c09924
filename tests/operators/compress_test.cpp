#include "cartan/operators/compress.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/fno.hpp"

namespace cartan::operators {
namespace {

FnoConfig small(const char* format) {
  FnoConfig c;
  c.spectral.modes = {6, 6}, c.spectral.factorization = format, c.hidden_channels = 6, c.layers = 2;
  c.spectral.rank = 0.3;
  c.dtype = DType::f64;
  return c;
}

TEST(Compress, KeepsTheToleranceAndSaysWhatItCosts) {
  const Array x = random_normal({3, 1, 16, 16}, DType::f64, Random(1, 2));
  for (const char* format : {"dense", "cp", "tt", "joint_tucker"}) {
    Model model(small(format), 1);
    model.input = Normalizer(Array::of({1}), Array::of({2}));
    const CompressedModel c = compress(model, {0.05, 0}, x);
    for (const CompressedLayer& layer : c.layers) EXPECT_LE(layer.weight_error, 0.05) << format;
    EXPECT_LE(c.measured, 0.05) << format;
    EXPECT_NEAR(c.predicted, c.measured, 0.3 * c.measured + 1e-12) << format;
  }
}

TEST(Compress, FindsTheRanksOfWhatIsOfLowRank) {
  Model model(small("tucker"), 1);
  const auto& weights = static_cast<const Fno&>(model.network()).blocks().convolution().weights();
  const std::vector<Index> ranks = tucker_ranks({6, 6, 6, 4}, 0.3);
  const CompressedModel c =
      compress(model, {1e-6, 0}, random_normal({1, 1, 16, 16}, DType::f64, Random(1, 2)));
  EXPECT_EQ(c.layers[0].ranks, ranks);
  EXPECT_LE(c.measured, 1e-7);
  EXPECT_EQ(weights.layers(), 2);
}

TEST(Compress, KeepsTheSize) {
  const Model model(small("dense"), 1);
  double before = 1;
  for (const double size : {0.2, 0.4, 0.9}) {
    const CompressedModel c = compress(model, {0, size});
    EXPECT_LE(c.layers[0].after, size * static_cast<double>(c.layers[0].before));
    EXPECT_LE(c.layers[0].weight_error, before);
    before = c.layers[0].weight_error;
  }
}

TEST(Compress, RefusesWhatMakesNoSense) {
  const Model model(small("dense"), 1);
  EXPECT_THROW(compress(model, {0, 0}), std::invalid_argument);
  EXPECT_THROW(compress(model, {0.1, 0.1}), std::invalid_argument);
  EXPECT_THROW(compress(model, {0, 1e-4}), std::invalid_argument);
  FnoConfig separable = small("dense");
  separable.spectral.separable = true;
  EXPECT_THROW(compress(Model(separable, 1), {0.1, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::operators
