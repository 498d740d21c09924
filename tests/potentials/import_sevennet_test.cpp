// A checkpoint of SevenNet made here: features of both parities, the table of all elements, constants, what
// sevenn leaves to its defaults; and what must be refused. Values of sevenn 0.10.4 in float64.
#include <gtest/gtest.h>
#include <cartan/core/error.hpp>
#include <cartan/potentials/import.hpp>
#include <cartan/potentials/training.hpp>
#include <cartan/so3/tables.hpp>

#include <cmath>
#include <limits>
#include <map>

#include "data/pickle_maker.hpp"
#include "potentials/small_networks.hpp"
#include "temporary.hpp"
#include "worst.hpp"

using namespace cartan;
using namespace cartan::potentials;
using namespace cartan::testing;

namespace {

using Items = std::map<std::string, std::string>;

std::string integer(Index n) {
  return std::string("J") + number(static_cast<std::uint64_t>(n), 4);
}
std::string real(double x) {
  std::string bytes = bytes_of<double>({x});
  return std::string("G").append(std::string(bytes.rbegin(), bytes.rend()));
}
std::string dict(const Items& items) {
  std::string out = "}(";
  for (const auto& [name, value] : items) out += word(name) + value;
  return out + "u";
}

// Hydrogen and oxygen, in a table that begins with the number 0 as that of all elements does.
struct Checkpoint {
  Items config{{"version", word("0.10.4")},
               {"cutoff", real(4)},
               {"channel", integer(2)},
               {"lmax", integer(1)},
               {"lmax_edge", integer(-1)},
               {"lmax_node", integer(-1)},
               {"irreps_manual", "\x89"},
               {"is_parity", "\x88"},
               {"num_convolution_layer", integer(4)},
               {"radial_basis", dict({{"radial_basis_name", word("bessel")}, {"trainable_coeff", "\x89"}})},
               {"cutoff_function", dict({{"cutoff_function_name", word("poly_cut")}})},
               {"weight_nn_hidden_neurons", std::string("](") + integer(3) + "e"},
               {"act_radial", word("silu")},
               {"act_scalar", dict({{"e", word("silu")}, {"o", word("tanh")}})},
               {"act_gate", dict({{"e", word("silu")}, {"o", word("tanh")}})},
               {"self_connection_type", word("nequip")},
               {"interaction_type", word("nequip")},
               {"use_bias_in_linear", "\x88"},
               {"readout_as_fcn", "\x89"},
               {"_normalize_sph", "\x88"},
               {"_type_map", std::string("}(") + integer(0) + integer(0) + integer(1) + integer(1) +
                                 integer(8) + integer(2) + "u"}};
  std::map<std::string, std::pair<Shape, std::vector<float>>> state;

  Checkpoint() {
    const std::vector<std::pair<std::string, Shape>> made{
        {"onehot_to_feature_x.linear.weight", {6}},     {"onehot_to_feature_x.linear.bias", {2}},
        {"reduce_input_to_hidden.linear.weight", {2}},  {"reduce_input_to_hidden.linear.bias", {1}},
        {"reduce_hidden_to_energy.linear.weight", {1}}, {"reduce_hidden_to_energy.linear.bias", {1}}};
    for (const auto& [name, shape] : made) weight(name, shape);
    const Index self[]{24, 48, 60, 12}, in[]{4, 8, 12, 16}, radial[]{4, 10, 16, 4}, out[]{12, 36, 48, 8},
        constants[]{4, 6, 6, 2};
    for (int t = 0; t < 4; ++t) {
      const std::string p = std::to_string(t) + "_";
      weight(p + "self_connection_intro.fc_tensor_product.weight", {self[t]});
      weight(p + "self_interaction_1.linear.weight", {in[t]});
      weight(p + "self_interaction_1.linear.bias", {2});
      weight(p + "convolution.weight_nn.layer0.weight", {8, 3});
      weight(p + "convolution.weight_nn.layer1.weight", {3, radial[t]});
      weight(p + "self_interaction_2.linear.weight", {out[t]});
      weight(p + "self_interaction_2.linear.bias", {constants[t]});
      state[p + "convolution.denominator"] = {{1}, {2}};
      const std::vector<double>& w3j = so3::wigner_3j(1, 1, 1);
      state[p + "convolution.convolution._compiled_main_left_right._w3j_1_1_1"] = {{3, 3, 3},
                                                                                   {w3j.begin(), w3j.end()}};
    }
    state["rescale_atomic_energy.shift"] = {{3}, {0.5, -1, -2}};
    state["rescale_atomic_energy.scale"] = {{3}, {1, 0.75, 1.5}};
  }
  void weight(const std::string& name, const Shape& shape) {
    Index count = 1;
    for (const Index n : shape) count *= n;
    std::vector<float> values;
    for (Index k = 0; k < count; ++k)
      values.push_back(static_cast<float>(
          1.4 * std::sin(1 + 0.7 * static_cast<double>(k * k) + static_cast<double>(name.size()))));
    state[name] = {shape, values};
  }
  std::string bytes() const {
    Items arrays;
    std::vector<Entry> entries;
    for (const auto& [name, value] : state) {
      const auto& [shape, values] = value;
      const std::string key = std::to_string(entries.size());
      std::string sizes, strides;
      Index step = static_cast<Index>(values.size());
      for (const Index n : shape) {
        sizes += integer(n);
        strides += integer(step /= n);
      }
      arrays[name] = tensor(storage("FloatStorage", key, static_cast<int>(values.size())), 0, tuple(sizes),
                            tuple(strides));
      entries.push_back(stored("any/data/" + key, bytes_of(values)));
    }
    return archive(dict({{"config", dict(config)}, {"model_state_dict", dict(arrays)}}), entries);
  }
};

void expect_refused(const Checkpoint& checkpoint, const std::string& what) {
  const Temporary folder;
  try {
    import_model(folder.file("a.pth", checkpoint.bytes()));
    ADD_FAILURE() << "read; expected " << what;
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("a.pth"), std::string::npos) << error.what();
  }
}

}  // namespace

TEST(ImportSevenNet, BothParitiesAllElementsConstantsAndDefaults) {
  const Temporary folder;
  const Model model = import_model(folder.file("a.pth", Checkpoint().bytes())).model;
  Frame water;
  water.numbers = {8, 1, 1};
  water.positions = {0, 0, 0, 0.96, 0.1, 0, -0.24, 0.93, 0.05};
  const Predictions p = predict(model, {"water", {water}}, false);
  EXPECT_LE(std::abs(p.energy[0] + 9.91675673874045), 1e-12);
  EXPECT_LE(
      golden::difference(p.forces[0], {0.028794250809880302, 0.037112608478133205, 0.001786031798539477,
                                       -0.1237922803294907, 0.05588492782128053, 0.0036010448702758708,
                                       0.0949980295196104, -0.09299753629941374, -0.005387076668815348}),
      1e-12);
}

TEST(ImportSevenNet, OtherFunctionsAreRefused) {
  const auto setting = [](const std::string& name, const std::string& value, const std::string& what) {
    Checkpoint bad;
    bad.config[name] = value;
    expect_refused(bad, what);
  };
  setting("act_scalar", dict({{"e", word("silu")}, {"o", word("abs")}}),
          "config.act_scalar.o: abs is not read");
  setting("act_scalar", dict({{"e", word("ssp")}, {"o", word("tanh")}}),
          "config.act_scalar.e: ssp is not read");
  setting("act_radial", word("tanh"), "config.act_radial: tanh is not read");
  setting("lmax_node", integer(0), "weights");
  setting("channel", integer(3), "onehot_to_feature_x");
  for (const std::string name :
       {"1_self_interaction_2.linear.weight", "2_convolution.weight_nn.layer0.weight",
        "rescale_atomic_energy.shift", "3_convolution.denominator"}) {
    Checkpoint bad;
    bad.state[name].second.back() = std::numeric_limits<float>::quiet_NaN();
    expect_refused(bad, name + ": holds nan");
  }
}
