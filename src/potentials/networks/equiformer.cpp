#include "cartan/potentials/networks/equiformer.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/wigner.hpp"
#include "potentials/networks/edge_blocks.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/edge_softmax.hpp"
#include "potentials/networks/head_sum.hpp"
#include "potentials/networks/message_passing.hpp"
#include "potentials/networks/sphere_activation.hpp"

namespace cartan::potentials {

struct Equiformer::Attention {
  EdgeNetwork edge;
  PairConvolution first;
  so3::SO2Convolution second;
  Array second_weight, second_bias;  // bias (lmax + 1, heads value_channels)
  nn::LayerNorm alpha_norm;
  Array alpha_dot;  // (heads, alpha_channels)
  DegreeLinear out;

  void collect(const std::string& prefix, nn::ParameterRefs& to) {
    edge.collect(prefix + "edge", to);
    first.collect(prefix + "first", to);
    to.push_back({prefix + "second.weight", &second_weight, matrices_of(second)});
    to.push_back({prefix + "second.bias", &second_bias});
    alpha_norm.collect(prefix + "alpha_norm", to);
    to.push_back({prefix + "alpha_dot", &alpha_dot});
    out.collect(prefix + "out", to);
  }
};

struct Equiformer::Parts {
  struct Layer {
    DegreeNorm norm_1, norm_2;
    Attention attention;
    DegreeLinear in, out;
    nn::Linear scalars;
    nn::Linear on_grid[3];  // grid_mlp
    DegreeNorm mix_norm;    // self_mix
    DegreeLinear mix_a, mix_b, mix_out;
  };
  nn::RadialBasis basis;
  SphereActivation on_edges, on_atoms;
  PlateGrid grid;  // grid_mlp
  std::optional<so3::GauntProduct> product;
  Indices degrees;
  Array embedding;  // (species, channels)
  DegreeEmbedding degree;
  std::vector<Layer> layers;
  DegreeNorm norm;
  nn::Mlp head;
  std::optional<Attention> force;
};

void EquiformerConfig::describe(config::Fields& f) {
  SO2NetworkConfig::describe(f);
  f("heads", heads, "heads of the attention").from(1);
  f("alpha_channels", alpha_channels, "numbers that a head's weight is made of").from(1);
  f("value_channels", value_channels, "channels of every degree that a head sends").from(1);
  f("feed_forward", feed_forward, "channels between the linear maps of an atom; 0: twice channels").from(0);
  f("feed_forward_activation", feed_forward_activation, "on atoms")
      .one_of({"product", "gate", "grid", "grid_mlp"});
  f("grid", grid, "latitudes and longitudes of grids, even; 0: those published for lmax and mmax")
      .from(0)
      .to(256);
  f("norm", norm, "root of the mean square of all degrees, or scalars apart").one_of({"rms", "layer"});
  f("radial_by_degree", radial_by_degree, "one radial factor a degree and channel for all orders");
  f("self_mix", self_mix, "multiply an atom's features with themselves in every layer");
  f("direct", direct, "forces of a head of their own, which conserve nothing");
}

void EquiformerConfig::validate() const {
  SO2NetworkConfig::validate();
  require(grid % 2 == 0, "[equiformer] grid is ", grid, "; latitudes are an even number");
}

std::string EquiformerConfig::summary() const {
  return summary_of("Equiformer", text(heads, " heads, ", activation, " and ", feed_forward_activation));
}

SO2NetworkConfig::LayerCost EquiformerConfig::layer_cost() const {
  const Index h = hidden_channels(), inner = feed_forward_channels();
  const bool grid_mlp = feed_forward_activation == "grid_mlp";
  const SphereActivation on_edges(activation, lmax, mmax, h, grid, dtype);
  const so3::SO2Convolution second(polar_features(lmax, h), polar_features(lmax, heads * value_channels),
                                   so2_options(*this, !on_edges.on_grid()));
  return {pair_flops(*this, message_irreps(on_edges) + even_scalars(heads * alpha_channels)) +
              second.flops_per_edge(),
          on_edges.plan(),
          grid_mlp ? grid_plan(lmax, lmax, grid, inner, 3)
                   : SphereActivation(feed_forward_activation, lmax, lmax, inner, grid, dtype).plan()};
}

std::unique_ptr<NetworkConfig> EquiformerConfig::clone() const {
  return std::make_unique<EquiformerConfig>(*this);
}

std::unique_ptr<Network> EquiformerConfig::make(nn::Init& init) const {
  return std::make_unique<Equiformer>(*this, init);
}

Equiformer::Equiformer(const EquiformerConfig& config, nn::Init& init)
    : config_((config.validate(), config)) {
  const EquiformerConfig& c = config_;
  numbers_ = known_elements("equiformer", c.species, c.neighbors);
  const auto kinds = static_cast<Index>(numbers_.size());
  const Index hidden = c.hidden_channels(), inner = c.feed_forward_channels(), edge = c.channels_of_edges(),
              values = c.heads * c.value_channels;
  const DType t = c.dtype;
  const so3::Irreps features = polar_features(c.lmax, c.channels);
  const bool grid_mlp = c.feed_forward_activation == "grid_mlp";
  const SphereActivation on_edges(c.activation, c.lmax, c.mmax, hidden, c.grid, t),
      on_atoms(grid_mlp ? "grid" : c.feed_forward_activation, c.lmax, c.lmax, inner, c.grid, t);
  const so3::SO2Convolution second(polar_features(c.lmax, hidden), polar_features(c.lmax, values),
                                   so2_options(c, !on_edges.on_grid()));
  const so3::Irreps message = message_irreps(on_edges) + even_scalars(c.heads * c.alpha_channels);
  const double bound = 1 / std::sqrt(static_cast<double>(c.alpha_channels));
  const auto attention = [&](Index out) {
    return Attention{
        EdgeNetwork(c.radial, kinds, edge, true, t, init),
        PairConvolution(features, message, c.mmax, c.parity, c.radial_by_degree, edge, t, init,
                        !on_edges.on_grid()),
        second,
        draw_so2_weights(second, 1, t, init),
        Array::zeros({c.lmax + 1, values}, t),
        nn::LayerNorm(c.alpha_channels, t),
        init.uniform({c.heads, c.alpha_channels}, -bound, bound, t),
        DegreeLinear(polar_features(c.lmax, values), polar_features(c.lmax, out), true, t, init)};
  };
  const DegreeNorm norm(c.norm, c.lmax, c.channels, t);
  const Array embedding = init.normal({kinds, c.channels}, t);
  parts_ = std::make_unique<Parts>(Parts{
      gaussians(c.radial, c.cutoff, c.radial_width, t),
      on_edges,
      on_atoms,
      {},
      {},
      degree_of_rows(c.lmax),
      embedding,
      DegreeEmbedding(EdgeNetwork(c.radial, kinds, edge, true, t, init), c.lmax, c.channels, edge, t, init),
      {},
      norm,
      nn::Mlp({c.channels, inner, 1}, t, init),
      {}});
  if (grid_mlp) parts_->grid = published_grid(c.lmax, c.lmax, c.grid, PlateGrid::Scale::component, t);
  if (c.self_mix) {
    PlanOptions plan;
    plan.batch = 64 * c.channels;
    parts_->product.emplace(c.lmax, c.lmax, c.lmax, plan);
  }
  for (Index k = 0; k < c.layers; ++k) {
    Parts::Layer layer{norm,
                       norm,
                       attention(c.channels),
                       DegreeLinear(features, on_atoms.irreps_in(), true, t, init),
                       DegreeLinear(polar_features(c.lmax, inner), features, true, t, init),
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
    if (on_atoms.extra() > 0) layer.scalars = nn::Linear(c.channels, on_atoms.extra(), true, t, init);
    if (grid_mlp)
      for (nn::Linear& map : layer.on_grid) map = nn::Linear(inner, inner, false, t, init);
    if (c.self_mix) {
      layer.mix_norm = norm;
      layer.mix_a = DegreeLinear(features, features, false, t, init);
      layer.mix_b = DegreeLinear(features, features, false, t, init);
      layer.mix_out = DegreeLinear(features, features, false, t, init);
      layer.mix_out.set_zero();
    }
    parts_->layers.push_back(std::move(layer));
  }
  if (c.direct) parts_->force = attention(1);
}

Equiformer::Equiformer(const Equiformer& other)
    : Network(other),
      config_(other.config_),
      numbers_(other.numbers_),
      parts_(std::make_unique<Parts>(*other.parts_)) {}
Equiformer::~Equiformer() = default;

void Equiformer::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  Parts& p = *parts_;
  p.basis.collect_buffers("radial_basis", constants);
  out.push_back({"embedding.weight", &p.embedding});
  p.degree.collect("degree", out);
  for (std::size_t k = 0; k < p.layers.size(); ++k) {
    const std::string prefix = text("layers.", k, ".");
    Parts::Layer& layer = p.layers[k];
    layer.norm_1.collect(prefix + "norm_1", out);
    layer.attention.collect(prefix + "attention.", out);
    if (config_.self_mix) {
      layer.mix_norm.collect(prefix + "mix.norm", out);
      layer.mix_a.collect(prefix + "mix.first", out);
      layer.mix_b.collect(prefix + "mix.second", out);
      layer.mix_out.collect(prefix + "mix.out", out);
    }
    layer.norm_2.collect(prefix + "norm_2", out);
    layer.in.collect(prefix + "in", out);
    if (!layer.scalars.weight.empty()) layer.scalars.collect(prefix + "scalars", out);
    for (int g = 0; g < 3; ++g)
      if (!layer.on_grid[g].weight.empty()) layer.on_grid[g].collect(text(prefix, "grid.", 2 * g), out);
    layer.out.collect(prefix + "out", out);
  }
  p.norm.collect("norm", out);
  p.head.collect("readout", out);
  if (p.force) p.force->collect("force.", out);
}

std::unique_ptr<Network> Equiformer::with_elements(const std::vector<int>& numbers) const {
  return of_elements(*this, config_, numbers_, numbers);
}

namespace {

// 0.6 a + 0.4 a (2 sigmoid(a) - 1)
Array smooth_leaky(const Array& a) {
  return scale(a, 0.2) + scale(a * sigmoid(a), 0.8);
}

// (n, heads) -> (n, degrees heads channels), a factor for every degree and channel of a head
Array for_values(const Array& x, Index degrees, Index channels) {
  const Index n = x.dim(0), heads = x.dim(1);
  return reshape(broadcast_to(reshape(x, {n, 1, heads, 1}), {n, degrees, heads, channels}),
                 {n, degrees * heads * channels});
}

}  // namespace

// What an attention has beside its parameters.
struct Equiformer::Rules {
  EquiformerConfig config;
  SphereActivation activation;
  Indices degree_of_row;

  Arrays operator()(const Attention& layer, const Edges& edges, const Array& senders,
                    const Array& receivers) const;
};

Arrays Equiformer::Rules::operator()(const Attention& layer, const Edges& edges, const Array& senders,
                                     const Array& atoms) const {
  const EquiformerConfig& c = config;
  const Indices& receivers = edges.nodes->edges.receivers();
  const so3::Irreps inner = polar_features(c.lmax, c.hidden_channels()),
                    values = polar_features(c.lmax, c.heads * c.value_channels);
  const Index split = activation.functions(), scalars = activation.width(), count = edges.nodes->edges.size();
  const Array v = layer.first(*edges.nodes, senders, atoms, edges.vectors, layer.edge(edges));
  Array message = columns(v, 0, scalars);
  if (activation.on_grid()) {
    const Array turned = so3::rotate(edges.frames, columns(v, 0, split), inner, true);
    message =
        so3::rotate(edges.frames, activation(concatenate({turned, columns(v, split, scalars)}, 1)), inner);
  } else {
    message = activation(message);
  }
  message = layer.second(edges.nodes->on_edges, message, edges.vectors, layer.second_weight);

  const Array a =
      layer.alpha_norm(reshape(columns(v, scalars, v.dim(1)), {count, c.heads, c.alpha_channels}));
  const EdgeSoftmax softmax =
      edge_softmax(sum(smooth_leaky(a) * layer.alpha_dot, 2), edges.envelope, receivers);
  const Array share = c.envelope ? softmax.weight * edges.envelope : softmax.weight;
  const Index degrees = c.lmax + 1, rows = degrees * degrees;
  Array y = head_sum(reshape(message, {count, rows, c.heads, c.value_channels}), share, receivers);
  // The constant of m = 0: what it becomes at the atoms, for every head.
  const Array constants =
      scatter_add(reshape(reshape(edges.harmonics, {count, rows, 1}) * reshape(share, {count, 1, c.heads}),
                          {count, rows * c.heads}),
                  receivers);
  y = y + reshape(reshape(constants, {atoms.dim(0), rows, c.heads, 1}) *
                      reshape(gather(layer.second_bias, degree_of_row), {1, rows, c.heads, c.value_channels}),
                  {atoms.dim(0), values.dim()});
  return {layer.out(
      so3::irrep_scale(y, for_values(reciprocal(softmax.total), degrees, c.value_channels), values))};
}

// What the activation keeps, the values and their messages, weights of the heads, radial factors.
double Equiformer::kept_of_an_edge() const {
  const EquiformerConfig& c = config_;
  const so3::Irreps values = polar_features(c.lmax, c.heads * c.value_channels);
  const Index weights = c.heads * (4 * c.alpha_channels + Index{c.lmax + 1} * (c.lmax + 1));
  return static_cast<double>(parts_->on_edges.kept() + values.dim() + so3::in_frames(values, c.mmax).dim() +
                             weights) +
         kept_of_factors(c);
}

Array Equiformer::atomic_energies(const Graph& graph, const Array& vectors) const {
  return all_outputs(graph, vectors).energies;
}

Network::Output Equiformer::all_outputs(const Graph& graph, const Array& vectors) const {
  const EquiformerConfig& c = config_;
  const Parts& p = *parts_;
  const Species species = species_of(graph, numbers_, "equiformer");
  const EdgeSums sums(
      graph,
      edge_blocks(graph, numbers_, "equiformer", edges_of_a_block(c, graph.edges.size(), kept_of_an_edge())),
      {p.basis, c.cutoff, c.lmax, c.envelope, true, false,
       p.on_edges.on_grid() ? Frames::rolled : Frames::none},
      negative(vectors));
  const Rules attend{c, p.on_edges, p.degrees};
  const Array embedded = gather(p.embedding, species.kind);
  const Index rest = Index{c.lmax} * (c.lmax + 2) * c.channels;
  const auto rounded = [&](const Array& a) { return cast(a, c.dtype); };
  // Sums over the layers in float64.
  Array x = exact(scale(sums(p.degree, {}, embed_degree)[0], 1 / c.neighbors));
  x = x + exact(rest > 0 ? pad(embedded, 1, 0, rest) : embedded);
  for (const Parts::Layer& layer : p.layers) {
    x = x + exact(sums(layer.attention, layer.norm_1(rounded(x)), attend)[0]);
    if (c.self_mix) {
      const Array n = layer.mix_norm(rounded(x));
      x = x + exact(layer.mix_out(
                  (*p.product)(layer.mix_a(n), layer.mix_b(n), product_weights(c.lmax, c.lmax, n))));
    }
    const Array n = layer.norm_2(rounded(x));
    Array scalars;
    if (p.on_atoms.extra() > 0) scalars = layer.scalars(columns(n, 0, c.channels));
    Array u = layer.in(n);
    if (c.feed_forward_activation == "grid_mlp") {
      const Index inner = c.feed_forward_channels();
      // In float64: sums over points cancel most of their values.
      Array values = p.grid.to(exact(u));
      for (int g = 0; g < 3; ++g) values = exact(layer.on_grid[g])(g == 0 ? values : silu(values));
      u = rounded(p.grid.from(values));
      u = concatenate({silu(scalars), columns(u, inner, u.dim(1))}, 1);
    } else {
      u = p.on_atoms(scalars.empty() ? u : concatenate({u, scalars}, 1));
    }
    x = x + exact(layer.out(u));
  }
  const Array n = p.norm(rounded(x));
  Output out{reshape(p.head(columns(n, 0, c.channels)), {graph.owned}), {}};
  if (p.force) out.forces = columns(sums(*p.force, n, attend)[0], 1, 4);
  return out;
}

}  // namespace cartan::potentials
