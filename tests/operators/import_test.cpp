// State dicts of neuraloperator made here, and what does not fit.
#include "cartan/operators/import.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "neuralop.hpp"
#include "temporary.hpp"

namespace cartan::operators {
namespace {

using cartan::testing::Temporary;

const char* const small =
    R"({"n_modes": [4, 5], "in_channels": 1, "out_channels": 2, "hidden_channels": 3, "n_layers": 2})";

// The state of a network of these arguments as HDF5, its arrays changed.
std::string file_of(const Temporary& folder, const std::string& arguments,
                    const std::function<void(data::Group&)>& change = {}) {
  nn::Init init{1};
  const std::unique_ptr<Operator> network = fno_config_of(peer_arguments(arguments)).make(init);
  data::Group root;
  for (const nn::NamedParameter& p : network->parameters()) root["state"].set(p.name, *p.value);
  root.attributes["kwargs"] = arguments;
  if (change) change(root["state"]);
  data::save(folder.path("state.h5"), root, {"arrays", 1, "", ""});
  return folder.path("state.h5");
}

void expect_refused(const std::string& path, const std::string& arguments,
                    const std::vector<std::string>& words, const std::string& from = "") {
  try {
    import_operator(path, peer_arguments(arguments), from);
    ADD_FAILURE() << "read; expected " << words[0];
  } catch (const FormatError& error) {
    for (const std::string& word : words)
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  }
}

TEST(OperatorImport, ArgumentsByPosition) {
  const Temporary folder;
  const std::string path = file_of(folder, small);
  const Array x = random_normal({2, 1, 8, 9}, DType::f32, Random(3));
  const Array y = import_operator(path, peer_arguments(small)).model.predict(x);
  // as BaseModel keeps them: defaults under their names, and what was given in `args`
  const std::string given = R"({"args": [[4, 5], 1, 2, 3, 2], "n_layers": 4, "norm": null, "_name": "FNO"})";
  EXPECT_TRUE(identical(import_operator(path, peer_arguments(given)).model.predict(x), y));
  expect_refused(path, R"({"args": [[4, 5], 1, 2, 3, 2, 2, 2, "grid", "gelu", null, 1]})",
                 {"11 arguments", "state.h5"});
}

// conv_bias_kernel is of the skip around the convolution; that around the perceptron has one point.
TEST(OperatorImport, KernelsAreOfOneOfTheSkips) {
  FnoConfig c = fno_config_of(peer_arguments(
      R"({"n_modes": [4, 4], "in_channels": 1, "out_channels": 1, "hidden_channels": 3, "n_layers": 1,
          "conv_bias_kernel": 3, "channel_mlp_skip": "linear"})"));
  const auto shapes = [](const FnoConfig& config) {
    nn::Init init{1};
    const std::unique_ptr<Operator> network = config.make(init);
    std::map<std::string, Shape> out;
    for (const nn::NamedParameter& p : network->parameters()) out[p.name] = p.value->shape();
    return out;
  };
  EXPECT_EQ(shapes(c).at("fno_blocks.fno_skips.0.weight"), (Shape{3, 3, 3, 3}));
  EXPECT_EQ(shapes(c).at("fno_blocks.channel_mlp_skips.0.conv.weight"), (Shape{3, 3, 1}));
  c.spectral.compat = false;
  EXPECT_EQ(shapes(c).at("fno_blocks.channel_mlp_skips.0.weight"), (Shape{3, 3, 3, 3}));
}

// A skip of complex fields is a map of the real and one of the imaginary part, of which each sees both.
TEST(OperatorImport, IdentitiesOfComplexFields) {
  FnoConfig c = fno_config_of(peer_arguments(
      R"({"n_modes": [4, 4], "hidden_channels": 3, "n_layers": 1, "complex_data": true, "fno_skip": "identity",
          "use_channel_mlp": false})"));
  c.dtype = DType::f64;
  const auto y_of = [&](const Array& x) {
    nn::Init init{1};
    FnoBlocks blocks(c, init);
    nn::ParameterRefs parameters, constants;
    blocks.collect("", parameters, constants);
    for (const nn::NamedParameter& p : parameters)
      *p.value = Array::zeros(p.value->shape(), p.value->dtype());
    return blocks(x, 0);
  };
  const Array re = random_normal({2, 3, 5, 6}, DType::f64, Random(1)),
              im = random_normal(re.shape(), DType::f64, Random(2));
  const Array y = y_of(make_complex(re, im));
  EXPECT_TRUE(identical(real(y), re - im));
  EXPECT_TRUE(identical(imag(y), re + im));
  c.spectral.compat = false;
  EXPECT_TRUE(identical(imag(y_of(make_complex(re, im))), im));
  EXPECT_THROW(fno_config_of(peer_arguments(
                   R"({"n_modes": [4, 4, 4], "complex_data": true, "resolution_scaling_factor": 2})")),
               std::invalid_argument);
  EXPECT_NO_THROW(fno_config_of(peer_arguments(
      R"({"n_modes": [4, 4, 4], "complex_data": true, "resolution_scaling_factor": 2, "fno_skip": null, "channel_mlp_skip": null})")));
}

// The blocks of complex fields have gelu, whatever non_linearity is.
TEST(OperatorImport, ActivationsOfComplexFields) {
  const Array x = make_complex(random_normal({1, 3, 6}, DType::f64, Random(1)),
                               random_normal({1, 3, 6}, DType::f64, Random(2)));
  const auto y_of = [&](const char* activation, bool compat) {
    FnoConfig c = fno_config_of(
        peer_arguments(R"({"n_modes": [4], "hidden_channels": 3, "n_layers": 2, "complex_data": true})"));
    c.dtype = DType::f64, c.activation = activation, c.spectral.compat = compat;
    nn::Init init{1};
    return FnoBlocks(c, init)(x, 0);
  };
  EXPECT_TRUE(identical(y_of("tanh", true), y_of("gelu", true)));
  EXPECT_FALSE(identical(y_of("tanh", false), y_of("gelu", false)));
}

TEST(OperatorImport, PaddingThatIsATuplePadsNothing) {
  PeerArguments arguments = peer_arguments(R"({"n_modes": [4, 4], "domain_padding": [0.25, 0.5]})");
  EXPECT_EQ(fno_config_of(arguments).padding, (std::vector<double>{0.25, 0.5}));
  arguments["domain_padding"].is_tuple = true;
  EXPECT_EQ(fno_config_of(arguments).padding, std::vector<double>{});
}

TEST(OperatorImport, EmbeddingsThatAreObjects) {
  const FnoConfig c = fno_config_of(peer_arguments(
      R"({"n_modes": [4], "positional_embedding": {"training": false, "dim": 1, "grid_boundaries": [[-1, 2.5]]}})"));
  EXPECT_EQ(c.grid_low, std::vector<double>{-1});
  EXPECT_EQ(c.grid_high, std::vector<double>{2.5});
}

TEST(OperatorImport, WhatDoesNotFitIsNamedWithItsFile) {
  const Temporary folder;
  const std::string nan = file_of(folder, small, [](data::Group& state) {
    state.set("lifting.fcs.0.bias", Array::full({6}, std::nan(""), DType::f32));
  });
  expect_refused(nan, small, {"state.h5", "'lifting.fcs.0.bias' has numbers that are not finite"});
  const std::string path = file_of(folder, small);
  const auto with = [](const std::string& more) {
    return std::string(small, std::string(small).size() - 1) + ", " + more + "}";
  };
  expect_refused(path, with(R"("fno_block_precision": "half")"), {"state.h5", "fno_block_precision", "half"});
  expect_refused(path, with(R"("novel": 1)"), {"c.json", "novel"}, "c.json");
  expect_refused(path, R"({"in_channels": 1})", {"state.h5", "n_modes"});
  expect_refused(path, with(R"("factorization": "blocktt")"), {"state.h5", "blocktt"});
}

}  // namespace
}  // namespace cartan::operators
