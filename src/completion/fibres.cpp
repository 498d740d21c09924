#include "cartan/completion/fibres.hpp"

#include <algorithm>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/sorting.hpp"

namespace cartan::completion {

struct Fibres::State {
  SparseTensor tensor;
  std::vector<int> modes, level;
  std::vector<std::vector<std::int32_t>> ids;     // of a shared tensor: the last one is empty
  std::vector<std::vector<std::uint32_t>> begin;  // of every level but the last
  std::vector<double> values;                     // empty where the tensor's are used
  std::vector<std::uint32_t> entry;
};

namespace {

// A root with slices enough to share the work, then modes of rising extent: few nodes above the entries. The
// given order is kept where that costs little.
std::vector<int> order_of(const Shape& shape) {
  std::vector<int> modes(shape.size());
  std::iota(modes.begin(), modes.end(), 0);
  const auto extent = [&](int k) { return shape[static_cast<std::size_t>(k)]; };
  std::vector<int> rising = modes;
  std::stable_sort(rising.begin(), rising.end(), [&](int a, int b) { return extent(a) < extent(b); });
  std::size_t root = 0;
  while (root + 1 < rising.size() && extent(rising[root]) < 256) ++root;
  const Index least = extent(rising[root]), first = extent(0);
  Index middle = 0;
  for (std::size_t k = 1; k + 1 < modes.size(); ++k) middle = std::max(middle, shape[k]);
  if (first <= 4 * least && first >= std::min<Index>(256, least) && 4 * extent(modes.back()) >= middle)
    return modes;
  std::rotate(rising.begin(), rising.begin() + static_cast<std::ptrdiff_t>(root),
              rising.begin() + static_cast<std::ptrdiff_t>(root) + 1);
  return rising;
}

constexpr Index block = 65536;

}  // namespace

Fibres::Fibres(const SparseTensor& x, std::vector<int> modes) {
  require(x.order() >= 2 && !x.empty(), "[Fibres] a tensor of order ", x.order(), " with ", x.size(),
          " entries; expected 2 modes and an entry at least");
  const int d = x.order();
  const Index n = x.size();
  if (modes.empty()) modes = order_of(x.shape());
  std::vector<int> sorted = modes, natural(static_cast<std::size_t>(d));
  std::iota(natural.begin(), natural.end(), 0);
  std::sort(sorted.begin(), sorted.end());
  require(sorted == natural, "[Fibres] modes ", Shape(modes.begin(), modes.end()), " of a tensor of order ",
          d, "; expected each of them once");
  auto s = std::make_shared<State>();
  s->tensor = x, s->modes = modes, s->level.resize(modes.size());
  for (int l = 0; l < d; ++l) s->level[static_cast<std::size_t>(modes[static_cast<std::size_t>(l)])] = l;
  const bool shared = modes == natural;
  std::vector<const std::int32_t*> columns;
  for (int k = 0; k < d; ++k) columns.push_back(x.index(k).data());
  if (!shared) {
    s->entry = sorted_order(x.shape(), modes, columns, n);
    s->values.resize(static_cast<std::size_t>(n));
    const double* v = x.values().data();
    parallel_for(n, block, [&](Index b, Index e) {
      for (Index k = b; k < e; ++k)
        s->values[static_cast<std::size_t>(k)] = v[s->entry[static_cast<std::size_t>(k)]];
    });
  }
  const auto at = [&](int l, Index e) {
    const std::int32_t* column = columns[static_cast<std::size_t>(modes[static_cast<std::size_t>(l)])];
    return column[shared ? e : static_cast<Index>(s->entry[static_cast<std::size_t>(e)])];
  };
  // the level at which entry e leaves the path of the entry before
  const auto branch = [&](Index e) {
    int l = 0;
    if (e > 0)
      while (l < d - 1 && at(l, e) == at(l, e - 1)) ++l;
    return l;
  };
  const Index blocks = (n + block - 1) / block;
  const std::size_t levels = static_cast<std::size_t>(d);
  std::vector<Index> count(static_cast<std::size_t>(blocks + 1) * levels, 0);  // nodes before a block
  parallel_for(n, block, [&](Index b, Index e) {
    Index* c = count.data() + (b / block + 1) * d;
    for (Index k = b; k < e; ++k)
      for (int l = branch(k); l < d; ++l) ++c[l];
  });
  for (std::size_t i = levels; i < count.size(); ++i) count[i] += count[i - levels];
  const Index* total = count.data() + blocks * d;
  s->ids.resize(levels), s->begin.resize(levels - 1);
  for (int l = 0; l < d; ++l) {
    if (l < d - 1 || !shared) s->ids[static_cast<std::size_t>(l)].resize(static_cast<std::size_t>(total[l]));
    if (l < d - 1) {
      auto& begin = s->begin[static_cast<std::size_t>(l)];
      begin.resize(static_cast<std::size_t>(total[l]) + 1);
      begin.back() = static_cast<std::uint32_t>(total[l + 1]);
    }
  }
  parallel_for(n, block, [&](Index b, Index e) {
    std::vector<Index> next(count.begin() + (b / block) * d, count.begin() + (b / block + 1) * d);
    for (Index k = b; k < e; ++k)
      for (int l = branch(k); l < d; ++l) {
        const std::size_t node = static_cast<std::size_t>(next[static_cast<std::size_t>(l)]++);
        if (l < d - 1 || !shared) s->ids[static_cast<std::size_t>(l)][node] = at(l, k);
        if (l < d - 1)
          s->begin[static_cast<std::size_t>(l)][node] =
              static_cast<std::uint32_t>(next[static_cast<std::size_t>(l) + 1]);
      }
  });
  state_ = std::move(s);
}

const SparseTensor& Fibres::tensor() const {
  return state_->tensor;
}
int Fibres::order() const {
  return state_ ? state_->tensor.order() : 0;
}
const Shape& Fibres::shape() const {
  return state_->tensor.shape();
}
const std::vector<int>& Fibres::modes() const {
  return state_->modes;
}
int Fibres::level_of(int mode) const {
  return state_->level[static_cast<std::size_t>(mode)];
}
Index Fibres::nodes(int level) const {
  return level + 1 < order() ? static_cast<Index>(state_->ids[static_cast<std::size_t>(level)].size())
                             : state_->tensor.size();
}
Span<const std::int32_t> Fibres::ids(int level) const {
  const auto& own = state_->ids[static_cast<std::size_t>(level)];
  if (!own.empty()) return own;
  return state_->tensor.index(state_->modes[static_cast<std::size_t>(level)]);
}
Span<const std::uint32_t> Fibres::begin(int level) const {
  return state_->begin[static_cast<std::size_t>(level)];
}
Span<const double> Fibres::values() const {
  return state_->values.empty() ? state_->tensor.values() : Span<const double>(state_->values);
}
Span<const std::uint32_t> Fibres::entry() const {
  return state_->entry;
}
std::size_t Fibres::bytes() const {
  std::size_t sum = state_->values.size() * sizeof(double) + state_->entry.size() * sizeof(std::uint32_t);
  for (const auto& v : state_->ids) sum += v.size() * sizeof(std::int32_t);
  for (const auto& v : state_->begin) sum += v.size() * sizeof(std::uint32_t);
  return sum;
}

}  // namespace cartan::completion
