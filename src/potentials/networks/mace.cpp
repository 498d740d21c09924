#include "cartan/potentials/networks/mace.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "potentials/networks/many_body.hpp"
#include "potentials/networks/message_passing.hpp"
#include "potentials/networks/pair_terms.hpp"

namespace cartan::potentials {
namespace {

so3::Convolution convolution_for(const so3::Irreps& in, const so3::Irreps& harmonics,
                                 const so3::Irreps& target) {
  so3::TensorProductOptions options;
  options.path_normalization = so3::PathNormalization::none;
  return so3::Convolution(so3::TensorProduct::channelwise(in, harmonics, target, true, options));
}

const so3::Activation& gate_of(const std::string& name) {
  static const so3::Activation magnitude = so3::normalized([](const Array& x) { return abs(x); });
  return name == "abs" ? magnitude : name == "tanh" ? tanh_activation() : silu_activation();
}

}  // namespace

void MaceConfig::describe(config::Fields& f) {
  f("layers", layers, "interactions").from(1);
  f("channels", channels, "features of every degree").from(1);
  f("lmax", lmax, "largest degree of the features between layers").from(0).to(8);
  f("irreps", irreps, "those features where they are not 0e, 1o, ... up to lmax, as 0e+2e")
      .optional("up to lmax")
      .added_later();
  f("parity", parity, "of the harmonics; false: all are even, as in SO(3)").added_later();
  f("harmonics", harmonics, "largest degree of harmonics and messages").from(0).to(8);
  f("correlation", correlation, "neighbours that act at once").from(1).to(6);
  f("product", product, "the many-body step")
      .one_of({"contraction", "gaunt_grid", "gaunt_fourier", "gaunt_rank"});
  f("rank", rank, "products that are summed in gaunt_rank").from(1).to(64);
  f("first_residual", first_residual, "the first layer too adds its input");
  f("residual", residual, "the layers after the first add their input").added_later();
  f("density", density, "divide messages by a learned density, not by neighbors");
  f("density_layers", density_layers, "the layers with a density")
      .one_of({"all", "first", "later"})
      .added_later();
  f("radial", radial, "radial basis functions").from(1);
  f("envelope", envelope, "power of the polynomial cutoff").from(1).to(20);
  f("cutoff_on_weights", cutoff_on_weights, "the cutoff multiplies the radial weights, not the basis")
      .added_later();
  f("distance", distance, "what the radial basis is of: the distance, or transformed by covalent radii")
      .one_of({"none", "agnesi", "soft"});
  f("distance_parameters", distance_parameters, "agnesi: a, q, p; soft: alpha; empty: the usual ones");
  f("radii", radii, "covalent radii of the species; empty: the usual ones")
      .unit("Angstrom")
      .above(0)
      .added_later();
  f("radial_layers", radial_layers, "hidden sizes of the radial network").from(1);
  f("readout", readout, "hidden size of the last readout; 0: it is linear").from(0);
  f("gate", gate, "function of the last readout").one_of({"silu", "tanh", "abs"}).added_later();
  f("repulsion", repulsion, "add the screened repulsion of nuclei (ZBL)");
  f("cutoff", cutoff, "distance beyond which atoms do not see each other").above(0).unit("Angstrom");
  f("species", species, "elements; empty: those of the training frames");
  f("neighbors", neighbors, "mean number of neighbours of an atom; 0: that of the training frames").from(0);
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

so3::Irreps MaceConfig::features(int degree) const {
  std::vector<so3::MulIrrep> terms;
  for (int l = 0; l <= degree; ++l) terms.push_back({channels, {l, parity && l % 2 ? -1 : 1}});
  return so3::Irreps(std::move(terms));
}

so3::Irreps MaceConfig::hidden() const {
  if (irreps.empty()) return features(lmax);
  std::vector<so3::MulIrrep> terms;
  for (const so3::MulIrrep& t : so3::Irreps(irreps)) terms.push_back({channels, t.ir});
  return so3::Irreps(std::move(terms));
}

so3::Irreps MaceConfig::messages(Index layer) const {
  if (layer == 0 || hidden().count({0, -1}) == 0) return features(harmonics);
  std::vector<so3::MulIrrep> terms;
  for (int l = 0; l <= harmonics; ++l)
    for (const int p : {-1, 1}) terms.push_back({channels, {l, p}});
  return so3::Irreps(std::move(terms));
}

bool MaceConfig::has_density(Index layer) const {
  return density && (density_layers == "all" || (density_layers == "first") == (layer == 0));
}

void MaceConfig::validate() const {
  NetworkConfig::validate();
  if (product != "contraction") {
    require(irreps.empty() && parity, "[mace] irreps and parity = false are of product contraction, not ",
            product);
    require(lmax <= harmonics, "[mace] lmax is ", lmax, ", with product ", product,
            " at most that of the harmonics, ", harmonics);
  }
  if (!irreps.empty()) {
    const so3::Irreps terms(irreps);
    require(!terms.empty() && terms[0].ir == so3::Irrep{0, 1}, "[mace] irreps ", irreps,
            " do not begin with 0e");
    for (const so3::MulIrrep& t : terms)
      require(t.mul == 1 && terms.count(t.ir) == 1 && t.ir.l <= 8, "[mace] irreps ", irreps,
              ": each stands once, channels says how many there are, and degrees go up to 8");
  }
  const std::size_t wanted = distance == "agnesi" ? 3 : distance == "soft" ? 1 : 0;
  require(distance_parameters.empty() || distance_parameters.size() == wanted, "[mace] distance ", distance,
          " has ", wanted, " parameters, not ", distance_parameters.size());
  check_species("mace", species);
  require(radii.empty() || radii.size() == species.size(), "[mace] radii are ", radii.size(), " for ",
          species.size(), " species");
}

std::string MaceConfig::summary() const {
  return text("MACE ", hidden().text(), ", harmonics to ", harmonics, ", correlation ", correlation, " (",
              product, "), ", layers, " layers, cutoff ", cutoff, " A, ", dtype);
}

bool MaceConfig::takes(int atomic_number) const {
  return is_among(species, atomic_number);
}

void MaceConfig::adapt(const std::vector<Frame>& frames) {
  adapt_to(frames, cutoff, species, neighbors);
}

std::unique_ptr<NetworkConfig> MaceConfig::clone() const {
  return std::make_unique<MaceConfig>(*this);
}

std::unique_ptr<Network> MaceConfig::make(nn::Init& init) const {
  return std::make_unique<Mace>(*this, init);
}

Mace::Mace(const MaceConfig& config, nn::Init& init) : config_((config.validate(), config)) {
  numbers_ = known_elements("mace", config.species, config.neighbors);
  radii_ = covalent_radii();
  for (std::size_t k = 0; k < config.radii.size(); ++k) radii_.at(numbers_[k]) = config.radii[k];
  nn::RadialOptions radial;
  radial.kind = nn::RadialKind::bessel;
  radial.count = config.radial;
  radial.upper = config.cutoff;
  radial.envelope = config.distance == "none" && !config.cutoff_on_weights ? config.envelope : 0;
  radial.endless = config.distance != "none";  // a transformed distance may lie beyond the cutoff
  basis_ = nn::RadialBasis(radial, config.dtype);
  embedding_ = init.normal({static_cast<Index>(numbers_.size()), config.channels}, config.dtype);
  so3::Irreps h = even_scalars(config.channels);
  for (Index t = 0; t < config.layers; ++t) {
    layers_.push_back(make_layer(h, t, init));
    h = layers_.back().out.irreps_out();
  }
  if (config.readout > 0) hidden_ = init.normal({config.channels, config.readout}, config.dtype);
  out_ = init.normal({config.readout > 0 ? config.readout : config.channels, 1}, config.dtype);
}

Mace::Layer Mace::make_layer(const so3::Irreps& in, Index t, nn::Init& init) const {
  const MaceConfig& c = config_;
  const bool last = t + 1 == c.layers, residual = c.is_residual(t);
  const so3::Irreps a = c.messages(t), out = last ? c.features(0) : c.hidden();
  so3::Convolution convolution =
      convolution_for(in, so3::Irreps::spherical_harmonics(c.harmonics, c.parity ? -1 : 1), a);
  so3::Linear up(in, in), mix(convolution.product().irreps_out(), a),
      skip = residual ? so3::Linear(in, out) : so3::Linear(a, a), after(out, out);
  Layer layer{up, mix, skip, after, convolution, many_body(c, a, out), residual, {}, {}, {},
              {}, {},  {},   {},    {}};
  const auto normal = [&](const Shape& shape) { return init.normal(shape, c.dtype); };
  layer.up_weight = normal({up.weight_numel()});
  layer.radial =
      radial_weights(c.radial, c.radial_layers, convolution.product().weight_numel(), c.dtype, init);
  if (c.has_density(t)) layer.density = normal({c.radial, 1});
  layer.mix_weight = normal({mix.weight_numel()});
  layer.skip_weight = normal({static_cast<Index>(numbers_.size()), skip.weight_numel()});
  for (const ManyBody::Weight& w : layer.product->weights()) {
    Shape column(w.shape.size(), 1);
    column[1] = w.shape[1];
    layer.product_weights.push_back(normal(w.shape) * Array::from(w.deviation, column).as(c.dtype));
  }
  layer.out_weight = normal({after.weight_numel()});
  if (!last) layer.readout = normal({c.channels, 1});
  return layer;
}

void Mace::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  basis_.collect_buffers("radial_basis", constants);
  out.push_back({"embedding.weight", &embedding_});
  for (std::size_t t = 0; t < layers_.size(); ++t) {
    const std::string p = text("layers.", t, ".");
    Layer& layer = layers_[t];
    out.push_back({p + "up.weight", &layer.up_weight, matrices_of(layer.up)});
    for (std::size_t k = 0; k < layer.radial.size(); ++k)
      out.push_back({text(p, "radial.", k, ".weight"), &layer.radial[k]});
    if (!layer.density.empty()) out.push_back({p + "density.weight", &layer.density});
    out.push_back({p + "mix.weight", &layer.mix_weight, matrices_of(layer.mix)});
    out.push_back({p + "skip.weight", &layer.skip_weight, matrices_of(layer.skip, layer.skip_weight.dim(0))});
    const std::vector<ManyBody::Weight> weights = layer.product->weights();
    for (std::size_t k = 0; k < weights.size(); ++k)
      out.push_back({text(p, "product.", weights[k].name), &layer.product_weights[k]});
    out.push_back({p + "out.weight", &layer.out_weight, matrices_of(layer.out)});
    if (!layer.readout.empty()) out.push_back({p + "readout.weight", &layer.readout});
  }
  if (config_.readout > 0) out.push_back({"readout.0.weight", &hidden_});
  out.push_back({"readout.1.weight", &out_});
}

std::unique_ptr<Network> Mace::with_elements(const std::vector<int>& numbers) const {
  MaceConfig config = config_;
  if (!config.radii.empty()) {
    config.radii.clear();
    for (const std::int32_t k : rows_of(numbers_, numbers)) config.radii.push_back(config_.radii[k]);
  }
  return of_elements(*this, std::move(config), numbers_, numbers);
}

Mace::Radial Mace::radial_of(const Graph& graph, const Array& lengths) const {
  const MaceConfig& c = config_;
  if (c.distance == "none" && !c.cutoff_on_weights) return {basis_(lengths), {}};
  const Array d = c.distance == "none"     ? lengths
                  : c.distance == "agnesi" ? agnesi_distance(graph, lengths, radii_, c.distance_parameters)
                                           : soft_distance(graph, lengths, radii_, c.distance_parameters);
  const Array cutoff = reshape(nn::polynomial_cutoff(lengths, c.cutoff, c.envelope), {-1, 1});
  if (c.cutoff_on_weights) return {basis_(d), cutoff};
  return {basis_(d) * cutoff, {}};
}

Array Mace::apply(const Layer& layer, const Graph& graph, const Species& species, const Array& h,
                  const Array& harmonics, const Radial& radial) const {
  const Array sent = spread_to_ghosts(graph, layer.up(h, layer.up_weight));
  const auto limited = [&](const Array& x) { return radial.cutoff.empty() ? x : x * radial.cutoff; };
  const Array messages =
      layer.convolution(graph.edges, sent, harmonics, limited(radial_network(radial.basis, layer.radial)));
  Array a = layer.mix(messages, layer.mix_weight);
  if (!layer.density.empty()) {
    const Array d = limited(tanh(square(matmul(radial.basis, divided_by_fan_in(layer.density)))));
    a = a / shift(scatter_add(d, graph.edges.receivers()), 1);
  } else {
    a = scale(a, 1 / config_.neighbors);
  }
  if (!layer.residual) a = by_species(layer.skip, a, layer.skip_weight, species);
  const Array b = layer.out((*layer.product)(a, species, layer.product_weights), layer.out_weight);
  return layer.residual ? b + by_species(layer.skip, h, layer.skip_weight, species) : b;
}

Array Mace::atomic_energies(const Graph& graph, const Array& vectors) const {
  const Species species = species_of(graph, numbers_, "mace");
  const Array lengths = sqrt(sum(square(vectors), 1));
  const Radial radial = radial_of(graph, lengths);
  const Array harmonics = so3::spherical_harmonics(vectors, config_.harmonics);
  Array h = gather(embedding_, species.kind), energies;
  const auto add = [&](const Array& more) { energies = energies.empty() ? more : energies + more; };
  if (config_.repulsion) add(screened_repulsion(graph, lengths, radii_, config_.envelope));
  for (const Layer& layer : layers_) {
    h = apply(layer, graph, species, h, harmonics, radial);
    if (!layer.readout.empty())
      add(reshape(matmul(slice(h, 1, 0, config_.channels), divided_by_fan_in(layer.readout)), {graph.owned}));
  }
  const Array hidden = config_.readout > 0 ? gate_of(config_.gate)(matmul(h, divided_by_fan_in(hidden_))) : h;
  add(reshape(matmul(hidden, divided_by_fan_in(out_)), {graph.owned}));
  return energies;
}

}  // namespace cartan::potentials
