#include "potentials/networks/edge_blocks.hpp"

#include <algorithm>
#include <numeric>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "potentials/networks/edge_layers.hpp"

namespace cartan::potentials {
namespace {

// The edges `rows` of the graph, which arrive at the atoms [first, last).
EdgeNodes nodes_of(const Graph& graph, const std::vector<std::int32_t>& kind, Index kinds,
                   const std::vector<std::int32_t>& rows, Index first, Index last) {
  const auto edges = static_cast<Index>(rows.size());
  std::vector<std::int32_t> s(edges), t(edges), own(edges), source(edges), target(edges);
  for (Index e = 0; e < edges; ++e) {
    const std::int32_t to = graph.edges.receivers()[rows[e]];
    s[e] = graph.edges.senders()[rows[e]], t[e] = to - static_cast<std::int32_t>(first);
    own[e] = static_cast<std::int32_t>(e);
    source[e] = kind[s[e]], target[e] = kind[to];
  }
  const Index senders = graph.edges.sender_nodes(), receivers = last - first;
  return {EdgeList(s, t, senders, receivers),
          EdgeList(s, own, senders, edges),
          EdgeList(t, own, receivers, edges),
          EdgeList(own, own, edges),
          EdgeList(own, t, edges, receivers),
          Indices(source, kinds),
          Indices(target, kinds)};
}

std::vector<std::int32_t> kinds_of(const Graph& graph, const std::vector<int>& numbers, const char* network) {
  std::vector<std::int32_t> kind;
  for (const int z : graph.numbers) {
    const auto it = std::find(numbers.begin(), numbers.end(), z);
    require(it != numbers.end(), "[", network, "] the network has no ", data::element_symbol(z),
            ", it was made for ", numbers.size(), " elements");
    kind.push_back(static_cast<std::int32_t>(it - numbers.begin()));
  }
  return kind;
}

EdgeBlocks divided(const Graph& graph, const std::vector<std::int32_t>& kind, Index kinds, Index most) {
  EdgeBlocks out;
  if (graph.edges.size() <= most) {
    std::vector<std::int32_t> all(graph.edges.size());
    std::iota(all.begin(), all.end(), 0);
    out.parts.push_back(std::make_shared<const EdgeNodes>(nodes_of(graph, kind, kinds, all, 0, graph.owned)));
    return out;
  }
  const Indices& receivers = graph.edges.receivers();
  const auto& begin = receivers.inverse_begin();
  for (Index first = 0; first < graph.owned;) {
    Index last = first + 1;
    while (last < graph.owned && begin[last + 1] - begin[first] <= most) ++last;
    const std::vector<std::int32_t> rows(receivers.inverse().begin() + begin[first],
                                         receivers.inverse().begin() + begin[last]);
    out.parts.push_back(std::make_shared<const EdgeNodes>(nodes_of(graph, kind, kinds, rows, first, last)));
    out.edges.push_back(begin[first]), out.atoms.push_back(first);
    first = last;
  }
  out.edges.push_back(graph.edges.size()), out.atoms.push_back(graph.owned);
  out.rows = Indices(receivers.inverse(), graph.edges.size());
  return out;
}

}  // namespace

std::shared_ptr<const EdgeBlocks> edge_blocks(const Graph& graph, const std::vector<int>& numbers,
                                              const char* network, Index most) {
  const auto kinds = static_cast<Index>(numbers.size());
  most = std::min(most, std::max<Index>(graph.edges.size(), 1));
  const auto make = [&] {
    return std::make_shared<const EdgeBlocks>(divided(graph, kinds_of(graph, numbers, network), kinds, most));
  };
  const auto kept = graph.derived->get<KeptBlocks>([&] { return new KeptBlocks{numbers, most, make()}; });
  return kept->numbers == numbers && kept->most == most ? kept->blocks : make();
}

Index edges_of_a_block(const SO2NetworkConfig& config, Index edges, double kept) {
  const double bytes = 3 * kept * static_cast<double>(size_of(config.dtype)),
               limit = config.memory * static_cast<double>(Index{1} << 30);
  if (bytes * static_cast<double>(edges * config.layers) <= limit) return std::max<Index>(edges, 1);
  const double of_one = limit / (3 * bytes), half = static_cast<double>(edges / 2);  // one block keeps all
  return std::max<Index>(1, static_cast<Index>(std::min(of_one, half)));
}

double kept_of_factors(const SO2NetworkConfig& c) {
  Index orders = 0;  // degrees and orders that have a factor
  for (int m = 0; m <= c.mmax; ++m) orders += c.lmax + 1 - m;
  return static_cast<double>(2 * orders * c.channels + 28 * c.channels_of_edges());
}

Array Edges::limited(const Array& x) const {
  return envelope.empty() ? x : x * envelope;
}

EdgeGeometry::EdgeGeometry(const nn::RadialBasis& given, double to, int degrees, bool limited, bool harmonic,
                           bool constant, Frames how)
    : basis(given),
      cutoff(to),
      lmax(degrees),
      envelope(limited),
      harmonics(harmonic),
      constants(constant),
      frames(how) {
  basis.centers = cast(basis.centers, DType::f64);
  if (!basis.widths.empty()) basis.widths = cast(basis.widths, DType::f64);
}

Edges EdgeGeometry::operator()(std::shared_ptr<const EdgeNodes> nodes, const Array& r) const {
  Edges e;
  e.nodes = std::move(nodes);
  e.vectors = r;
  const Array exact = cast(r, DType::f64), lengths = sqrt(sum(square(exact), 1));
  e.basis = basis(lengths);
  if (envelope) e.envelope = cast(reshape(nn::polynomial_cutoff(lengths, cutoff, 5), {-1, 1}), r.dtype());
  if (harmonics) e.harmonics = so3::spherical_harmonics(r, lmax, {true, so3::Normalization::norm});
  if (constants) e.constants = scatter_add(e.limited(e.harmonics), e.nodes->edges.receivers());
  if (frames != Frames::none) e.frames = edge_frames(r, lmax, frames == Frames::rolled);
  return e;
}

EdgeSums::EdgeSums(const Graph& graph, std::shared_ptr<const EdgeBlocks> blocks, EdgeGeometry geometry,
                   Array vectors)
    : graph_(graph),
      blocks_(std::move(blocks)),
      geometry_(std::make_shared<const EdgeGeometry>(std::move(geometry))),
      vectors_(std::move(vectors)) {
  if (blocks_->size() == 1) whole_ = (*geometry_)(blocks_->parts.front(), vectors_);
}

Array EdgeSums::spread(const Array& x) const {
  return x.empty() ? x : spread_to_ghosts(graph_, x);
}

Arrays EdgeSums::in_blocks(const Arrays& parameters, const Array& x, std::size_t results,
                           const Block& block) const {
  Arrays in{gather(vectors_, blocks_->rows)};
  std::vector<Blocks> of_in{blocks_->edges};
  if (!x.empty()) {
    in.insert(in.end(), {spread(x), x});
    of_in.insert(of_in.end(), {Blocks{}, blocks_->atoms});
  }
  const auto at_atoms = static_cast<std::ptrdiff_t>(in.size());
  in.insert(in.end(), parameters.begin(), parameters.end());
  of_in.resize(in.size());
  return checkpoint_blocks(
      [at_atoms, block, blocks = blocks_, geometry = geometry_](std::size_t k, const Arrays& a) {
        const bool features = at_atoms > 1;
        return block(Arrays(a.begin() + at_atoms, a.end()), (*geometry)(blocks->parts[k], a[0]),
                     features ? a[1] : Array(), features ? a[2] : Array());
      },
      blocks_->size(), in, of_in, std::vector<Blocks>(results, blocks_->atoms));
}

}  // namespace cartan::potentials
