#include "cartan/nn/layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "nn/check_twice.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {
Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}

struct Model {
  explicit Model(DType dtype = DType::f64, std::uint64_t seed = 1) {
    Init init{seed};
    embedding = Embedding(5, 6, dtype, init);
    norm = LayerNorm(6, dtype);
    mlp = Mlp({6, 7, 2}, dtype, init);
    last = Linear(2, 3, false, dtype, init, WeightInit::xavier);
  }
  ParameterRefs parameters() {
    ParameterRefs out;
    embedding.collect("emb", out);
    norm.collect("norm", out);
    mlp.collect("mlp.layers", out);
    last.collect("last", out);
    return out;
  }
  Array operator()(const Indices& z) const { return last(mlp(norm(embedding(z)))); }
  Embedding embedding;
  LayerNorm norm;
  Mlp mlp;
  Linear last;
};
}  // namespace

TEST(Layers, NamesShapesAndCount) {
  Model model;
  const std::vector<std::string> names{"emb.weight",          "norm.weight",       "norm.bias",
                                       "mlp.layers.0.weight", "mlp.layers.0.bias", "mlp.layers.2.weight",
                                       "mlp.layers.2.bias",   "last.weight"};
  const std::vector<Shape> shapes{{5, 6}, {6}, {6}, {7, 6}, {7}, {2, 7}, {2}, {3, 2}};
  const ParameterRefs p = model.parameters();
  ASSERT_EQ(p.size(), names.size());
  for (std::size_t k = 0; k < p.size(); ++k) {
    EXPECT_EQ(p[k].name, names[k]);
    EXPECT_EQ(p[k].value->shape(), shapes[k]) << names[k];
  }
  EXPECT_EQ(count_parameters(p), 30 + 12 + 42 + 7 + 14 + 2 + 6);
  EXPECT_EQ(model(Indices({0, 4, 4}, 5)).shape(), (Shape{3, 3}));
}

TEST(Layers, InitialisationFollowsTheSeedAndTheStatedRange) {
  Model a, b, c(DType::f64, 2);
  for (std::size_t k = 0; k < a.parameters().size(); ++k)
    EXPECT_TRUE(identical(*a.parameters()[k].value, *b.parameters()[k].value));
  EXPECT_FALSE(identical(a.mlp.layers[0].weight, c.mlp.layers[0].weight));

  Init init{3};
  const Linear torch(100, 50, true, DType::f32, init);
  const Linear xavier(100, 50, true, DType::f32, init, WeightInit::xavier);
  auto check = [](const Array& w, double bound, double tolerance) {
    double largest = 0, squares = 0;
    for (float v : w.to_vector<float>()) {
      largest = std::max(largest, std::abs(static_cast<double>(v)));
      squares += static_cast<double>(v) * static_cast<double>(v);
    }
    EXPECT_LE(largest, bound);
    EXPECT_GE(largest, 0.9 * bound);
    EXPECT_NEAR(squares / static_cast<double>(w.size()) / (bound * bound / 3), 1, tolerance);
  };
  check(torch.weight, 0.1, 0.05);
  check(torch.bias, 0.1, 0.5);
  check(xavier.weight, std::sqrt(6.0 / 150), 0.05);
  EXPECT_TRUE(identical(xavier.bias, Array::zeros({50}, DType::f32)));
}

TEST(Layers, SecondDerivativesOfAModel) {
  Model model;
  const Indices z({0, 3, 1, 3}, 5);
  const Array u = normal({4, 3}, 2);
  const Arrays x = values_of(model.parameters());
  check_twice(
      [&](const Arrays& t) {
        Model m = model;
        const ParameterRefs p = m.parameters();
        for (std::size_t k = 0; k < p.size(); ++k) *p[k].value = t[k];
        return sum(square(m(z)) * u);
      },
      x, 1e-7);
}

TEST(LayerNorm, ValueAgainstTheFormula) {
  const Array x = normal({3, 5}, 1);
  const Array y = normalize(x, 1e-2);
  for (Index r = 0; r < 3; ++r) {
    const double* row = x.data<double>() + r * 5;
    double m = 0, v = 0;
    for (int i = 0; i < 5; ++i) m += row[i] / 5;
    for (int i = 0; i < 5; ++i) v += (row[i] - m) * (row[i] - m) / 5;
    for (int i = 0; i < 5; ++i)
      EXPECT_NEAR(y.data<double>()[r * 5 + i], (row[i] - m) / std::sqrt(v + 1e-2), 1e-14);
  }
  // a constant row, and one whose mean is far larger than its spread
  EXPECT_TRUE(identical(normalize(Array::full({4}, 3, DType::f32)), Array::zeros({4}, DType::f32)));
  const Array far = normalize(shift(normal({64}, 4, DType::f32), 1e4));
  EXPECT_NEAR(mean(square(far)).item(), 1, 1e-3);
}

// a large eps tells the term with the variance from the one with mean(h^2)
TEST(LayerNorm, DerivativesToThirdOrder) {
  const Arrays x{normal({3, 6}, 1)};
  const Array u = normal({3, 6}, 2), w = normal({3, 6}, 3), q = normal({3, 6}, 5);
  for (double eps : {1e-5, 0.5}) {
    check_twice([&](const Arrays& t) { return sum(u * square(normalize(t[0], eps))); }, x);
    const ScalarFunction first = [&](const Arrays& t) {
      return sum(w * grad([&](const Arrays& s) { return sum(u * square(normalize(s[0], eps))); })(t)[0]);
    };
    check_twice(first, x, 1e-7);
  }
}

TEST(LayerNorm, BitsDoNotDependOnThreads) {
  const Array x = normal({301, 96}, 1, DType::f32), u = normal({301, 96}, 2, DType::f32);
  auto run = [&] {
    return grad([&](const Arrays& t) {
      return sum(square(grad([&](const Arrays& s) { return sum(u * square(normalize(s[0]))); })(t)[0]));
    })({x})[0];
  };
  set_threads(1);
  const Array one = run();
  set_threads(3);
  const Array three = run();
  set_threads(0);
  EXPECT_TRUE(identical(one, three));
}

TEST(Parameters, TrackAndDetach) {
  Model model;
  const ParameterRefs p = model.parameters();
  track_parameters(p);
  for (const auto& q : p) EXPECT_TRUE(q.value->tracked());
  const Array loss = sum(square(model(Indices({1, 2}, 5))));
  EXPECT_TRUE(loss.tracked());
  detach_parameters(p);
  for (const auto& q : p) EXPECT_FALSE(q.value->tracked());
  EXPECT_FALSE(model(Indices({1}, 5)).tracked());
}

TEST(Parameters, SaveAndLoad) {
  Model a(DType::f32, 1), b(DType::f32, 2);
  data::Group group;
  save_parameters(a.parameters(), group);
  load_parameters(b.parameters(), group);
  for (std::size_t k = 0; k < a.parameters().size(); ++k)
    EXPECT_TRUE(identical(*a.parameters()[k].value, *b.parameters()[k].value));

  Model wide(DType::f64, 3);
  const Array before = wide.last.weight;
  EXPECT_THROW(load_parameters(wide.parameters(), group), FormatError);
  EXPECT_TRUE(identical(before, wide.last.weight));
  load_parameters(wide.parameters(), group, true);
  EXPECT_TRUE(identical(wide.last.weight, a.last.weight.as(DType::f64)));

  data::Group damaged;
  for (const auto& [name, item] : group.items())
    if (name != "norm.bias") damaged.set(name == "last.weight" ? "Last.weight" : name, item.array);
  damaged.set("emb.weight", Array::zeros({4, 6}, DType::f32));
  try {
    load_parameters(b.parameters(), damaged);
    FAIL() << "no error";
  } catch (const FormatError& e) {
    const std::string what = e.what();
    for (const char* part : {"'norm.bias' is missing", "'last.weight' is missing", "called 'Last.weight'",
                             "'emb.weight' is float32 of shape (4, 6), expected float32 of shape (5, 6)"})
      EXPECT_NE(what.find(part), std::string::npos) << what;
  }
  EXPECT_TRUE(identical(b.norm.bias, a.norm.bias));

  ParameterRefs twice = a.parameters();
  twice.push_back(twice.front());
  data::Group other;
  EXPECT_THROW(save_parameters(twice, other), std::invalid_argument);
}
