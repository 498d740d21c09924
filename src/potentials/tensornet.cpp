#include "cartan/potentials/tensornet.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {
namespace {

// One U(-1/sqrt(F), 1/sqrt(F)) matrix a rank, as torch initialises a Linear without bias.
Array mixing(Index channels, DType dtype, nn::Init& init) {
  const double bound = 1 / std::sqrt(static_cast<double>(channels));
  return random_uniform({3, channels, channels}, -bound, bound, dtype, init.stream());
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
  const Array project = Array::from(&basis[0][0], {5, 9}).as(unit.dtype());
  const Array products = reshape(reshape(unit, {rows, 3, 1}) * reshape(unit, {rows, 1, 3}), {rows, 9});
  return concatenate({Array::full({rows, 1}, std::sqrt(3.0), unit.dtype()), scale(unit, std::sqrt(2.0)),
                      matmul(products, project, false, true)},
                     1);
}

// X / (||X||^2 + 1)
Array normalized(const Array& x) {
  return gate(x, reciprocal(shift(rank_dot(x, x, 1), 1)));
}

Array with_last_zero_row(const Array& a) {
  return pad(a, 0, 0, 1);
}

// Rows (z_i, z_j) of a table over the elements present, for each directed edge.
Indices species_pairs(const Graph& graph, const std::vector<std::int32_t>& kind, Index kinds) {
  const Neighborhood& n = *graph.neighborhood;
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

void TensorNetConfig::validate() const {
  require(channels >= 2 && channels % 2 == 0, "[TensorNet] channels must be even and at least 2, not ",
          channels);
  require(layers >= 0, "[TensorNet] layers must not be negative, not ", layers);
  require(radial >= 2, "[TensorNet] radial must be at least 2, not ", radial);
  require(cutoff > 0 && cutoff_lower >= 0 && cutoff_lower < cutoff, "[TensorNet] cutoffs ", cutoff_lower,
          " and ", cutoff, " Angstrom: the upper must be larger than the lower, which is not negative");
  require(group == "O(3)" || group == "SO(3)", "[TensorNet] group must be O(3) or SO(3), not ", group);
  require(max_number >= 2, "[TensorNet] max_number must be at least 2, not ", max_number);
  require(is_real(dtype), "[TensorNet] dtype must be float32 or float64, not ", dtype);
}

void TensorNetConfig::save(data::Group& g) const {
  g.attributes["kind"] = std::string("tensornet");
  g.attributes["channels"] = std::int64_t{channels};
  g.attributes["layers"] = std::int64_t{layers};
  g.attributes["radial"] = std::int64_t{radial};
  g.attributes["cutoff"] = cutoff;
  g.attributes["cutoff_lower"] = cutoff_lower;
  g.attributes["radial_basis"] = radial_basis;
  g.attributes["trainable_radial"] = std::int64_t{trainable_radial};
  g.attributes["group"] = group;
  g.attributes["max_number"] = std::int64_t{max_number};
  g.attributes["dtype"] = std::string(name_of(dtype));
}

TensorNetConfig TensorNetConfig::load(const data::Group& g) {
  TensorNetConfig c;
  c.channels = g.integer("channels");
  c.layers = g.integer("layers");
  c.radial = g.integer("radial");
  c.cutoff = g.number("cutoff");
  c.cutoff_lower = g.number("cutoff_lower");
  c.radial_basis = g.string("radial_basis");
  c.trainable_radial = g.integer("trainable_radial") != 0;
  c.group = g.string("group");
  c.max_number = g.integer("max_number");
  c.dtype = dtype_from_name(g.string("dtype"));
  c.validate();
  return c;
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

void TensorNet::collect(const std::string& prefix, nn::ParameterRefs& out) {
  basis_.collect(prefix + "radial_basis", out);
  projection_.collect(prefix + "embedding.projection", out);
  species_.collect(prefix + "embedding.species", out);
  pair_species_.collect(prefix + "embedding.pair_species", out);
  out.push_back({prefix + "embedding.mix", &mix_});
  gate_[0].collect(prefix + "embedding.gate.0", out);
  gate_[1].collect(prefix + "embedding.gate.1", out);
  gate_norm_.collect(prefix + "embedding.norm", out);
  for (std::size_t l = 0; l < interactions_.size(); ++l) {
    const std::string p = prefix + "interactions." + std::to_string(l) + ".";
    for (std::size_t k = 0; k < 3; ++k)
      interactions_[l].scalar[k].collect(p + "scalar." + std::to_string(k), out);
    out.push_back({p + "mix_in", &interactions_[l].mix_in});
    out.push_back({p + "mix_out", &interactions_[l].mix_out});
  }
  out_norm_.collect(prefix + "readout.norm", out);
  out_.collect(prefix + "readout.linear", out);
  head_.collect(prefix + "readout.head", out);
}

Array TensorNet::embed(const Graph& graph, const Array& unit, const Array& cutoff, const Array& basis) const {
  const Index f = config_.channels, rows = graph.pairs() + 1, atoms = graph.atoms();
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
  const Array z = gather(table, species_pairs(graph, kind, kinds));

  const Array w = reshape(projection_(basis) * reshape(cutoff, {rows, 1}), {rows, 3, f});
  Array x = edge_embedding(graph.neighborhood, directions(with_last_zero_row(unit)), w, z);
  Array n = gate_norm_(reshape(rank_dot(x, x, 1), {atoms, f}));
  for (const nn::Linear& layer : gate_) n = silu(layer(n));
  return gate(rank_linear(x, mix_), reshape(n, {atoms, 3, f}));
}

Array TensorNet::interact(const Interaction& layer, const Graph& graph, Array x, const Array& cutoff,
                          const Array& basis, const Array& charge_factor) const {
  const Index f = config_.channels, rows = graph.pairs() + 1;
  Array g = basis;
  for (const nn::Linear& linear : layer.scalar) g = silu(linear(g));
  g = reshape(g * reshape(cutoff, {rows, 1}), {rows, 3, f});

  x = normalized(x);
  const Array y = rank_linear(x, layer.mix_in);
  const Array m = message(graph.neighborhood, g, y);
  auto charged = [&](const Array& a) { return charge_factor.empty() ? a : gate(a, charge_factor); };
  const Array p = config_.group == "O(3)" ? charged(anticommutator(y, m)) : scale(matrix_product(y, m), 2);
  const Array dx = rank_linear(normalized(p), layer.mix_out);
  return x + dx + charged(matrix_product(dx, dx));
}

Array TensorNet::operator()(const Graph& graph, const Array& vectors) const {
  require(vectors.shape() == Shape({graph.pairs(), 3}) && vectors.dtype() == config_.dtype,
          "[TensorNet] vectors must be (", graph.pairs(), ", 3) of ", config_.dtype, ", not ",
          vectors.shape(), " of ", vectors.dtype());
  for (int z : graph.numbers)
    require(z > 0 && z < config_.max_number, "[TensorNet] atomic number ", z,
            " is outside the embedding (below ", config_.max_number, ")");
  const Index f = config_.channels, atoms = graph.atoms();

  Array charge_factor;  // 1 + q/10, one row an atom
  if (std::any_of(graph.charge.begin(), graph.charge.end(), [](double q) { return q != 0; })) {
    std::vector<double> factor;
    for (std::size_t b = 0; b < graph.charge.size(); ++b)
      factor.insert(factor.end(), static_cast<std::size_t>((graph.first[b + 1] - graph.first[b]) * f),
                    1 + 0.1 * graph.charge[b]);
    charge_factor = Array::from(factor, {atoms, 1, f}).as(config_.dtype);
  }

  const Array d = sqrt(sum(square(vectors), 1, true));
  const Array unit = vectors / d;
  const Array distance = with_last_zero_row(reshape(d, {graph.pairs()}));  // the last row: self edges
  const Array basis = basis_(distance);
  const Array cutoff = nn::cosine_cutoff(distance, config_.cutoff_lower, config_.cutoff);

  Array x = embed(graph, unit, cutoff, basis);
  for (const Interaction& layer : interactions_) x = interact(layer, graph, x, cutoff, basis, charge_factor);

  const Array invariants = reshape(rank_dot(x, x, 3), {atoms, 3 * f});
  const Array features = silu(out_(out_norm_(invariants)));
  return reshape(head_(features), {atoms});
}

}  // namespace cartan::potentials
