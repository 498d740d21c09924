// Ranks of Tucker and tensor-train formats by alternating enumeration.
#include <cmath>
#include <map>

#include "cartan/completion/select.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {

Structure search_ranks(const SparseTensor& x, const StructureOptions& o, const StopFlag* stop) {
  require(x.order() >= 2 && x.size() >= 20, "[search_ranks] a tensor of order ", x.order(), " with ",
          x.size(), " entries; expected 2 modes and 20 entries at least");
  require(o.largest >= 1 && o.radius >= 1 && o.rounds >= 1 && o.weight > 0 && o.validation > 0 &&
              o.validation < 1,
          "[search_ranks] largest ", o.largest, ", radius ", o.radius, ", rounds ", o.rounds, ", weight ",
          o.weight, ", validation ", o.validation, "; expected positive numbers, validation below 1");
  const Split parts = split(x, {o.validation, 0, o.fit.seed});
  const Shape& n = x.shape();
  const double norm = std::sqrt(square_of(parts.validation)), entries = [&] {
    double p = 1;
    for (const Index k : n) p *= static_cast<double>(k);
    return p;
  }();
  require(norm > 0, "[search_ranks] the entries that judge are all zero");
  const bool tucker = o.format == Format::tucker;
  const std::size_t count = n.size() - (tucker ? 0 : 1);
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
