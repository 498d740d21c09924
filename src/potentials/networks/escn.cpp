#include "cartan/potentials/networks/escn.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/conventions.hpp"
#include "cartan/so3/wigner.hpp"
#include "potentials/networks/edge_blocks.hpp"
#include "potentials/networks/edge_layers.hpp"
#include "potentials/networks/escn_samples.hpp"
#include "potentials/networks/message_passing.hpp"
#include "potentials/networks/sphere_activation.hpp"

namespace cartan::potentials {

// The maps of one end of an edge; order m at place m, I left empty where there is none.
struct Escn::Block {
  struct Order {
    nn::Linear factors;  // h_e -> those of R, then those of I
    nn::Linear r_in, r_out, i_in, i_out;
  };
  std::vector<Order> orders;

  void collect(const std::string& prefix, nn::ParameterRefs& out) {
    for (std::size_t m = 0; m < orders.size(); ++m) {
      const std::string p = text(prefix, m, ".");
      orders[m].factors.collect(p + "factors", out);
      orders[m].r_in.collect(p + "r_in", out);
      orders[m].r_out.collect(p + "r_out", out);
      if (orders[m].i_in.weight.empty()) continue;
      orders[m].i_in.collect(p + "i_in", out);
      orders[m].i_out.collect(p + "i_out", out);
    }
  }
};

// Weights (lmax + 1, channels) of the activation "product".
struct Escn::Nonlinear {
  Array linear, square;
  void collect(const std::string& prefix, nn::ParameterRefs& out) {
    if (linear.empty()) return;
    out.push_back({prefix + ".linear", &linear});
    out.push_back({prefix + ".square", &square});
  }
};

// What the edges of a layer have of parameters.
struct Escn::Message {
  Array source, target;  // (species, edge channels)
  nn::Linear distance, attributes;
  Block ends[2];
  Nonlinear activation;

  void collect(const std::string& prefix, nn::ParameterRefs& out) {
    out.push_back({prefix + "source_embedding", &source});
    out.push_back({prefix + "target_embedding", &target});
    distance.collect(prefix + "distance", out);
    attributes.collect(prefix + "attributes", out);
    ends[0].collect(prefix + "source.", out);
    ends[1].collect(prefix + "target.", out);
    activation.collect(prefix + "edge_activation", out);
  }
};

// What messages and activations have beside their parameters.
struct Escn::Rules {
  EscnConfig config;
  PlateGrid edge_grid, atom_grid;
  std::optional<so3::GauntProduct> product;

  Array apply(const Block& block, const Array& z, const Array& hidden) const;
  Array act(const Nonlinear& f, const Array& x, bool on_edges) const;
  Arrays operator()(const Message& m, const Edges& edges, const Array& senders, const Array& receivers) const;
};

struct Escn::Parts {
  struct Layer {
    Message message;
    Nonlinear on_atoms[2];
    nn::Linear maps[3];
  };
  nn::RadialBasis basis;
  Rules rules;
  Array embedding;  // (species, channels)
  std::vector<Layer> layers;
  nn::Linear energy[3], force[3];
  DegreeLinear force_map;   // readout = scalars
  Array points, harmonics;  // of the samples
};

void EscnConfig::describe(config::Fields& f) {
  SO2NetworkConfig::describe(f);
  f("readout", readout, "energies from scalars, or from samples of features on the sphere")
      .one_of({"scalars", "samples"});
  f("samples", samples, "points of the readout by samples").from(4).to(4096);
  f("direct", direct, "forces of a head of their own, which conserve nothing");
}

std::string EscnConfig::summary() const {
  return summary_of("eSCN", text(activation, ", energies from ", readout));
}

const char* EscnConfig::derivatives() const {
  return "through the Wigner matrices of an edge's frame on the tape, without the turn about the edge, with "
         "which its maps commute: exact at every direction";
}

SO2NetworkConfig::LayerCost EscnConfig::layer_cost() const {
  const double h = static_cast<double>(hidden_channels()), c = static_cast<double>(channels);
  double maps = 0;
  for (int m = 0; m <= mmax; ++m)  // z_m, z_-m through R and, without parity, I, at both ends
    maps += 2 * (m == 0 ? 1 : parity ? 2 : 4) * 4 * (lmax + 1 - m) * c * h;
  double rows = 0;
  for (int l = 0; l <= lmax; ++l) rows += (2 * l + 1) * (2 * std::min(l, mmax) + 1);
  maps += 3 * 2 * rows * c;  // into the frame at both ends, and back
  if (activation == "product") {
    const std::string exact = product_plan(lmax, channels);
    return {maps, exact, "two: " + exact};
  }
  if (activation == "gate") {
    const std::string exact = SphereActivation("gate", lmax, mmax, channels, 0, dtype).plan();
    return {maps, exact, "two: " + exact};
  }
  return {maps, grid_plan(lmax, mmax, 0, channels, 0), grid_plan(lmax, lmax, 0, channels, 3)};
}

std::unique_ptr<NetworkConfig> EscnConfig::clone() const {
  return std::make_unique<EscnConfig>(*this);
}

std::unique_ptr<Network> EscnConfig::make(nn::Init& init) const {
  return std::make_unique<Escn>(*this, init);
}

namespace {

// A map without constants that keeps the variance of its input.
nn::Linear plain_map(Index in, Index out, DType dtype, nn::Init& init, double gain = 1) {
  nn::Linear map;
  const double bound = gain * std::sqrt(3.0 / static_cast<double>(in));
  map.weight = init.uniform({out, in}, -bound, bound, dtype);
  return map;
}

// One before silu, with constants that start at 0: nothing in eSCN normalises.
nn::Linear kept_map(Index in, Index out, bool bias, DType dtype, nn::Init& init) {
  nn::Linear map = plain_map(in, out, dtype, init, 1.7);
  if (bias) map.bias = Array::zeros({out}, dtype);
  return map;
}

}  // namespace

Escn::Escn(const EscnConfig& config, nn::Init& init) : config_((config.validate(), config)) {
  const EscnConfig& c = config_;
  numbers_ = known_elements("escn", c.species, c.neighbors);
  const auto kinds = static_cast<Index>(numbers_.size());
  const Index hidden = c.hidden_channels(), edge = c.channels_of_edges();
  const DType t = c.dtype;
  parts_ = std::make_unique<Parts>();
  Parts& p = *parts_;
  p.rules.config = c;
  p.basis = gaussians(c.radial, c.cutoff, c.radial_width, t);
  p.embedding = init.normal({kinds, c.channels}, t);
  if (c.activation == "grid") {
    p.rules.edge_grid = published_grid(c.lmax, c.mmax, 0, PlateGrid::Scale::integral, t);
    p.rules.atom_grid = published_grid(c.lmax, c.lmax, 0, PlateGrid::Scale::integral, t);
  }
  if (c.activation == "product") {
    p.rules.product.emplace(c.lmax, c.lmax, c.lmax, product_options(c.channels));
  }
  const auto block = [&] {
    Block out;
    for (int m = 0; m <= c.mmax; ++m) {
      const Index size = (c.lmax + 1 - m) * c.channels;
      const bool sine = m > 0 && !c.parity;
      Block::Order o;
      o.factors = kept_map(edge, sine ? 2 * hidden : hidden, true, t, init);
      o.r_in = plain_map(size, hidden, t, init);
      o.r_out = plain_map(hidden, size, t, init);
      if (sine) {
        o.i_in = plain_map(size, hidden, t, init);
        o.i_out = plain_map(hidden, size, t, init);
      }
      out.orders.push_back(std::move(o));
    }
    return out;
  };
  const auto nonlinear = [&] {
    if (c.activation != "product") return Nonlinear{};
    const Shape shape{c.lmax + 1, c.channels};
    return Nonlinear{Array::full(shape, 1, t), Array::full(shape, 0.2, t)};
  };
  for (Index k = 0; k < c.layers; ++k) {
    Parts::Layer layer;
    Message& m = layer.message;
    m.source = init.uniform({kinds, edge}, -1, 1, t);
    m.target = init.uniform({kinds, edge}, -1, 1, t);
    m.distance = kept_map(c.radial, edge, true, t, init);
    m.attributes = kept_map(edge, edge, true, t, init);
    for (Block& end : m.ends) end = block();
    m.activation = nonlinear();
    for (Nonlinear& f : layer.on_atoms) f = nonlinear();
    for (int g = 0; g < 3; ++g)
      layer.maps[g] = plain_map(g == 0 ? 2 * c.channels : c.channels, c.channels, t, init,
                                c.activation == "gate" ? 2 : 1);
    p.layers.push_back(std::move(layer));
  }
  const auto head = [&](nn::Linear* maps) {
    for (int g = 0; g < 3; ++g) maps[g] = kept_map(c.channels, g < 2 ? c.channels : 1, g < 2, t, init);
  };
  head(p.energy);
  if (c.direct && c.readout == "samples") head(p.force);
  if (c.direct && c.readout == "scalars")
    p.force_map = DegreeLinear(polar_features(c.lmax, c.channels), polar_features(c.lmax, 1), false, t, init);
  if (c.readout == "samples" && init.fill) {
    p.points = sphere_samples(c.samples);
    p.harmonics = sample_harmonics(p.points, c.lmax).as(t);
    p.points = p.points.as(t);
  }
}

Escn::Escn(const Escn& other)
    : Network(other),
      config_(other.config_),
      numbers_(other.numbers_),
      parts_(std::make_unique<Parts>(*other.parts_)) {}
Escn::~Escn() = default;

void Escn::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  Parts& p = *parts_;
  p.basis.collect_buffers("radial_basis", constants);
  out.push_back({"embedding.weight", &p.embedding});
  for (std::size_t k = 0; k < p.layers.size(); ++k) {
    const std::string prefix = text("layers.", k, ".");
    Parts::Layer& layer = p.layers[k];
    layer.message.collect(prefix, out);
    for (int g = 0; g < 2; ++g) layer.on_atoms[g].collect(text(prefix, "activation.", g), out);
    for (int g = 0; g < 3; ++g) layer.maps[g].collect(text(prefix, "maps.", g), out);
  }
  for (int g = 0; g < 3; ++g) p.energy[g].collect(text("readout.", g), out);
  for (int g = 0; g < 3; ++g)
    if (!p.force[g].weight.empty()) p.force[g].collect(text("force.", g), out);
  if (config_.direct && config_.readout == "scalars") p.force_map.collect("force", out);
}

std::unique_ptr<Network> Escn::with_elements(const std::vector<int>& numbers) const {
  return of_elements(*this, config_, numbers_, numbers);
}

// z (edges, (lmax + 1)^2 channels) in the frames; so is the result, orders above mmax 0.
Array Escn::Rules::apply(const Block& block, const Array& z, const Array& hidden) const {
  const EscnConfig& c = config;
  const Index n = z.dim(0), h = c.hidden_channels(), all = Index{c.lmax + 1} * (c.lmax + 1);
  const Array orders = so3::to_m_major(reshape(z, {n, all, c.channels}), c.lmax, c.mmax);
  Arrays out;
  Index begin = 0;
  const auto next = [&](Index rows) {
    begin += rows;
    return reshape(slice(orders, 1, begin - rows, begin), {n, rows * c.channels});
  };
  for (int m = 0; m <= c.mmax; ++m) {
    const Block::Order& o = block.orders[m];
    const Index rows = c.lmax + 1 - m;
    const Array factors = silu(o.factors(hidden)), of_r = columns(factors, 0, h);
    const auto r = [&](const Array& x) { return o.r_out(o.r_in(x) * of_r); };
    const auto add = [&](const Array& y) { out.push_back(reshape(y, {n, rows, c.channels})); };
    const Array plus = next(rows);
    if (m == 0) {
      add(r(plus));
      continue;
    }
    const Array minus = next(rows);
    if (o.i_in.weight.empty()) {
      add(r(plus)), add(r(minus));
      continue;
    }
    const Array of_i = columns(factors, h, 2 * h);
    const auto i = [&](const Array& x) { return o.i_out(o.i_in(x) * of_i); };
    add(r(plus) - i(minus));
    add(r(minus) + i(plus));
  }
  return reshape(so3::from_m_major(concatenate(out, 1), c.lmax, c.mmax), {n, z.dim(1)});
}

Array Escn::Rules::act(const Nonlinear& f, const Array& x, bool on_edges) const {
  const EscnConfig& c = config;
  if (c.activation == "grid") {
    const PlateGrid& grid = on_edges ? edge_grid : atom_grid;
    return grid.from(silu(grid.to(x)));
  }
  if (c.activation == "gate") {
    const Index n = x.dim(0), degrees = c.lmax + 1;
    const Array gate = sigmoid(reshape(columns(x, 0, c.channels), {n, 1, c.channels}));
    return so3::irrep_scale(x,
                            reshape(broadcast_to(gate, {n, degrees, c.channels}), {n, degrees * c.channels}),
                            polar_features(c.lmax, c.channels));
  }
  return so3::scale_degrees(x, c.lmax, f.linear) +
         so3::scale_degrees((*product)(x, x, product_weights(c.lmax, on_edges ? c.mmax : c.lmax, x)), c.lmax,
                            f.square);
}

Arrays Escn::Rules::operator()(const Message& m, const Edges& edges, const Array& senders,
                               const Array& receivers) const {
  const EscnConfig& c = config;
  const EdgeNodes& nodes = *edges.nodes;
  const so3::Irreps features = polar_features(c.lmax, c.channels);
  const Array hidden = cast(silu(exact(m.attributes)(silu(gather(exact(m.source), nodes.sender_kind) +
                                                          gather(exact(m.target), nodes.receiver_kind) +
                                                          exact(m.distance)(edges.basis)))),
                            edges.vectors.dtype());
  const auto end = [&](int side, const Array& at, const Indices& ends) {
    return apply(m.ends[side], so3::rotate(edges.frames, gather(at, ends), features, true), hidden);
  };
  const Array v = end(0, senders, nodes.edges.senders()) + end(1, receivers, nodes.edges.receivers());
  Array factor = Array::full({1, 1}, 1 / std::sqrt(c.neighbors), c.dtype, v.device());
  if (c.envelope) factor = factor * edges.envelope;
  return {scatter_add(so3::rotate(edges.frames, act(m.activation, v, true), features) * factor,
                      nodes.edges.receivers())};
}

namespace {

Array three(const nn::Linear* maps, const Array& x) {
  return maps[2](silu(maps[1](silu(maps[0](x)))));
}

}  // namespace

// Features of both ends before and after the turn, factors and products of the orders, the message before and
// after it is turned back; what the activation takes.
double Escn::kept_of_an_edge() const {
  const EscnConfig& c = config_;
  const so3::Irreps features = polar_features(c.lmax, c.channels);
  const Index all = features.dim(), turned = so3::in_frames(features, c.mmax).dim();
  const Index maps = c.parity ? 2 * c.mmax + 1 : 4 * c.mmax + 1,
              factors = c.parity ? c.mmax + 1 : 2 * c.mmax + 1;
  Index activation = all + (c.lmax + 2) * c.channels;
  if (c.activation == "product") activation = 2 * all;
  if (c.activation == "grid")
    activation = all + parts_->rules.edge_grid.points() * (3 * c.channels + 2 * all / c.channels);
  return static_cast<double>(4 * all + 2 * turned + 4 * (maps + factors) * c.hidden_channels() + activation +
                             16 * c.channels_of_edges());
}

Array Escn::atomic_energies(const Graph& graph, const Array& vectors) const {
  return all_outputs(graph, vectors).energies;
}

Network::Output Escn::all_outputs(const Graph& graph, const Array& vectors) const {
  const EscnConfig& c = config_;
  const Parts& p = *parts_;
  const Species species = species_of(graph, numbers_, "escn");
  const EdgeSums sums(
      graph, edge_blocks(graph, numbers_, "escn", edges_of_a_block(c, graph.edges.size(), kept_of_an_edge())),
      {p.basis, c.cutoff, c.lmax, c.envelope, false, false,
       c.activation == "grid" ? Frames::rolled : Frames::any_roll},
      negative(vectors));
  const so3::Irreps features = polar_features(c.lmax, c.channels);
  const Index rest = features.dim() - c.channels, n = graph.owned, dim = features.dim(),
              rows = dim / c.channels;
  Array x = exact(gather(p.embedding, species.kind));
  if (rest > 0) x = pad(x, 1, 0, rest);
  for (std::size_t k = 0; k < p.layers.size(); ++k) {
    const Parts::Layer& layer = p.layers[k];
    const Array m = exact(sums(layer.message, cast(x, c.dtype), p.rules)[0]);
    // Linear maps of channels, at every point or of every coefficient.
    const auto by_channel = [&](const nn::Linear& map, const Array& v) {
      return reshape(map(reshape(v, {n, rows, map.weight.dim(1)})), {n, rows * map.weight.dim(0)});
    };
    Array u = concatenate({reshape(x, {n, rows, c.channels}), reshape(m, {n, rows, c.channels})}, 2);
    if (c.activation == "grid") {
      u = p.rules.atom_grid.to(reshape(u, {n, 2 * dim}));
      const nn::Linear in_full[] = {exact(layer.maps[0]), exact(layer.maps[1]), exact(layer.maps[2])};
      u = p.rules.atom_grid.from(three(in_full, u));
    } else {
      u = cast(u, c.dtype);
      u = p.rules.act(layer.on_atoms[0], by_channel(layer.maps[0], reshape(u, {n, 2 * dim})), false);
      u = by_channel(layer.maps[2], p.rules.act(layer.on_atoms[1], by_channel(layer.maps[1], u), false));
    }
    x = k == 0 ? exact(u) : x + exact(u);
  }
  if (c.readout == "scalars") {
    Output out{reshape(three(p.energy, cast(columns(x, 0, c.channels), c.dtype)), {n}), {}};
    if (c.direct) out.forces = columns(p.force_map(cast(x, c.dtype)), 1, 4);
    return out;
  }
  // In float64: means over points cancel most of their values.
  const Array values = matmul(exact(p.harmonics.to(x.device())), reshape(x, {n, rows, c.channels}));
  const auto head = [&](const nn::Linear* maps) {
    const nn::Linear in_full[] = {exact(maps[0]), exact(maps[1]), exact(maps[2])};
    return three(in_full, values);
  };
  Output out{cast(reshape(mean(head(p.energy), 1), {n}), c.dtype), {}};
  if (c.direct) out.forces = cast(mean(head(p.force) * exact(p.points.to(x.device())), 1), c.dtype);
  return out;
}

}  // namespace cartan::potentials
