#include "completion/sorting.hpp"

#include <algorithm>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"

namespace cartan::completion {
namespace {

// Modes after the first as one number, where they fit into 64 bits.
bool fits_a_key(const Shape& shape, const std::vector<int>& modes) {
  double product = 1;
  for (std::size_t k = 1; k < modes.size(); ++k)
    product *= static_cast<double>(shape[static_cast<std::size_t>(modes[k])]);
  return product < 9e18;
}

}  // namespace

// A counting sort by the first mode, then every slice by itself, all slices in parallel.
std::vector<std::uint32_t> sorted_order(const Shape& shape, std::vector<int> modes,
                                        const std::vector<const std::int32_t*>& index, Index size) {
  require(size <= UINT32_MAX, "[sorted_order] ", size, " entries; at most ", UINT32_MAX);
  if (modes.empty()) {
    modes.resize(shape.size());
    std::iota(modes.begin(), modes.end(), 0);
  }
  const std::int32_t* first = index[static_cast<std::size_t>(modes[0])];
  const Index rows = shape[static_cast<std::size_t>(modes[0])];
  std::vector<Index> begin(static_cast<std::size_t>(rows) + 1, 0);
  for (Index n = 0; n < size; ++n) ++begin[static_cast<std::size_t>(first[n]) + 1];
  for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
  std::vector<std::uint32_t> order(static_cast<std::size_t>(size));
  {
    std::vector<Index> next(begin.begin(), begin.end() - 1);
    for (Index n = 0; n < size; ++n)
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(first[n])]++)] =
          static_cast<std::uint32_t>(n);
  }
  if (modes.size() == 1) return order;
  const bool keyed = fits_a_key(shape, modes);
  const Index grain = std::max<Index>(1, size ? 16384 * rows / size : rows);
  parallel_for(rows, grain, [&](Index from, Index to) {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> keys;
    for (Index i = from; i < to; ++i) {
      const auto b = order.begin() + begin[static_cast<std::size_t>(i)],
                 e = order.begin() + begin[static_cast<std::size_t>(i) + 1];
      if (!keyed) {
        std::sort(b, e, [&](std::uint32_t p, std::uint32_t q) {
          for (std::size_t k = 1; k < modes.size(); ++k) {
            const std::int32_t* column = index[static_cast<std::size_t>(modes[k])];
            if (column[p] != column[q]) return column[p] < column[q];
          }
          return p < q;
        });
        continue;
      }
      keys.clear();
      bool sorted = true;
      for (auto p = b; p != e; ++p) {
        std::uint64_t key = 0;
        for (std::size_t k = 1; k < modes.size(); ++k)
          key = key * static_cast<std::uint64_t>(shape[static_cast<std::size_t>(modes[k])]) +
                static_cast<std::uint64_t>(index[static_cast<std::size_t>(modes[k])][*p]);
        sorted = sorted && (keys.empty() || keys.back().first <= key);
        keys.emplace_back(key, *p);
      }
      if (sorted) continue;
      std::sort(keys.begin(), keys.end());
      std::transform(keys.begin(), keys.end(), b, [](const auto& k) { return k.second; });
    }
  });
  return order;
}

void sort_entries(const Shape& shape, const std::vector<int>& modes,
                  std::vector<std::vector<std::int32_t>>& index, std::vector<double>& values) {
  std::vector<const std::int32_t*> columns;
  for (const auto& c : index) columns.push_back(c.data());
  const Index n = static_cast<Index>(values.size());
  const std::vector<std::uint32_t> order = sorted_order(shape, modes, columns, n);
  const auto apply = [&](auto& column) {
    std::decay_t<decltype(column)> moved(column.size());
    parallel_for(n, 65536, [&](Index b, Index e) {
      for (Index k = b; k < e; ++k)
        moved[static_cast<std::size_t>(k)] = column[order[static_cast<std::size_t>(k)]];
    });
    column = std::move(moved);
  };
  for (auto& c : index) apply(c);
  apply(values);
}

}  // namespace cartan::completion
