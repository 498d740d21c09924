#include "cartan/potentials/networks/nequip.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "potentials/networks/message_passing.hpp"

namespace cartan::potentials {
namespace {

// The terms of `features` that a product of `in` with harmonics reaches.
so3::Irreps reachable(const so3::Irreps& features, const so3::Irreps& in, const so3::Irreps& harmonics) {
  std::vector<so3::MulIrrep> terms;
  for (const so3::MulIrrep& term : features) {
    bool found = false;
    for (const so3::MulIrrep& a : in)
      for (const so3::MulIrrep& b : harmonics)
        for (const so3::Irrep& c : a.ir* b.ir) found = found || c == term.ir;
    if (found) terms.push_back(term);
  }
  return so3::Irreps(std::move(terms));
}

so3::Gate gate_for(const so3::Irreps& features) {
  std::vector<so3::MulIrrep> scalars, gated;
  std::vector<so3::Activation> activations;
  Index gates = 0;
  for (const so3::MulIrrep& term : features) {
    if (term.ir.l > 0) {
      gated.push_back(term);
      gates += term.mul;
    } else {
      scalars.push_back(term);
      activations.push_back(term.ir.p > 0 ? silu_activation() : tanh_activation());
    }
  }
  if (gates == 0) return so3::Gate(scalars, activations, {}, {}, {});
  return so3::Gate(scalars, activations, even_scalars(gates), {silu_activation()}, gated);
}

so3::Convolution convolution_for(const so3::Irreps& in, const so3::Irreps& harmonics,
                                 const so3::Irreps& target) {
  so3::TensorProductOptions options;
  options.path_normalization = so3::PathNormalization::none;
  return so3::Convolution(so3::TensorProduct::channelwise(in, harmonics, target, true, options));
}

}  // namespace

void NequipConfig::describe(config::Fields& f) {
  f("layers", layers, "interactions").from(1);
  f("channels", channels, "features of every degree").from(1);
  f("lmax", lmax, "largest degree of harmonics and features").from(0).to(12);
  f("parity", parity, "features of parity (-1)^l; false: all even, mirror images may differ");
  f("irreps", irreps,
    "the features in full, such as 64x0e+32x1o, instead of channels; with commas, after each layer");
  f("harmonics", harmonics, "largest degree of the harmonics; -1: that of the features")
      .from(-1)
      .to(12)
      .added_later();
  f("normalize_harmonics", normalize_harmonics, "harmonics of directions; false: they grow as r^l")
      .added_later();
  f("self_connection", self_connection, "a linear map for every element, or one")
      .one_of({"species", "linear"});
  f("radial", radial, "radial basis functions").from(2);
  f("train_radial", train_radial, "train the frequencies of the radial basis").added_later();
  f("envelope", envelope, "power of the polynomial cutoff").from(2).to(20);
  f("onset", onset, "where the cutoff of X-PLOR begins; 0: the polynomial cutoff")
      .from(0)
      .unit("Angstrom")
      .added_later();
  f("radial_layers", radial_layers, "hidden sizes of the radial network").from(1);
  f("bias", bias, "constants added to the scalars of linear maps").added_later();
  f("species_scale", species_scale, "a factor of the energy for every element").added_later();
  f("cutoff", cutoff, "distance beyond which atoms do not see each other").above(0).unit("Angstrom");
  f("species", species, "elements; empty: those of the training frames");
  f("neighbors", neighbors,
    "sums over neighbours are divided by its root; 0: their mean number in the training frames")
      .from(0);
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

so3::Irreps NequipConfig::features(Index t) const {
  if (!irreps.empty()) {
    std::size_t begin = 0, comma = irreps.find(',');
    for (Index k = 0; k < t && comma != std::string::npos; ++k, comma = irreps.find(',', begin))
      begin = comma + 1;
    return so3::Irreps(irreps.substr(begin, comma - begin));
  }
  std::vector<so3::MulIrrep> terms;
  for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, parity && l % 2 ? -1 : 1}});
  return so3::Irreps(std::move(terms));
}

int NequipConfig::harmonics_degree() const {
  int degree = 0;
  for (Index t = 0; t < layers; ++t) degree = std::max(degree, features(t).lmax());
  return harmonics < 0 ? degree : harmonics;
}

void NequipConfig::validate() const {
  NetworkConfig::validate();
  require(onset < cutoff, "[nequip] onset is ", onset, ", must be below the cutoff, ", cutoff);
  const Index given = irreps.empty() ? 1 : 1 + std::count(irreps.begin(), irreps.end(), ',');
  require(given <= layers, "[nequip] irreps name ", given, " sets of features for ", layers, " layers");
  for (Index t = 0; t < given; ++t) {
    const so3::Irreps all = features(t);
    for (const so3::MulIrrep& term : all) {
      require(term.mul > 0 && all.count(term.ir) == term.mul, "[nequip] irreps ", all.text(), " have ",
              term.ir.text(), " twice, or not at all");
      require(parity || term.ir.p == 1, "[nequip] irreps ", all.text(), " have ", term.ir.text(),
              ", which nothing reaches without parity");
    }
    require(all.count({0, 1}) > 0, "[nequip] irreps ", all.text(),
            " have no 0e, from which energies are read");
  }
  check_species("nequip", species);
}

std::string NequipConfig::summary() const {
  return text("NequIP ", irreps.empty() ? features(0).text() : irreps, ", ", layers, " layers, cutoff ",
              cutoff, " A, ", dtype);
}

bool NequipConfig::takes(int atomic_number) const {
  return is_among(species, atomic_number);
}

void NequipConfig::adapt(const std::vector<Frame>& frames) {
  adapt_to(frames, cutoff, species, neighbors);
}

std::unique_ptr<NetworkConfig> NequipConfig::clone() const {
  return std::make_unique<NequipConfig>(*this);
}

std::unique_ptr<Network> NequipConfig::make(nn::Init& init) const {
  return std::make_unique<Nequip>(*this, init);
}

Nequip::Nequip(const NequipConfig& config, nn::Init& init) : config_((config.validate(), config)) {
  numbers_ = known_elements("nequip", config.species, config.neighbors);
  const so3::Irrep scalar{0, 1};
  Index channels = config.features(0).count(scalar);
  const Index kinds = static_cast<Index>(numbers_.size());
  nn::RadialOptions radial;
  radial.kind = nn::RadialKind::bessel;
  radial.count = config.radial;
  radial.upper = config.cutoff;
  radial.envelope = config.onset > 0 ? 0 : config.envelope;
  radial.onset = config.onset;
  radial.trainable = config.train_radial;
  basis_ = nn::RadialBasis(radial, config.dtype);
  embedding_ = init.normal({kinds, channels}, config.dtype);
  so3::Irreps x = even_scalars(channels);
  for (Index t = 0; t < config.layers; ++t) {
    const bool last = t + 1 == config.layers;
    const so3::Irreps features = config.features(t);
    layers_.push_back(make_layer(x, last ? even_scalars(features.count(scalar)) : features, init));
    x = layers_.back().gate.irreps_out();
  }
  channels = x.count(scalar);
  const Index half = std::max<Index>(1, channels / 2);
  hidden_ = init.normal({channels, half}, config.dtype);
  out_ = init.normal({half, 1}, config.dtype);
  if (config.bias) hidden_bias_ = Array::zeros({half}, config.dtype);
  if (config.species_scale) scale_ = Array::full({kinds}, 1, config.dtype);
}

Nequip::Layer Nequip::make_layer(const so3::Irreps& in, const so3::Irreps& features, nn::Init& init) const {
  const so3::Irreps harmonics =
      so3::Irreps::spherical_harmonics(config_.harmonics_degree(), config_.parity ? -1 : 1);
  so3::Gate gate = gate_for(reachable(features, in, harmonics));
  so3::Convolution convolution = convolution_for(in, harmonics, gate.irreps_in());
  so3::Linear self_connection(in, gate.irreps_in()), first(in, in, config_.bias),
      second(convolution.product().irreps_out(), gate.irreps_in(), config_.bias);
  const DType t = config_.dtype;
  Layer layer{self_connection, first, second, convolution, gate, {}, {}, {}, {}, {}, {}};
  const Index maps = config_.self_connection == "species" ? static_cast<Index>(numbers_.size()) : 1;
  layer.self_connection_weight = init.normal({maps, self_connection.weight_numel()}, t);
  layer.in_weight = init.normal({first.weight_numel()}, t);
  layer.out_weight = init.normal({second.weight_numel()}, t);
  if (config_.bias) {
    layer.in_bias = Array::zeros({first.bias_numel()}, t);
    layer.out_bias = Array::zeros({second.bias_numel()}, t);
  }
  layer.radial =
      radial_weights(config_.radial, config_.radial_layers, convolution.product().weight_numel(), t, init);
  return layer;
}

std::unique_ptr<Network> Nequip::with_elements(const std::vector<int>& numbers) const {
  return of_elements(*this, config_, numbers_, numbers);
}

void Nequip::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  basis_.collect_buffers("radial_basis", constants);
  basis_.collect("radial_basis", out);
  out.push_back({"embedding.weight", &embedding_});
  for (std::size_t t = 0; t < layers_.size(); ++t) {
    const std::string p = "layers." + std::to_string(t) + ".";
    Layer& layer = layers_[t];
    Array& connection = layer.self_connection_weight;
    out.push_back(
        {p + "self_connection.weight", &connection, matrices_of(layer.self_connection, connection.dim(0))});
    out.push_back({p + "self_interaction_1.weight", &layer.in_weight, matrices_of(layer.in)});
    if (config_.bias) out.push_back({p + "self_interaction_1.bias", &layer.in_bias});
    for (std::size_t k = 0; k < layer.radial.size(); ++k)
      out.push_back({p + "radial." + std::to_string(k) + ".weight", &layer.radial[k]});
    out.push_back({p + "self_interaction_2.weight", &layer.out_weight, matrices_of(layer.out)});
    if (config_.bias) out.push_back({p + "self_interaction_2.bias", &layer.out_bias});
  }
  out.push_back({"readout.0.weight", &hidden_});
  if (config_.bias) out.push_back({"readout.0.bias", &hidden_bias_});
  out.push_back({"readout.1.weight", &out_});
  if (config_.species_scale) out.push_back({"species_scale", &scale_});
}

Array Nequip::apply(const Layer& layer, const Graph& graph, const Species& species, const Array& x,
                    const Array& harmonics, const Array& basis) const {
  const Array self = config_.self_connection == "linear"
                         ? layer.self_connection(x, reshape(layer.self_connection_weight, {-1}))
                         : by_species(layer.self_connection, x, layer.self_connection_weight, species);
  const Array radial = radial_network(basis, layer.radial);
  const Array messages = layer.convolution(
      graph.edges, spread_to_ghosts(graph, layer.in(x, layer.in_weight, layer.in_bias)), harmonics, radial);
  return layer.gate(
      layer.out(scale(messages, 1 / std::sqrt(config_.neighbors)), layer.out_weight, layer.out_bias) + self);
}

Array Nequip::atomic_energies(const Graph& graph, const Array& vectors) const {
  const Species species = species_of(graph, numbers_, "nequip");
  const Array r = negative(vectors);  // from the centre to its neighbour
  const Array basis = basis_(sqrt(sum(square(r), 1)));
  Array x = gather(embedding_, species.kind);
  const Array harmonics = so3::spherical_harmonics(
      r, config_.harmonics_degree(), {config_.normalize_harmonics, so3::Normalization::component});
  for (const Layer& layer : layers_) x = apply(layer, graph, species, x, harmonics, basis);
  Array hidden = matmul(x, divided_by_fan_in(hidden_));
  if (config_.bias) hidden = hidden + hidden_bias_;
  const Array energies = reshape(matmul(hidden, divided_by_fan_in(out_)), {graph.owned});
  return config_.species_scale ? energies * gather(scale_, species.kind) : energies;
}

}  // namespace cartan::potentials
