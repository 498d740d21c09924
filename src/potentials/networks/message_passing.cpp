#include "potentials/networks/message_passing.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::potentials {

const so3::Activation& silu_activation() {
  static const so3::Activation a = so3::normalized([](const Array& x) { return silu(x); });
  return a;
}
const so3::Activation& tanh_activation() {
  static const so3::Activation a = so3::normalized([](const Array& x) { return tanh(x); });
  return a;
}

so3::Irreps even_scalars(Index count) {
  return so3::Irreps(std::vector<so3::MulIrrep>{{count, {0, 1}}});
}

Array divided_by_fan_in(const Array& weight) {
  return scale(weight, 1 / std::sqrt(static_cast<double>(weight.dim(0))));
}

void check_species(const char* network, const std::vector<std::string>& species) {
  std::set<int> seen;
  for (const std::string& symbol : species) {
    const int z = data::element_number(symbol);
    require(z > 0, "[", network, "] species: '", symbol, "' is no chemical element");
    require(seen.insert(z).second, "[", network, "] species names ", symbol, " twice");
  }
}

void adapt_to(const std::vector<Frame>& frames, double cutoff, std::vector<std::string>& species,
              double& neighbors) {
  if (species.empty()) {
    std::set<int> numbers;
    for (const Frame& f : frames) numbers.insert(f.numbers.begin(), f.numbers.end());
    for (const int z : numbers) species.push_back(data::element_symbol(z));
  }
  if (neighbors > 0 || frames.empty()) return;
  // A hundred frames tell the mean well enough.
  const std::size_t step = std::max<std::size_t>(1, frames.size() / 100);
  double edges = 0, atoms = 0;
  for (std::size_t k = 0; k < frames.size(); k += step) {
    try {
      edges += 2 * static_cast<double>(neighbor_list(frames[k], cutoff).size());
    } catch (const std::invalid_argument& error) {
      const Index index = frames[k].index;
      throw std::invalid_argument(
          text("frame ", index >= 0 ? index : static_cast<Index>(k), ": ", error.what()));
    }
    atoms += static_cast<double>(frames[k].size());
  }
  neighbors = edges > 0 ? edges / atoms : 1;
}

bool is_among(const std::vector<std::string>& species, int atomic_number) {
  return species.empty() ||
         std::find(species.begin(), species.end(), data::element_symbol(atomic_number)) != species.end();
}

std::vector<int> element_numbers(const std::vector<std::string>& species) {
  std::vector<int> out;
  for (const std::string& symbol : species) out.push_back(data::element_number(symbol));
  return out;
}

std::vector<int> known_elements(const char* network, const std::vector<std::string>& species,
                                double neighbors) {
  require(!species.empty(), "[", network,
          "] species is empty: name the elements (training takes those of its frames)");
  require(
      neighbors > 0, "[", network,
      "] neighbors is 0: give the mean number of neighbours of an atom (training takes that of its frames)");
  return element_numbers(species);
}

Species species_of(const Graph& graph, const std::vector<int>& numbers, const char* network) {
  const Index kinds = static_cast<Index>(numbers.size());
  std::vector<std::int32_t> kind, back(graph.owned);
  for (const int z : graph.numbers) {
    const auto it = std::find(numbers.begin(), numbers.end(), z);
    if (it == numbers.end()) {
      std::string known;
      for (const int n : numbers) known += " " + data::element_symbol(n);
      require(false, "[", network, "] the network has no ", data::element_symbol(z), ", it was made for",
              known);
    }
    kind.push_back(static_cast<std::int32_t>(it - numbers.begin()));
  }
  kind.resize(graph.owned);
  Species species;
  std::int32_t next = 0;
  for (Index k = 0; k < kinds; ++k) {
    std::vector<std::int32_t> rows;
    for (Index a = 0; a < graph.owned; ++a)
      if (kind[a] == k) {
        rows.push_back(static_cast<std::int32_t>(a));
        back[a] = next++;
      }
    if (!rows.empty()) species.rows.emplace_back(k, Indices(std::move(rows), graph.owned));
  }
  species.kind = Indices(std::move(kind), kinds);
  species.back = Indices(std::move(back), graph.owned);
  return species;
}

std::vector<nn::Matrix> matrices_of(const so3::Linear& map, Index count) {
  std::vector<nn::Matrix> out;
  for (Index n = 0; n < count; ++n)
    for (const so3::Linear::Path& p : map.paths())
      out.push_back(
          {n * map.weight_numel() + p.offset, map.irreps_in()[p.in].mul, map.irreps_out()[p.out].mul});
  return out;
}

Array by_species(const so3::Linear& map, const Array& x, const Array& weights, const Species& species) {
  Arrays parts;
  for (const auto& [k, rows] : species.rows)
    parts.push_back(map(gather(x, rows), reshape(slice(weights, 0, k, k + 1), {-1})));
  return gather(concatenate(parts, 0), species.back);
}

std::vector<std::int32_t> rows_of(const std::vector<int>& all, const std::vector<int>& wanted) {
  std::vector<std::int32_t> rows;
  for (std::size_t k = 0; k < all.size(); ++k)
    if (std::find(wanted.begin(), wanted.end(), all[k]) != wanted.end())
      rows.push_back(static_cast<std::int32_t>(k));
  return rows;
}

void keep_rows(const nn::ConstParameterRefs& from, const nn::ParameterRefs& to,
               const std::vector<std::int32_t>& kept, Index elements) {
  const Indices rows(kept, elements);
  for (std::size_t k = 0; k < to.size(); ++k) {
    const Array value = from[k].value->to(Device::cpu);
    *to[k].value = value.shape() == to[k].value->shape() ? value : gather(value, rows);
  }
}

std::vector<Array> radial_weights(Index in, const std::vector<std::int64_t>& hidden, Index out, DType dtype,
                                  nn::Init& init) {
  std::vector<Array> weights;
  for (const Index next : hidden) {
    weights.push_back(init.normal({in, next}, dtype));
    in = next;
  }
  weights.push_back(init.normal({in, out}, dtype));
  return weights;
}

Array radial_network(const Array& basis, const std::vector<Array>& weights) {
  Array out = basis;
  for (std::size_t k = 0; k < weights.size(); ++k)
    out = matmul(k == 0 ? out : silu_activation()(out), divided_by_fan_in(weights[k]));
  return out;
}

}  // namespace cartan::potentials
