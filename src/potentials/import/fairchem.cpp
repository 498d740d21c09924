// fairchem (eSEN, EquiformerV2, eSCN): state dicts, checkpoints, and arrays in HDF5.
#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "cartan/data/torch_file.hpp"
#include "cartan/potentials/networks/esen.hpp"
#include "potentials/import/fairchem_state.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/sphere_activation.hpp"

namespace cartan::potentials {

ImportedModel import_esen(FairchemState& state) {
  const std::string b = state.has("backbone.sphere_embedding.weight") ? "backbone." : "",
                    layer0 = b + "blocks.0.", degree = b + "edge_degree_embedding.rad_func.net";
  state.expect("act_type", "gate", "s2");
  state.expect("mlp_type", "spectral", "grid");
  state.expect("direct_forces", false);
  state.expect("distance_function", "gaussian");
  EsenConfig c;
  c.dtype = DType::f64;
  c.parity = false;
  c.activation = "gate";
  const Shape table = state.shape(b + "sphere_embedding.weight"),
              inner = state.shape(layer0 + "atom_wise.so3_linear_1.weight");
  if (table.size() != 2 || inner.size() != 3) state.fail("", "tables or maps have other ranks than eSEN's");
  c.species = state.species(table[0]);
  c.channels = table[1];
  c.lmax = static_cast<int>(inner[0]) - 1;
  c.hidden = inner[1];
  c.layers = state.count(b + "blocks.");
  c.mmax = static_cast<int>(state.count(layer0 + "edge_wise.so2_conv_1.so2_m_conv."));
  c.edge_channels = state.shape(b + "source_embedding.weight").at(1);
  c.norm = state.norm(layer0 + "norm_1");
  c.radial = state.shape(degree + ".0.weight").at(1) - 2 * c.edge_channels;
  const Weights centers = state.array(b + "distance_expansion.offset");
  c.cutoff = state.number("cutoff", centers.back());
  c.radial_width = state.number("gaussian_width_factor", 2);
  c.envelope = state.flag("use_envelope", !state.has_config());  // fairchem's default is none
  c.neighbors = 5;
  if (static_cast<Index>(centers.size()) != c.radial || !(std::abs(centers.back() - c.cutoff) <= 1e-5))
    state.fail("distance_expansion.offset", text("ends at ", centers.back(), ", the cutoff is ", c.cutoff));
  std::vector<std::string> notes;
  if (!state.has_config())
    notes.push_back("the file has no constructor's arguments: a smooth envelope and gates are assumed");
  c.validate();

  nn::Init init = nn::Init::blank();
  auto network = std::make_unique<Esen>(c, init);
  const nn::ParameterRefs to = network->parameters();
  const Index edge = c.edge_channels, hidden = c.hidden;
  set_parameter(to, "embedding.weight", state.element_rows(b + "sphere_embedding.weight", c.channels));
  set_parameter(to, "source_embedding.weight", state.element_rows(b + "source_embedding.weight", edge));
  set_parameter(to, "target_embedding.weight", state.element_rows(b + "target_embedding.weight", edge));
  set_edge_network(state, degree, to, "degree.edge", c.radial, edge);
  set_linear(state, degree + ".6", to, "degree.radial", edge, (c.lmax + 1) * c.channels);
  // The same convolutions as the network's, for the places of their weights.
  const so3::Irreps features = polar_features(c.lmax, c.channels), of_hidden = polar_features(c.lmax, hidden);
  const SphereActivation activation("gate", c.lmax, c.mmax, hidden, 0, c.dtype);
  const PairConvolution first(features, message_irreps(activation), c.mmax, false, false, edge, c.dtype,
                              init);
  so3::SO2Options options;
  options.mmax = c.mmax;
  const so3::SO2Convolution second(of_hidden, features, options);
  const SO2Rows first_rows{{0}, c.lmax * hidden, c.lmax, hidden}, second_rows{{}, 0, c.lmax, c.channels};
  for (Index k = 0; k < c.layers; ++k) {
    const std::string from = text(b, "blocks.", k, "."), name = text("layers.", k, ".");
    const std::string conv = from + "edge_wise.so2_conv_1", net = conv + ".rad_func.net";
    set_degree_norm(state, from + "norm_1", to, name + "norm_1", c.lmax, c.channels);
    set_edge_network(state, net, to, name + "edge", c.radial, edge);
    set_parameter(to, name + "first.source.weight",
                  so2_weights(state, conv, first.source(), first_rows, c.channels, 2, 0, true));
    set_parameter(to, name + "first.target.weight",
                  so2_weights(state, conv, first.target(), first_rows, c.channels, 2, 1, false));
    set_pair_radial(state, net, to, name + "first.source.radial", c.lmax, c.mmax, c.channels, 0, false);
    set_pair_radial(state, net, to, name + "first.target.radial", c.lmax, c.mmax, c.channels, 1, false);
    const std::string back = from + "edge_wise.so2_conv_2";
    set_parameter(to, name + "second.weight",
                  so2_weights(state, back, second, second_rows, hidden, 1, 0, false));
    set_parameter(to, name + "second.bias", state.array(back + ".fc_m0.bias", {(c.lmax + 1) * c.channels}));
    set_degree_norm(state, from + "norm_2", to, name + "norm_2", c.lmax, c.channels);
    set_degree_linear(state, from + "atom_wise.so3_linear_1", to, name + "in", c.lmax, c.channels, hidden);
    if (c.lmax > 0)
      set_linear(state, from + "atom_wise.scalar_mlp.0", to, name + "scalars", c.channels, c.lmax * hidden);
    set_degree_linear(state, from + "atom_wise.so3_linear_2", to, name + "out", c.lmax, hidden, c.channels);
  }
  set_degree_norm(state, b + "norm", to, "norm", c.lmax, c.channels);
  const Index sizes[] = {c.channels, hidden, hidden, 1};
  for (int k = 0; k < 3; ++k)
    set_linear(state, text("head.energy_block.", 2 * k), to, text("readout.", 2 * k), sizes[k], sizes[k + 1]);
  return state.finish(std::move(network), 1, std::move(notes));
}

bool is_fairchem(const std::string& path) {
  try {
    if (data::TorchFile::recognises(path)) {
      const data::TorchFile file(path);
      return FairchemState::of_torch(file.root());
    }
    return FairchemState::of_hdf5(data::Hdf5File(path).outline());
  } catch (const FormatError& error) {
    return std::string(error.what()).find("mentions fairchem.") != std::string::npos;  // refused in its words
  }
}

ImportedModel import_fairchem(const std::string& path, const ImportOptions& options) {
  FairchemState state(path, options.task);
  try {
    if (state.architecture() == "equiformer") return import_equiformer(state, options.direct_forces);
    if (state.architecture() == "escn") return import_escn(state, options.direct_forces);
    return import_esen(state);
  } catch (const std::invalid_argument& error) {
    // Whatever does not fit is in the file.
    throw FormatError(path, "", error.what());
  } catch (const std::out_of_range&) {
    throw FormatError(path, "", "an array has fewer axes than the network of its name");
  }
}

}  // namespace cartan::potentials
