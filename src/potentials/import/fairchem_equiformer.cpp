// EquiformerV2 of fairchem.
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/potentials/networks/equiformer.hpp"
#include "potentials/import/fairchem_state.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/sphere_activation.hpp"

namespace cartan::potentials {
namespace {

class EquiformerState {
 public:
  EquiformerState(FairchemState& state, bool direct) : state_(state) {
    backbone_ = state.has("backbone.sphere_embedding.weight") ? "backbone." : "";
    heads_ = state.count_of("head.energy_block.") > 0 ? "head." : "";
    read_config(direct);
  }
  ImportedModel read();

 private:
  void read_config(bool direct);
  void fill_attention(const std::string& from, const std::string& name, Index out);
  void fill_edge(const std::string& from, const std::string& net, const std::string& name);
  void fill_energy();
  void fill_layer(Index k);

  FairchemState& state_;
  std::string backbone_, heads_;
  EquiformerConfig c_;
  nn::ParameterRefs to_;
  double nodes_ = 1;         // avg_num_nodes
  std::vector<double> cut_;  // s_l = sqrt((2 l + 1)/(2 mmax + 1)) for l > mmax
};

void EquiformerState::read_config(bool direct) {
  const std::string& b = backbone_;
  const std::string ga = b + "blocks.0.ga.", ffn = b + "blocks.0.ffn.";
  if (!state_.has_config())
    state_.fail("config", "is missing: cutoff, grids and averages of EquiformerV2 are in no array");
  state_.expect("distance_function", "gaussian");
  state_.expect_one("lmax_list");
  state_.expect_one("mmax_list");
  state_.expect("use_s2_act_attn", false);
  state_.expect("use_attn_renorm", true);
  // attn_activation and ffn_activation, whatever they name, are used nowhere: all are silu.
  state_.expect("use_atom_edge_embedding", true);
  const bool gate = state_.flag("use_gate_act", false), grid_mlp = state_.flag("use_grid_mlp", false);
  if (!gate) state_.expect("use_sep_s2_act", true);
  const Shape table = state_.shape(b + "sphere_embedding.weight"),
              inner = state_.shape(ffn + "so3_linear_1.weight");
  if (table.size() != 2 || inner.size() != 3)
    state_.fail("", "tables or maps have other ranks than EquiformerV2's");
  c_.dtype = DType::f64;
  c_.parity = false;
  c_.envelope = false;
  c_.species = state_.species(table[0]);
  c_.channels = table[1];
  c_.lmax = static_cast<int>(inner[0]) - 1;
  c_.feed_forward = inner[1];
  c_.layers = state_.count(b + "blocks.");
  c_.mmax = static_cast<int>(state_.count(ga + "so2_conv_1.so2_m_conv."));
  const Shape alpha = state_.shape(ga + "alpha_dot");
  c_.heads = alpha.at(0);
  c_.alpha_channels = alpha.at(1);
  c_.value_channels = state_.shape(ga + "proj.weight").at(2) / c_.heads;
  c_.hidden = state_.shape(ga + "so2_conv_2.fc_m0.weight").at(1) / (c_.lmax + 1);
  c_.radial_by_degree = state_.has(ga + "rad_func.net.6.weight");
  c_.activation = gate ? "gate" : "grid";
  c_.feed_forward_activation = grid_mlp ? "grid_mlp" : gate ? "gate" : "grid";
  c_.norm = state_.norm(b + "norm");
  c_.grid = static_cast<int>(state_.number("grid_resolution", 0));
  const std::string net = b + "edge_degree_embedding.rad_func.net";
  c_.edge_channels = state_.shape(net + ".0.weight").at(0);
  c_.radial = state_.shape(net + ".0.weight").at(1) - 2 * c_.edge_channels;
  const Weights centers = state_.array(b + "distance_expansion.offset");
  c_.cutoff = state_.number("max_radius", state_.number("cutoff", 5));
  c_.radial_width = state_.number("gaussian_width_factor", 2);
  c_.neighbors = state_.number("avg_degree", 23.395238876342773);
  c_.direct = direct;
  nodes_ = state_.number("avg_num_nodes", 77.81317);
  if (static_cast<Index>(centers.size()) != c_.radial || !(std::abs(centers.back() - c_.cutoff) <= 1e-5))
    state_.fail("distance_expansion.offset", text("ends at ", centers.back(), ", the cutoff is ", c_.cutoff));
  c_.validate();
  for (int l = 0; l <= c_.lmax; ++l)
    cut_.push_back(l > c_.mmax ? std::sqrt((2.0 * l + 1) / (2.0 * c_.mmax + 1)) : 1);
}

void EquiformerState::fill_edge(const std::string& from, const std::string& net, const std::string& name) {
  set_edge_network(state_, net, to_, name, c_.radial, c_.edge_channels);
  const std::string tables = state_.has(from + "source_embedding.weight") ? from : backbone_;
  for (const char* side : {"source_embedding", "target_embedding"})
    set_parameter(to_, name + "." + side, state_.element_rows(tables + side + ".weight", c_.edge_channels));
}

void EquiformerState::fill_attention(const std::string& from, const std::string& name, Index out) {
  const Index hidden = c_.hidden, values = c_.heads * c_.value_channels, edge = c_.edge_channels,
              logits = c_.heads * c_.alpha_channels;
  const SphereActivation activation(c_.activation, c_.lmax, c_.mmax, hidden, c_.grid, c_.dtype);
  nn::Init init = nn::Init::blank();
  const so3::Irreps features = polar_features(c_.lmax, c_.channels);
  const PairConvolution first(features, message_irreps(activation) + polar_features(0, logits), c_.mmax,
                              false, c_.radial_by_degree, edge, c_.dtype, init);
  so3::SO2Options options;
  options.mmax = c_.mmax;
  const so3::SO2Convolution second(polar_features(c_.lmax, hidden), polar_features(c_.lmax, values), options);
  SO2Rows rows{{}, logits + activation.extra(), c_.lmax, hidden};
  if (activation.extra() > 0) rows.extra.push_back(logits);
  rows.extra.push_back(0);
  const std::string conv = from + "so2_conv_1", back = from + "so2_conv_2",
                    net = (c_.radial_by_degree ? from : conv + ".") + "rad_func.net";
  fill_edge(from, net, name + "edge");
  for (const int side : {0, 1}) {
    const std::string mine = name + (side == 0 ? "first.source" : "first.target");
    set_parameter(to_, mine + ".weight",
                  so2_weights(state_, conv, side == 0 ? first.source() : first.target(), rows, c_.channels, 2,
                              side, side == 0));
    set_pair_radial(state_, net, to_, mine + ".radial", c_.lmax, c_.mmax, c_.channels, side,
                    c_.radial_by_degree);
  }
  set_parameter(to_, name + "second.weight",
                so2_weights(state_, back, second, {{}, 0, c_.lmax, values}, hidden, 1, 0, false));
  set_parameter(to_, name + "second.bias", state_.array(back + ".fc_m0.bias", {(c_.lmax + 1) * values}));
  for (const char* what : {"weight", "bias"})
    set_parameter(to_, name + "alpha_norm." + what,
                  state_.array(from + "alpha_norm." + what, {c_.alpha_channels}));
  set_parameter(to_, name + "alpha_dot", state_.array(from + "alpha_dot", {c_.heads, c_.alpha_channels}));
  // Ours are multiplied by the scale of energies, 1/avg_num_nodes.
  std::vector<double> factors = cut_;
  if (out == 1)
    for (double& f : factors) f *= nodes_;
  set_degree_linear(state_, from + "proj", to_, name + "out", c_.lmax, values, out, factors);
}

void EquiformerState::fill_layer(Index k) {
  const std::string from = text(backbone_, "blocks.", k, "."), name = text("layers.", k, "."),
                    ffn = from + "ffn.";
  const Index inner = c_.feed_forward;
  set_degree_norm(state_, from + "norm_1", to_, name + "norm_1", c_.lmax, c_.channels);
  fill_attention(from + "ga.", name + "attention.", c_.channels);
  set_degree_norm(state_, from + "norm_2", to_, name + "norm_2", c_.lmax, c_.channels);
  set_degree_linear(state_, ffn + "so3_linear_1", to_, name + "in", c_.lmax, c_.channels, inner);
  const bool grid_mlp = c_.feed_forward_activation == "grid_mlp", gate = c_.feed_forward_activation == "gate";
  if (!gate || c_.lmax > 0)
    set_linear(state_, ffn + (grid_mlp ? "scalar_mlp.0" : "gating_linear"), to_, name + "scalars",
               c_.channels, gate ? c_.lmax * inner : inner);
  if (grid_mlp)
    for (int g = 0; g < 5; g += 2)
      set_parameter(to_, text(name, "grid.", g, ".weight"),
                    state_.array(text(ffn, "grid_mlp.", g, ".weight"), {inner, inner}));
  set_degree_linear(state_, ffn + "so3_linear_2", to_, name + "out", c_.lmax, inner, c_.channels);
}

// Its l = 0 output alone is read: of the maps on the sphere only those of scalars count.
void EquiformerState::fill_energy() {
  const std::string from = heads_ + "energy_block.";
  const Index inner = c_.feed_forward;
  if (c_.feed_forward_activation == "gate") {
    Weights w = state_.array(from + "so3_linear_1.weight", {c_.lmax + 1, inner, c_.channels});
    w.resize(inner * c_.channels);
    set_parameter(to_, "readout.0.weight", w);
    set_parameter(to_, "readout.0.bias", state_.array(from + "so3_linear_1.bias", {inner}));
  } else {
    set_linear(state_, from + (c_.feed_forward_activation == "grid_mlp" ? "scalar_mlp.0" : "gating_linear"),
               to_, "readout.0", c_.channels, inner);
  }
  Weights last = state_.array(from + "so3_linear_2.weight", {c_.lmax + 1, 1, inner});
  last.resize(inner);
  set_parameter(to_, "readout.2.weight", last);
  set_parameter(to_, "readout.2.bias", state_.array(from + "so3_linear_2.bias", {1}));
  state_.pass_all(from);
}

ImportedModel EquiformerState::read() {
  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<Equiformer>(c_, init);
  to_ = network->parameters();
  const std::string degree = backbone_ + "edge_degree_embedding.";
  set_parameter(to_, "embedding.weight",
                state_.element_rows(backbone_ + "sphere_embedding.weight", c_.channels));
  fill_edge(degree, degree + "rad_func.net", "degree.edge");
  const Index rows = (c_.lmax + 1) * c_.channels, edge = c_.edge_channels;
  Weights w = state_.array(degree + "rad_func.net.6.weight", {rows, edge}),
          bias = state_.array(degree + "rad_func.net.6.bias", {rows});
  for (Index r = 0; r < rows; ++r) {
    bias[r] *= cut_[r / c_.channels];
    for (Index k = 0; k < edge; ++k) w[r * edge + k] *= cut_[r / c_.channels];
  }
  set_parameter(to_, "degree.radial.weight", w);
  set_parameter(to_, "degree.radial.bias", bias);
  for (Index k = 0; k < c_.layers; ++k) fill_layer(k);
  set_degree_norm(state_, backbone_ + "norm", to_, "norm", c_.lmax, c_.channels);
  fill_energy();
  std::vector<std::string> notes;
  const std::string force = heads_ + "force_block.";
  if (c_.direct) {
    fill_attention(force, "force.", 1);
    notes.push_back("forces are those of the network's own head: they are not the gradient of its energy");
  } else if (state_.count_of(force) > 0) {
    state_.pass_all(force);
    notes.push_back(
        "the head of direct forces was left out: forces are the gradient of the energy, which the network "
        "was not "
        "trained on (direct_forces keeps the head)");
  }
  bool stress = false;
  for (const std::string prefix : {"head.", ""})
    for (const char* part : {"block.", "xedge_layer_norm.", "sphharm_norm."}) {
      stress = stress || state_.count_of(prefix + part) > 0;
      state_.pass_all(prefix + part);
    }
  if (stress)
    notes.push_back("the head of direct stresses was left out: stresses are derivatives of the energy");
  notes.push_back(
      "no envelope: energies jump where an atom enters or leaves the cutoff; all neighbours count");
  if (c_.activation == "grid")
    notes.push_back(
        "activations on a grid, turned by Euler's angles: energies change a little under rotations");
  if (state_.count_of("sphere_points") > 0) state_.pass_all("sphere_points");
  return state_.finish(std::move(network), 1 / nodes_, std::move(notes));
}

}  // namespace

ImportedModel import_equiformer(FairchemState& state, bool direct) {
  return EquiformerState(state, direct).read();
}

}  // namespace cartan::potentials
