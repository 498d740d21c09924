// Ranks of Tucker, tensor-train and tensor-ring formats by alternating enumeration.
#include <cmath>
#include <map>

#include "cartan/completion/select.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {

void describe(config::Fields& f, StructureOptions& o) {
  f("format", o.format, {{"tucker", Format::tucker}, {"train", Format::train}, {"ring", Format::ring}},
    "whose ranks are searched");
  f("largest", o.largest, "rank of a mode or bond").from(1).to(4096);
  f("radius", o.radius, "ranks tried on either side of the present one").from(1).to(64);
  f("weight", o.weight, "of the relative error against the logarithm of the size").above(0);
  f("rounds", o.rounds, "over all ranks, at most").from(1).to(1000);
  f("validation", o.validation, "share of the entries that judge").above(0).below(1);
}

Structure search_ranks(const SparseTensor& x, const StructureOptions& o, const StopFlag* stop) {
  require(x.order() >= 2 && x.size() >= 20, "[search_ranks] a tensor of order ", x.order(), " with ",
          x.size(), " entries; expected 2 modes and 20 entries at least");
  config::validate("search_ranks", o);
  const Split parts = split(x, {o.validation, 0, o.fit.seed});
  const Shape& n = x.shape();
  const double norm = std::sqrt(square_of(parts.validation)), entries = [&] {
    double p = 1;
    for (const Index k : n) p *= static_cast<double>(k);
    return p;
  }();
  require(norm > 0, "[search_ranks] the entries that judge are all zero");
  const bool tucker = o.format == Format::tucker;
  const bool ring = o.format == Format::ring;
  const std::size_t count = n.size() - (o.format == Format::train ? 1 : 0);
  std::map<std::vector<Index>, Structure> known;
  int evaluations = 0;
  const auto judge = [&](const std::vector<Index>& ranks) -> const Structure& {
    const auto found = known.find(ranks);
    if (found != known.end()) return found->second;
    stop_if_set(stop);
    Structure s;
    s.ranks = ranks;
    LowRankOptions fit = o.fit;
    fit.ranks.assign(ranks.begin(), ranks.end());
    const Array at = parts.validation.index_array();
    double numbers = 0;
    Array mean;
    if (tucker) {
      numbers = 1;
      for (const Index r : ranks) numbers *= static_cast<double>(r);
      for (std::size_t k = 0; k < n.size(); ++k) numbers += static_cast<double>(n[k] * ranks[k]);
      mean = complete_tucker(parts.train, {}, fit).tensor.at(at);
    } else if (ring) {
      for (std::size_t k = 0; k < n.size(); ++k)
        numbers += static_cast<double>(n[k] * ranks[k] * ranks[(k + 1) % count]);
      mean = complete_ring(parts.train, {}, fit).tensor.at(at);
    } else {
      for (std::size_t k = 0; k < n.size(); ++k)
        numbers += static_cast<double>(n[k] * (k > 0 ? ranks[k - 1] : 1) * (k < count ? ranks[k] : 1));
      mean = complete_train(parts.train, {}, fit).tensor.at(at);
    }
    s.error =
        rmse_of(parts.validation, mean) * std::sqrt(static_cast<double>(parts.validation.size())) / norm;
    s.size = numbers / entries;
    s.objective = std::log(s.size) + o.weight * s.error;
    ++evaluations;
    return known.emplace(ranks, s).first->second;
  };
  std::vector<Index> ranks(count);
  for (std::size_t k = 0; k < count; ++k)
    ranks[k] = std::min<Index>({2, o.largest, n[k], n[std::min(k + 1, n.size() - 1)]});
  Structure best = judge(ranks);
  for (int round = 0; round < o.rounds; ++round) {
    const std::vector<Index> before = best.ranks;
    for (std::size_t k = 0; k < count; ++k) {
      const Index centre = best.ranks[k], most = tucker ? std::min(o.largest, n[k]) : o.largest;
      for (Index r = std::max<Index>(1, centre - o.radius); r <= std::min(most, centre + o.radius); ++r) {
        std::vector<Index> other = best.ranks;
        other[k] = r;
        const Structure& s = judge(other);
        if (s.objective < best.objective) best = s;
      }
    }
    if (best.ranks == before) break;
  }
  best.evaluations = evaluations;
  return best;
}

}  // namespace cartan::completion
