#include "cartan/potentials/networks/esen.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "potentials/networks/edge_blocks.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/message_passing.hpp"
#include "potentials/networks/sphere_activation.hpp"

namespace cartan::potentials {

namespace {

// The maps of an edge's frame and what they take of the edge.
struct Message {
  EdgeNetwork edge;
  PairConvolution first;
  so3::SO2Convolution second;
  Array weight, bias;  // of `second`; bias (lmax + 1, channels)

  void collect(const std::string& prefix, nn::ParameterRefs& out) {
    edge.collect(prefix + "edge", out);
    first.collect(prefix + "first", out);
    out.push_back({prefix + "second.weight", &weight, matrices_of(second)});
    out.push_back({prefix + "second.bias", &bias});
  }
};

}  // namespace

struct Esen::Parts {
  struct Layer {
    DegreeNorm norm_1, norm_2;
    Message message;
    DegreeLinear in, out;
    nn::Linear scalars;
  };
  nn::RadialBasis basis;
  SphereActivation on_edges, on_atoms;
  Indices degrees;                  // of the rows of features
  Array embedding, source, target;  // (species, ...)
  DegreeEmbedding degree;
  std::vector<Layer> layers;
  DegreeNorm norm;
  nn::Mlp head;
};

void EsenConfig::describe(config::Fields& f) {
  SO2NetworkConfig::describe(f);
  f("norm", norm, "root of the mean square of all degrees, or scalars apart").one_of({"rms", "layer"});
}

std::string EsenConfig::summary() const {
  return summary_of("eSEN", activation);
}

SO2NetworkConfig::LayerCost EsenConfig::layer_cost() const {
  const Index h = hidden_channels();
  const SphereActivation on_edges(activation, lmax, mmax, h, 0, dtype),
      on_atoms(activation, lmax, lmax, h, 0, dtype);
  const so3::Irreps features = polar_features(lmax, channels);
  return {
      pair_flops(*this, message_irreps(on_edges)) +
          so3::SO2Convolution(polar_features(lmax, h), features, so2_options(*this, true)).flops_per_edge(),
      on_edges.plan(), on_atoms.plan()};
}

std::unique_ptr<NetworkConfig> EsenConfig::clone() const {
  return std::make_unique<EsenConfig>(*this);
}

std::unique_ptr<Network> EsenConfig::make(nn::Init& init) const {
  return std::make_unique<Esen>(*this, init);
}

Esen::Esen(const EsenConfig& config, nn::Init& init) : config_((config.validate(), config)) {
  const EsenConfig& c = config_;
  numbers_ = known_elements("esen", c.species, c.neighbors);
  const auto kinds = static_cast<Index>(numbers_.size());
  const Index hidden = c.hidden_channels(), edge = c.channels_of_edges();
  const DType t = c.dtype;
  const so3::Irreps features = polar_features(c.lmax, c.channels), inner = polar_features(c.lmax, hidden);
  const SphereActivation on_edges(c.activation, c.lmax, c.mmax, hidden, 0, t),
      on_atoms(c.activation, c.lmax, c.lmax, hidden, 0, t);
  const auto table = [&](Index width) { return init.normal({kinds, width}, t); };
  parts_ = std::make_unique<Parts>(Parts{
      gaussians(c.radial, c.cutoff, c.radial_width, t),
      on_edges,
      on_atoms,
      degree_of_rows(c.lmax),
      table(c.channels),
      init.uniform({kinds, edge}, -1, 1, t),
      init.uniform({kinds, edge}, -1, 1, t),
      DegreeEmbedding(EdgeNetwork(c.radial, kinds, edge, false, t, init), c.lmax, c.channels, edge, t, init),
      {},
      DegreeNorm(c.norm, c.lmax, c.channels, t),
      nn::Mlp({c.channels, hidden, hidden, 1}, t, init)});
  const Index extra = on_edges.extra();
  const so3::Irreps message = message_irreps(on_edges);
  for (Index k = 0; k < c.layers; ++k) {
    const so3::SO2Convolution to_atoms(inner, features, so2_options(c, true));
    const DegreeNorm norm(c.norm, c.lmax, c.channels, t);
    parts_->layers.push_back(
        {norm,
         norm,
         {EdgeNetwork(c.radial, kinds, edge, false, t, init),
          PairConvolution(features, message, c.mmax, c.parity, false, edge, t, init), to_atoms,
          draw_so2_weights(to_atoms, 1, t, init), Array::zeros({c.lmax + 1, c.channels}, t)},
         DegreeLinear(features, on_atoms.irreps_in(), true, t, init),
         DegreeLinear(inner, features, true, t, init),
         extra > 0 ? nn::Linear(c.channels, extra, true, t, init) : nn::Linear()});
  }
}

Esen::Esen(const Esen& other)
    : Network(other),
      config_(other.config_),
      numbers_(other.numbers_),
      parts_(std::make_unique<Parts>(*other.parts_)) {}
Esen::~Esen() = default;

void Esen::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  Parts& p = *parts_;
  p.basis.collect_buffers("radial_basis", constants);
  out.push_back({"embedding.weight", &p.embedding});
  out.push_back({"source_embedding.weight", &p.source});
  out.push_back({"target_embedding.weight", &p.target});
  p.degree.collect("degree", out);
  for (std::size_t k = 0; k < p.layers.size(); ++k) {
    const std::string prefix = text("layers.", k, ".");
    Parts::Layer& layer = p.layers[k];
    layer.norm_1.collect(prefix + "norm_1", out);
    layer.message.collect(prefix, out);
    layer.norm_2.collect(prefix + "norm_2", out);
    layer.in.collect(prefix + "in", out);
    if (!layer.scalars.weight.empty()) layer.scalars.collect(prefix + "scalars", out);
    layer.out.collect(prefix + "out", out);
  }
  p.norm.collect("norm", out);
  p.head.collect("readout", out);
}

std::unique_ptr<Network> Esen::with_elements(const std::vector<int>& numbers) const {
  return of_elements(*this, config_, numbers_, numbers);
}

// What the activation keeps, the messages, radial factors.
double Esen::kept_of_an_edge() const {
  const Index messages = so3::in_frames(polar_features(config_.lmax, config_.channels), config_.mmax).dim();
  return static_cast<double>(parts_->on_edges.kept() + messages) + kept_of_factors(config_);
}

Array Esen::atomic_energies(const Graph& graph, const Array& vectors) const {
  const EsenConfig& c = config_;
  const Parts& p = *parts_;
  const Species species = species_of(graph, numbers_, "esen");
  const EdgeSums sums(
      graph, edge_blocks(graph, numbers_, "esen", edges_of_a_block(c, graph.edges.size(), kept_of_an_edge())),
      {p.basis, c.cutoff, c.lmax, c.envelope, true, true, Frames::none}, negative(vectors));
  const Array embedded = gather(p.embedding, species.kind);
  const Index rest = Index{c.lmax} * (c.lmax + 2) * c.channels;
  Array x = scale(sums(p.degree.with_tables(p.source, p.target), {}, embed_degree)[0], 1 / c.neighbors);
  x = x + (rest > 0 ? pad(embedded, 1, 0, rest) : embedded);
  const auto message = [activation = p.on_edges, degrees = p.degrees](const Message& m, const Edges& edges,
                                                                      const Array& senders,
                                                                      const Array& receivers) {
    const Array u =
        activation(m.first(*edges.nodes, senders, receivers, edges.vectors, m.edge(edges)), edges.envelope);
    const Array constant = degree_outer(edges.constants, m.bias, degrees);
    return Arrays{m.second(edges.nodes->to_receivers, u, edges.vectors, m.weight), constant};
  };
  for (const Parts::Layer& layer : p.layers) {
    Array n = layer.norm_1(x);
    Message given = layer.message;
    given.edge = given.edge.with_tables(p.source, p.target);
    const Arrays received = sums(given, n, message, 2);
    x = x + received[0] + received[1];
    n = layer.norm_2(x);
    Array inner = layer.in(n);
    if (p.on_atoms.extra() > 0) {
      const Array scalars = layer.scalars(columns(n, 0, c.channels));
      inner = concatenate({inner, c.activation == "gate" ? silu(scalars) : scalars}, 1);
    }
    x = x + layer.out(p.on_atoms(inner));
  }
  return reshape(p.head(columns(p.norm(x), 0, c.channels)), {graph.owned});
}

}  // namespace cartan::potentials
