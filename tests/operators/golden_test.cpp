// Outputs and gradients of neuraloperator, in both precisions.
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "neuralop.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

// max |a - b| / max(|b|, least)
double deviation(const Array& a, const Array& b, double least = 1e-30) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return NAN;
  double worst = 0, largest = least;
  const auto parts = [](const Array& x, bool im) {
    if (!is_complex(x.dtype()))
      return im ? std::vector<double>(static_cast<std::size_t>(x.size())) : x.to_vector<double>();
    const Array wide = x.as(DType::c128);
    return (im ? imag(wide) : real(wide)).to_vector<double>();
  };
  for (const bool im : {false, true}) {
    const auto x = parts(a, im), y = parts(b, im);
    for (std::size_t k = 0; k < x.size(); ++k) {
      worst = cartan::testing::worst_of(worst, std::abs(x[k] - y[k]));
      largest = std::max(largest, std::abs(y[k]));
    }
  }
  return worst / largest;
}

/// What a case computes: a whole operator, its blocks, or one convolution.
struct Subject {
  std::unique_ptr<Operator> network;
  FnoBlocks blocks;
  SpectralConvolution convolution;
  nn::ParameterRefs parameters, constants;
  std::function<Array(const Array&)> run;
};

void make(Subject& s, const data::Group& g, const nlohmann::json& call, DType dtype) {
  PeerArguments arguments = peer_arguments(g.string("kwargs"));
  const std::string& model = g.string("model");
  nn::Init init = nn::Init::blank();
  const bool blocks = model == "FNOBlocks";
  if (blocks) arguments["hidden_channels"] = arguments["in_channels"];
  FnoConfig config = fno_config_of(arguments, model == "TFNO");
  config.dtype = dtype;
  std::vector<Index> grid;
  if (call.contains("output_shape")) grid = call["output_shape"].get<std::vector<Index>>();
  if (model == "SpectralConv") {
    s.convolution =
        SpectralConvolution(config.spectral, config.in_channels, config.out_channels, 1, dtype, init);
    s.convolution.collect("", s.parameters);
    for (auto& p : s.parameters) p.name = p.name.substr(8);  // "convs.0."
    s.run = [&s](const Array& x) { return s.convolution(x); };
  } else if (blocks) {
    s.blocks = FnoBlocks(config, init);
    s.blocks.collect("", s.parameters, s.constants);
    const auto e = call["ada_in"][0].get<std::vector<double>>();
    s.blocks.set_embedding(Array::from(e).as(dtype));
    const Index layers = config.layers;
    s.run = [&s, layers](const Array& x) {
      Array y = x;
      for (Index l = 0; l < layers; ++l) y = s.blocks(y, l);
      return y;
    };
  } else {
    s.network = config.make(init);
    auto& fno = static_cast<Fno&>(*s.network);
    if (call.contains("n_modes_after")) fno.set_modes(call["n_modes_after"].get<std::vector<Index>>());
    s.parameters = fno.parameters(), s.constants = fno.constants();
    const bool train = call.value("train", false);
    s.run = [&fno, grid, train](const Array& x) {
      nn::StateUpdate update;
      return train ? fno.train(x, update) : grid.empty() ? fno(x) : fno.on_grid(x, grid);
    };
  }
  const data::Group& state = g.group("state");
  for (const auto* refs : {&s.parameters, &s.constants})
    for (const auto& p : *refs) {
      ASSERT_EQ(state.array(p.name).shape(), p.value->shape()) << p.name;
      *p.value = state.array(p.name).as(p.value->dtype());
    }
  Index arrays = 0;
  for (const auto& [name, item] : state.items()) arrays += name.find("num_batches") == std::string::npos;
  ASSERT_EQ(arrays, static_cast<Index>(s.parameters.size() + s.constants.size()));
}

TEST(Neuralop, EveryCaseInBothPrecisions) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const data::Group root = data::load(path);
  int seen = 0;
  for (const auto& [name, g] : root.group("cases").groups()) {
    SCOPED_TRACE(name);
    ++seen;
    const nlohmann::json call = nlohmann::json::parse(g.string("call"));
    const bool has_double = g.has_group("float64");
    for (const DType dtype : {DType::f32, DType::f64}) {
      if (dtype == DType::f64 && !has_double) continue;
      Subject s;
      make(s, g, call, dtype);
      if (HasFatalFailure()) return;
      const Array& input = g.array("input");
      const DType field = !is_complex(input.dtype()) ? dtype : dtype == DType::f32 ? DType::c64 : DType::c128;
      nn::track_parameters(s.parameters);
      const Array x = track(input.as(field));
      const Array y = s.run(x);
      const char* output = !has_double && g.has("output_release_2_0_0") && !g.has("output")
                               ? "output_release_2_0_0"
                               : "output";
      const Array& expected = dtype == DType::f64 ? g.array("float64/output") : g.array(output);
      EXPECT_LE(deviation(detach(y), expected), dtype == DType::f64 ? 1e-10 : 1e-5) << name_of(dtype);
      if (!has_double) continue;
      Arrays with = nn::values_of(s.parameters);
      with.push_back(x);
      const Arrays slopes = gradients({y}, with, {g.array("cotangent").as(y.dtype())});
      const double most = dtype == DType::f64 ? 1e-10 : 3e-5;
      EXPECT_LE(deviation(slopes.back(), g.array("float64/grad_input")), most) << name_of(dtype);
      double largest = 0;  // norms take the gradient of some biases away: 0 but for rounding
      for (const auto& [parameter, item] : g.group("float64/grad").items())
        if (!is_complex(item.array.dtype()))
          for (const double e : item.array.to_vector<double>()) largest = std::max(largest, std::abs(e));
      for (std::size_t k = 0; k < s.parameters.size(); ++k)
        EXPECT_LE(deviation(slopes[k], g.array("float64/grad/" + s.parameters[k].name), 1e-2 * largest), most)
            << s.parameters[k].name << " " << name_of(dtype);
    }
  }
  EXPECT_EQ(seen, 82);
}

TEST(Neuralop, StateDictsAreImported) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const data::Group root = data::load(path);
  for (const char* name : {"dense2d", "tucker2d"}) {
    const data::Group& g = root.group("pt_files").group(name);
    for (const char* file : {"_state_dict.pt", "_strided_state_dict.pt", "_legacy_format_state_dict.pt"}) {
      if (name == std::string("tucker2d") && file != std::string("_state_dict.pt")) continue;
      SCOPED_TRACE(std::string(name) + file);
      std::optional<PeerArguments> arguments;
      if (file != std::string("_state_dict.pt")) arguments = peer_arguments(g.string("kwargs"));
      const ImportedOperator imported = import_operator(folder + "neuralop_" + name + file, arguments);
      EXPECT_LE(deviation(imported.model.predict(g.array("input")), g.array("output")), 1e-5);
      EXPECT_EQ(imported.model.config().dtype, DType::f32);
    }
  }
}

TEST(Neuralop, WhatDoesNotFitIsRefused) {
  CARTAN_REAL_DATA(path, "../reference/neuralop_reference.h5");
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  EXPECT_THROW(import_operator(folder + "neuralop_kinds.pt"), std::exception);
  PeerArguments other =
      peer_arguments(R"({"n_modes": [6, 6], "in_channels": 1, "out_channels": 1, "hidden_channels": 5})");
  EXPECT_THROW(import_operator(folder + "neuralop_dense2d_state_dict.pt", other), FormatError);
  EXPECT_THROW(fno_config_of(peer_arguments(R"({"n_modes": [6], "novel": 1})")), std::invalid_argument);
  EXPECT_THROW(fno_config_of(peer_arguments(R"({"in_channels": 1})")), std::invalid_argument);
}

}  // namespace
}  // namespace cartan::operators
