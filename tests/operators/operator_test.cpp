#include "cartan/operators/operator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/random.hpp"
#include "cartan/operators/cosine.hpp"
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
  EXPECT_EQ(operator_config("mg-tfno")->kind(), std::string("mg-tfno"));
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

// Modes that are added in training are added to every layer (neuraloperator's trainer: to the first alone).
TEST(Operator, AddedModesAreThoseOfAllLayers) {
  FnoConfig c;
  c.spectral.modes = {4, 4}, c.spectral.max_modes = {8, 5};
  c.hidden_channels = 4, c.layers = 3, c.dtype = DType::f64;
  nn::Init init{1};
  const std::unique_ptr<Operator> made = c.make(init);
  auto& fno = static_cast<Fno&>(*made);
  const Array x = random_normal({2, 1, 16, 16}, DType::f64, Random(1, 2));
  // layers whose weight of frequencies (3, 4), which only the larger set has, matters
  const auto layers_with = [&] {
    nn::track_parameters(fno.parameters());
    Arrays weights;
    for (const nn::NamedParameter& p : fno.parameters())
      if (p.name.find(".weight.tensor") != std::string::npos) weights.push_back(*p.value);
    EXPECT_EQ(weights.size(), 3u);
    int with = 0;
    for (const Array& g : gradients(sum(square(fno(x))), weights)) {
      const Array one = reshape(slice(slice(g, 2, 7, 8), 3, 4, 5), {-1});
      with += sum(square(real(one)) + square(imag(one))).item() > 0;
    }
    nn::detach_parameters(fno.parameters());
    return with;
  };
  EXPECT_EQ(layers_with(), 0);
  fno.set_modes({8, 8});
  EXPECT_EQ(layers_with(), 3);
  EXPECT_THROW(fno.set_modes({9, 8}), std::invalid_argument);
  // a copy has the modes of its original
  EXPECT_TRUE(identical((*fno.clone())(x), fno(x)));
}

TEST(Operator, EveryKindIsSavedAndDifferentiated) {
  for (const OperatorKind& kind : operator_kinds()) {
    SCOPED_TRACE(kind.name);
    const std::unique_ptr<OperatorConfig> config = kind.config();
    config::Fields fields = config::fields_of(*config);
    for (config::Field& f : fields) {
      if (f.name() == "hidden_channels") f.set(std::int64_t{4});
      if (f.name() == "layers") f.set(std::int64_t{2});
      if (f.name() == "modes") f.set(std::vector<std::int64_t>{3, 4});
      if (f.name() == "levels") f.set(std::int64_t{0});  // patches need grids that they divide
    }
    config->dtype = DType::f64;
    Model model(*config, 1);
    const Array x = random_normal({2, 1, 6, 8}, DType::f64, Random(1, 1)), y = model.predict(x);
    data::Group group;
    model.save(group);
    EXPECT_TRUE(identical(Model::load(group).predict(x), y));
    for (const Shape& grid : {Shape{1, 1}, Shape{2, 9}, Shape{5, 3}})
      EXPECT_TRUE(
          all_finite(model.predict(random_normal({1, 1, grid[0], grid[1]}, DType::f64, Random(1, 2)))));
    const nn::ParameterRefs parameters = model.parameters();
    const auto f = [&](const Arrays& a) { return sum(square(model(a[0]))); };
    EXPECT_LE(check_gradients(f, {x}, 1e-3, 20).max_error, 1e-7);
    for (const nn::NamedParameter& p : parameters) {
      if (is_complex(p.value->dtype())) continue;
      const Array at = *p.value;
      const auto by = [&](const Arrays& a) {
        *p.value = a[0];
        return sum(square(model(x)));
      };
      EXPECT_LE(check_gradients(by, {at}, 1e-3, 5).max_error, 1e-6) << p.name;
      *p.value = at;
    }
  }
}

TEST(Cosine, DoesNotDependOnTheGrid) {
  CosineConfig c;
  c.modes = {4}, c.hidden_channels = 5, c.layers = 2, c.dtype = DType::f64;
  const Model model(c, 1);
  const auto field = [](Index n) {
    std::vector<double> v;
    for (Index i = 0; i < n; ++i) {
      const double t = M_PI * (static_cast<double>(i) + 0.5) / static_cast<double>(n);
      v.push_back(0.2 + std::cos(t) - 0.5 * std::cos(3 * t));
    }
    return Array::from(v, {1, 1, n});
  };
  // both grids have the points of the coarse one where n is odd: the middle
  const Array coarse = model.predict(field(5)), fine = model.predict(field(45));
  EXPECT_NEAR(coarse(0, 0, 2), fine(0, 0, 22), 1e-12);
  EXPECT_NEAR(coarse(0, 0, 0), fine(0, 0, 4), 1e-12);
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
