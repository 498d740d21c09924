#include "cartan/potentials/networks/tensornet.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {
namespace {

// One U(-1/sqrt(F), 1/sqrt(F)) matrix a rank, as torch initialises a Linear without bias.
Array mixing(Index channels, DType dtype, nn::Init& init) {
  const double bound = 1 / std::sqrt(static_cast<double>(channels));
  return init.uniform({3, channels, channels}, -bound, bound, dtype);
}

// Coordinates of (Id, skew(u), u u^T - Id/3) in the orthonormal basis; a zero row gives (sqrt(3), 0, ...).
Array directions(const Array& unit) {
  const Index rows = unit.dim(0);
  const double h = std::sqrt(0.5), s = std::sqrt(1.0 / 6);
  //                         xx  xy  xz  yx  yy  yz  zx  zy  zz
  const double basis[5][9] = {{0, h, 0, h, 0, 0, 0, 0, 0},
                              {0, 0, 0, 0, 0, h, 0, h, 0},
                              {0, 0, h, 0, 0, 0, h, 0, 0},
                              {h, 0, 0, 0, -h, 0, 0, 0, 0},
                              {-s, 0, 0, 0, -s, 0, 0, 0, 2 * s}};
  const Array project = Array::from(&basis[0][0], {5, 9}).as(unit.dtype()).to(unit.device());
  const Array products = reshape(reshape(unit, {rows, 3, 1}) * reshape(unit, {rows, 1, 3}), {rows, 9});
  return concatenate({Array::full({rows, 1}, std::sqrt(3.0), unit.dtype(), unit.device()),
                      scale(unit, std::sqrt(2.0)), matmul(products, project, false, true)},
                     1);
}

// X / (||X||^2 + 1)
Array normalized(const Array& x) {
  return gate(x, reciprocal(shift(rank_dot(x, x, 1), 1)));
}

Array with_last_zero_row(const Array& a) {
  return pad(a, 0, 0, 1);
}

// The vectors of pairs: of two opposite edges the first one's.
Array pair_vectors(const Graph& graph, const Array& vectors) {
  const Index both = 2 * graph.pairs, all = vectors.dim(0);
  if (both == 0) return vectors;
  const Array first =
      slice(reshape(both == all ? vectors : slice(vectors, 0, 0, both), {graph.pairs, 6}), 1, 0, 3);
  return both == all ? first : concatenate({first, slice(vectors, 0, both, all)}, 0);
}

// A field (9, atoms, channels) in which the rows of ghosts are those of their atoms.
Array complete(const Graph& graph, const Array& x) {
  if (graph.ghosts() == 0) return x;
  return permute(spread_to_ghosts(graph, permute(slice(x, 1, 0, graph.owned), {1, 0, 2})), {1, 0, 2});
}

// Rows (z_i, z_j) of a table over the elements present, for each directed edge.
Indices species_pairs(const Neighborhood& n, const std::vector<std::int32_t>& kind, Index kinds) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(n.edges()));
  auto row = [&](std::int32_t receiver, std::int32_t sender) {
    return kind[static_cast<std::size_t>(receiver)] * static_cast<std::int32_t>(kinds) +
           kind[static_cast<std::size_t>(sender)];
  };
  for (std::size_t p = 0; p < static_cast<std::size_t>(n.pairs); ++p) {
    rows[2 * p] = row(n.i[p], n.j[p]);
    rows[2 * p + 1] = row(n.j[p], n.i[p]);
  }
  for (std::int32_t a = 0; a < n.atoms; ++a) rows[static_cast<std::size_t>(2 * n.pairs + a)] = row(a, a);
  return Indices(std::move(rows), kinds * kinds);
}

}  // namespace

void TensorNetConfig::describe(config::Fields& f) {
  f("channels", channels, "features an atom has of each rank; even").from(2).to(65536);
  f("layers", layers, "interactions").from(0).to(1024);
  f("radial", radial, "radial basis functions").from(2).to(65536);
  f("cutoff", cutoff, "distance beyond which atoms do not see each other").above(0).to(1000).unit("Angstrom");
  f("cutoff_lower", cutoff_lower, "distance below which they do not").from(0).unit("Angstrom");
  f("radial_basis", radial_basis, "radial functions").one_of({"expnorm", "gauss", "bessel"});
  f("trainable_radial", trainable_radial, "train centres and widths of the radial functions");
  f("group", group, "O(3) keeps parity; with SO(3) mirror images may differ").one_of({"O(3)", "SO(3)"});
  f("max_number", max_number, "atomic numbers below this have an embedding").from(2).to(1024);
  f("precision", dtype, "of parameters and arithmetic").stored_as("dtype");
}

void TensorNetConfig::validate() const {
  NetworkConfig::validate();
  require(channels % 2 == 0, "[tensornet] channels must be even, not ", channels);
  require(cutoff_lower < cutoff, "[tensornet] cutoff_lower ", cutoff_lower, " must be below the cutoff ",
          cutoff, " Angstrom");
}

std::string TensorNetConfig::summary() const {
  return text("TensorNet ", group, ", ", layers, " layers, ", channels, " channels, cutoff ", cutoff, " A, ",
              dtype);
}

std::unique_ptr<NetworkConfig> TensorNetConfig::clone() const {
  return std::make_unique<TensorNetConfig>(*this);
}

std::unique_ptr<Network> TensorNetConfig::make(nn::Init& init) const {
  return std::make_unique<TensorNet>(*this, init);
}

namespace {

NeighborhoodPtr make_neighborhood(const Graph& graph) {
  auto n = std::make_shared<Neighborhood>();
  const Index edges = graph.edges.size(), both = 2 * graph.pairs;
  n->atoms = graph.atoms();
  n->pairs = edges - graph.pairs;
  require(n->edges() < (Index{1} << 31), "[tensornet] ", n->pairs, " pairs are more than one graph can hold");
  const std::int32_t *senders = graph.edges.senders().data(), *receivers = graph.edges.receivers().data();
  n->i.reserve(n->pairs), n->j.reserve(n->pairs);
  for (Index e = 0; e < edges; e += e < both ? 2 : 1) {
    n->i.push_back(receivers[e]);
    n->j.push_back(senders[e]);
  }
  n->begin.assign(n->atoms + 1, 1);  // one self edge each
  n->begin[0] = 0;
  for (Index p = 0; p < n->pairs; ++p) {
    ++n->begin[n->i[p] + 1];
    ++n->begin[n->j[p] + 1];
  }
  for (Index a = 0; a < n->atoms; ++a) n->begin[a + 1] += n->begin[a];
  n->edge.resize(n->edges());
  n->sender.resize(n->edges());
  std::vector<Index> next(n->begin.begin(), n->begin.end());
  const auto put = [&](std::int32_t receiver, std::int32_t sender, Index edge) {
    const Index k = next[receiver]++;
    n->edge[k] = static_cast<std::int32_t>(edge);
    n->sender[k] = sender;
  };
  for (std::int32_t a = 0; a < n->atoms; ++a) put(a, a, 2 * n->pairs + a);
  for (Index p = 0; p < n->pairs; ++p) {
    put(n->i[p], n->j[p], 2 * p);
    put(n->j[p], n->i[p], 2 * p + 1);
  }
  return n;
}

}  // namespace

NeighborhoodPtr neighborhood_of(const Graph& graph) {
  return graph.derived->get<Neighborhood>([&] { return make_neighborhood(graph); });
}

TensorNet::TensorNet(const TensorNetConfig& config, nn::Init& init)
    : config_((config.validate(), config)),
      basis_({nn::radial_kind(config.radial_basis), config.radial, config.cutoff_lower, config.cutoff,
              config.trainable_radial},
             config.dtype),
      projection_(config.radial, 3 * config.channels, true, config.dtype, init),
      species_(config.max_number, config.channels, config.dtype, init),
      pair_species_(2 * config.channels, config.channels, true, config.dtype, init),
      mix_(mixing(config.channels, config.dtype, init)),
      gate_norm_(config.channels, config.dtype),
      out_norm_(3 * config.channels, config.dtype),
      out_(3 * config.channels, config.channels, true, config.dtype, init) {
  const Index f = config.channels;
  gate_.emplace_back(f, 2 * f, true, config.dtype, init);
  gate_.emplace_back(2 * f, 3 * f, true, config.dtype, init);
  for (Index l = 0; l < config.layers; ++l) {
    Interaction layer;
    layer.scalar.emplace_back(config.radial, f, true, config.dtype, init);
    layer.scalar.emplace_back(f, 2 * f, true, config.dtype, init);
    layer.scalar.emplace_back(2 * f, 3 * f, true, config.dtype, init);
    layer.mix_in = mixing(f, config.dtype, init);
    layer.mix_out = mixing(f, config.dtype, init);
    interactions_.push_back(std::move(layer));
  }
  head_ = nn::Mlp({f, f / 2, 1}, config.dtype, init, nn::WeightInit::xavier);
}

void TensorNet::collect(nn::ParameterRefs& out, nn::ParameterRefs& constants) {
  basis_.collect("radial_basis", out);
  basis_.collect_buffers("radial_basis", constants);
  projection_.collect("embedding.projection", out);
  species_.collect("embedding.species", out);
  pair_species_.collect("embedding.pair_species", out);
  out.push_back({"embedding.mix", &mix_});
  gate_[0].collect("embedding.gate.0", out);
  gate_[1].collect("embedding.gate.1", out);
  gate_norm_.collect("embedding.norm", out);
  for (std::size_t l = 0; l < interactions_.size(); ++l) {
    const std::string p = "interactions." + std::to_string(l) + ".";
    for (std::size_t k = 0; k < 3; ++k)
      interactions_[l].scalar[k].collect(p + "scalar." + std::to_string(k), out);
    out.push_back({p + "mix_in", &interactions_[l].mix_in});
    out.push_back({p + "mix_out", &interactions_[l].mix_out});
  }
  out_norm_.collect("readout.norm", out);
  out_.collect("readout.linear", out);
  head_.collect("readout.head", out);
}

Array TensorNet::embed(const Edges& edges, const Array& unit) const {
  const Graph& graph = edges.graph;
  const Index f = config_.channels, rows = edges.neighborhood->pairs + 1, atoms = graph.atoms();
  // Z over the pairs of elements that are present
  std::vector<std::int32_t> elements(graph.numbers.begin(), graph.numbers.end());
  std::sort(elements.begin(), elements.end());
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  std::vector<std::int32_t> kind;
  for (int z : graph.numbers)
    kind.push_back(
        static_cast<std::int32_t>(std::lower_bound(elements.begin(), elements.end(), z) - elements.begin()));
  const Index kinds = static_cast<Index>(elements.size());
  const Array species = species_(Indices(elements, config_.max_number));
  const Array receiver = linear(species, slice(pair_species_.weight, 1, 0, f), pair_species_.bias);
  const Array sender = matmul(species, slice(pair_species_.weight, 1, f, 2 * f), false, true);
  const Array table =
      reshape(reshape(receiver, {kinds, 1, f}) + reshape(sender, {1, kinds, f}), {kinds * kinds, f});
  const Array z = gather(table, species_pairs(*edges.neighborhood, kind, kinds));

  const Array w = reshape(projection_(edges.basis) * reshape(edges.cutoff, {rows, 1}), {rows, 3, f});
  Array x = edge_embedding(edges.neighborhood, directions(with_last_zero_row(unit)), w, z);
  Array n = gate_norm_(reshape(rank_dot(x, x, 1), {atoms, f}));
  for (const nn::Linear& layer : gate_) n = silu(layer(n));
  return complete(graph, gate(rank_linear(x, mix_), reshape(n, {atoms, 3, f})));
}

Array TensorNet::interact(const Interaction& layer, const Edges& edges, Array x) const {
  const Index f = config_.channels, rows = edges.neighborhood->pairs + 1;
  Array g = edges.basis;
  for (const nn::Linear& linear : layer.scalar) g = silu(linear(g));
  g = reshape(g * reshape(edges.cutoff, {rows, 1}), {rows, 3, f});

  x = normalized(x);
  const Array y = rank_linear(x, layer.mix_in);
  const Array m = message(edges.neighborhood, g, y);
  auto charged = [&](const Array& a) {
    return edges.charge_factor.empty() ? a : gate(a, edges.charge_factor);
  };
  const Array p = config_.group == "O(3)" ? charged(anticommutator(y, m)) : scale(matrix_product(y, m), 2);
  const Array dx = rank_linear(normalized(p), layer.mix_out);
  return complete(edges.graph, x + dx + charged(matrix_product(dx, dx)));
}

Array TensorNet::charge_factor(const Graph& graph, Device device) const {
  if (std::all_of(graph.charge.begin(), graph.charge.end(), [](double q) { return q == 0; })) return {};
  const Index f = config_.channels;
  std::vector<double> factor;
  for (std::size_t b = 0; b < graph.charge.size(); ++b)
    factor.insert(factor.end(), static_cast<std::size_t>((graph.first[b + 1] - graph.first[b]) * f),
                  1 + 0.1 * graph.charge[b]);
  factor.resize(static_cast<std::size_t>(graph.atoms() * f), 1);  // of ghosts it is not looked at
  return Array::from(factor, {graph.atoms(), 1, f}).as(config_.dtype).to(device);
}

Array TensorNet::atomic_energies(const Graph& graph, const Array& vectors) const {
  for (int z : graph.numbers)
    require(z > 0 && z < config_.max_number, "[tensornet] atomic number ", z,
            " is outside the embedding (below ", config_.max_number, ")");
  Edges edges{graph, neighborhood_of(graph), {}, {}, charge_factor(graph, vectors.device())};
  const Array r = pair_vectors(graph, vectors);
  const Array d = sqrt(sum(square(r), 1, true));
  const Array unit = r / d;
  const Array distance = with_last_zero_row(reshape(d, {r.dim(0)}));  // the last row: self edges
  edges.basis = basis_(distance);
  edges.cutoff = nn::cosine_cutoff(distance, config_.cutoff_lower, config_.cutoff);

  Array x = embed(edges, unit);
  for (const Interaction& layer : interactions_) x = interact(layer, edges, x);

  if (graph.ghosts() > 0) x = slice(x, 1, 0, graph.owned);
  const Array invariants = reshape(rank_dot(x, x, 3), {graph.owned, 3 * config_.channels});
  const Array features = silu(out_(out_norm_(invariants)));
  return reshape(head_(features), {graph.owned});
}

}  // namespace cartan::potentials
