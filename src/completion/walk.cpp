#include "completion/walk.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

Walk::Walk(const Fibres& x, Index rank, std::size_t memory)
    : x_(x), rank_(rank), width_((rank + 7) / 8 * 8), values_(x.values().data()) {
  for (int l = 0; l < x.order(); ++l) {
    factors_.push_back(Array::zeros({extent(l), width_}, DType::f64));
    kept_.emplace_back();
  }
  // the lowest level saves most: one sum for each of its nodes instead of a term for each entry
  for (int l = x.order() - 2; l >= 2; --l) {
    const std::size_t bytes = static_cast<std::size_t>(x.nodes(l) * width_) * sizeof(double);
    if (bytes > memory) continue;
    kept_[static_cast<std::size_t>(l)] = Array::uninitialized({x.nodes(l), width_}, DType::f64);
    memory -= bytes;
  }
}

Index Walk::extent(int level) const {
  return x_.shape()[static_cast<std::size_t>(x_.modes()[static_cast<std::size_t>(level)])];
}

void Walk::set_factor(int level, const double* rows) {
  double* to = factor(level);
  for (Index i = 0, n = extent(level); i < n; ++i) std::copy_n(rows + i * rank_, rank_, to + i * width_);
  known_ = false;
}

// Columns [first, first + 8 blocks) of all rows.
template <int blocks>
struct Walk::Step {
  using V = EightDoubles;
  static constexpr int width = 8 * blocks;
  struct Row {
    V v[blocks];
    static Row zero() {
      Row r;
      for (int b = 0; b < blocks; ++b) r.v[b] = V{};
      return r;
    }
    static Row load(const double* p) {
      Row r;
      for (int b = 0; b < blocks; ++b) r.v[b] = cartan::load<V>(p + 8 * b);
      return r;
    }
    void store(double* p) const {
      for (int b = 0; b < blocks; ++b) cartan::store(p + 8 * b, v[b]);
    }
    void add(double a, const double* p) {
      for (int b = 0; b < blocks; ++b) v[b] += a * cartan::load<V>(p + 8 * b);
    }
    void add(const Row& x, const double* p) {
      for (int b = 0; b < blocks; ++b) v[b] += x.v[b] * cartan::load<V>(p + 8 * b);
    }
    Row times(const double* p) const {
      Row r;
      for (int b = 0; b < blocks; ++b) r.v[b] = v[b] * cartan::load<V>(p + 8 * b);
      return r;
    }
    static void add_to(double* p, const Row& x, const Row& y) {
      for (int b = 0; b < blocks; ++b) cartan::store(p + 8 * b, cartan::load<V>(p + 8 * b) + x.v[b] * y.v[b]);
    }
    static void add_to(double* p, double a, const Row& x) {
      for (int b = 0; b < blocks; ++b) cartan::store(p + 8 * b, cartan::load<V>(p + 8 * b) + a * x.v[b]);
    }
  };

  static constexpr Index ahead = 16;
  int last;  // level of the entries
  Index final_entry;
  Index stride;
  const double* values;
  std::vector<const std::int32_t*> ids;
  std::vector<const std::uint32_t*> begin;
  std::vector<const double*> u;
  std::vector<double*> kept;  // nullptr: none
  bool known;

  Step(Walk& w, Index first)
      : last(w.x_.order() - 1),
        final_entry(w.x_.tensor().size() - 1),
        stride(w.width_),
        values(w.values_),
        known(w.known_) {
    for (int l = 0; l <= last; ++l) {
      ids.push_back(w.x_.ids(l).data());
      begin.push_back(l < last ? w.x_.begin(l).data() : nullptr);
      u.push_back(w.factor(l) + first);
      Array& k = w.kept_[static_cast<std::size_t>(l)];
      kept.push_back(k.empty() ? nullptr : k.mutable_data<double>() + first);
    }
  }
  const double* row(int l, Index node) const { return u[l] + ids[l][node] * stride; }

  // Entries [b, e): sum of value times the row of the last factor. Rows of entries to come are fetched ahead,
  // those of the next fibres too, since fibres are short.
  Row leaves(std::uint32_t b, std::uint32_t e) const {
    Row s = Row::zero();
    const std::int32_t* id = ids[last];
    const double* f = u[last];
    for (Index n = b; n < e; ++n) {
      fetch<0>(f + static_cast<Index>(id[std::min(n + ahead, final_entry)]) * stride);
      s.add(values[n], f + static_cast<Index>(id[n]) * stride);
    }
    return s;
  }
  // Adds values times a row to those of the last level.
  void spread_leaves(std::uint32_t b, std::uint32_t e, const Row& above, double* out) const {
    const std::int32_t* id = ids[last];
    for (Index n = b; n < e; ++n) {
      fetch<1>(out + static_cast<Index>(id[std::min(n + ahead, final_entry)]) * stride);
      Row::add_to(out + static_cast<Index>(id[n]) * stride, values[n], above);
    }
  }
  template <int write>
  static void fetch(const double* row) {
    for (int b = 0; b < blocks; ++b) __builtin_prefetch(row + 8 * b, write);
  }
  // Sum over what lies below a node of the product of the factors there.
  Row below(int l, Index node, bool keep) const {
    if (kept[l] && known) return Row::load(kept[l] + node * stride);
    Row s;
    if (l == last - 1) {
      s = leaves(begin[l][node], begin[l][node + 1]);
    } else {
      s = Row::zero();
      for (Index c = begin[l][node]; c < begin[l][node + 1]; ++c) s.add(below(l + 1, c, keep), row(l + 1, c));
    }
    if (kept[l] && keep) s.store(kept[l] + node * stride);
    return s;
  }
  // Adds to the rows of `level` below a node, given the product `above` of the factors down to the node.
  void spread(int l, Index node, const Row& above, int level, double* out) const {
    const Index b = begin[l][node], e = begin[l][node + 1];
    if (level == last) {
      if (l + 1 == last) return spread_leaves(begin[l][node], begin[l][node + 1], above, out);
      if (l + 2 == last) {
        for (Index c = b; c < e; ++c)
          spread_leaves(begin[l + 1][c], begin[l + 1][c + 1], above.times(row(l + 1, c)), out);
        return;
      }
    } else if (l + 1 == level) {
      for (Index c = b; c < e; ++c) Row::add_to(out + ids[level][c] * stride, below(level, c, false), above);
      return;
    }
    for (Index c = b; c < e; ++c) spread(l + 1, c, above.times(row(l + 1, c)), level, out);
  }

  void root(Part p, double* out) const {
    for (Index n = p.begin; n < p.end; ++n) below(0, n, true).store(out + ids[0][n] * stride);
  }
  void other(Part p, int level, double* out) const {
    for (Index n = p.begin; n < p.end; ++n) spread(0, n, Row::load(row(0, n)), level, out);
  }
};

template <class F>
void Walk::dispatch(const F& f) {
  for (Index first = 0; first < width_; first += 64) switch (std::min<Index>(8, (width_ - first) / 8)) {
      case 1:
        f(Step<1>(*this, first), first);
        break;
      case 2:
        f(Step<2>(*this, first), first);
        break;
      case 3:
        f(Step<3>(*this, first), first);
        break;
      case 4:
        f(Step<4>(*this, first), first);
        break;
      case 5:
        f(Step<5>(*this, first), first);
        break;
      case 6:
        f(Step<6>(*this, first), first);
        break;
      case 7:
        f(Step<7>(*this, first), first);
        break;
      default:
        f(Step<8>(*this, first), first);
    }
}

// Nodes of the root in runs of about equally many entries; the borders depend on the tensor alone.
std::vector<Walk::Part> Walk::parts(Index count) const {
  const auto first_entry = [&](Index node) {
    Index n = node;
    for (int l = 0; l + 1 < x_.order(); ++l) n = x_.begin(l)[n];
    return n;
  };
  std::vector<Part> out;
  const Index roots = x_.nodes(0), entries = x_.tensor().size();
  Index begin = 0;
  for (Index p = 0; p < count && begin < roots; ++p) {
    const Index target = entries * (p + 1) / count;
    Index low = begin + 1, high = roots;  // the first node at or behind the target
    while (low < high) {
      const Index middle = (low + high) / 2;
      (first_entry(middle) < target ? low : high) = first_entry(middle) < target ? middle + 1 : middle;
    }
    if (p + 1 == count) low = roots;
    out.push_back({begin, low});
    begin = low;
  }
  return out;
}

// How many copies of a level's rows are summed: no more than half of what the entries' values weigh, but four
// of a tensor worth sharing.
Index Walk::private_parts(int level) const {
  const Index entries = x_.tensor().size(), one = extent(level) * width_;
  Index count = entries >= 65536 ? 4 : 1;
  while (count < 16 && 4 * count * one <= entries && 2 * count * 8192 <= entries) count *= 2;
  return std::min(count, x_.nodes(0));
}

double* Walk::room(Index size) {
  for (int l = 1; l < x_.order(); ++l) size = std::max(size, private_parts(l) * extent(l) * width_);
  if (own_.size() < size) own_ = Array::uninitialized({size}, DType::f64);
  return own_.mutable_data<double>();
}

void Walk::reduce(int level, Index count, const double* own, double* out) const {
  const Index size = extent(level) * width_;
  parallel_for(size, 8192, [&](Index b, Index e) {
    std::copy(own + b, own + e, out + b);
    for (Index p = 1; p < count; ++p)
      for (Index i = b; i < e; ++i) out[i] += own[p * size + i];
  });
}

void Walk::product(int level, double* out) {
  require(level >= 0 && level < x_.order(), "[mttkrp] level ", level);
  const Index size = extent(level) * width_;
  if (level == 0) {
    std::fill_n(out, size, 0.0);
    const std::vector<Part> list = parts(std::clamp<Index>(x_.tensor().size() / 16384, 1, 64));
    known_ = false;
    dispatch([&](const auto& step, Index first) {
      parallel_for(static_cast<Index>(list.size()), 1, [&](Index b, Index e) {
        for (Index p = b; p < e; ++p) step.root(list[static_cast<std::size_t>(p)], out + first);
      });
    });
    known_ = true;
    return;
  }
  const std::vector<Part> list = parts(private_parts(level));
  const Index count = static_cast<Index>(list.size());
  double* to = count > 1 ? room(count * size) : out;
  parallel_for(count, 1, [&](Index b, Index e) { std::fill(to + b * size, to + e * size, 0.0); });
  dispatch([&](const auto& step, Index first) {
    parallel_for(count, 1, [&](Index b, Index e) {
      for (Index p = b; p < e; ++p)
        step.other(list[static_cast<std::size_t>(p)], level, to + p * size + first);
    });
  });
  if (count > 1) reduce(level, count, to, out);
}

void Walk::root_pair(const Solve& solve, double* out) {
  const int d = x_.order();
  const Index size = extent(1) * width_;
  double* u0 = factor(0);
  const std::int32_t *id0 = x_.ids(0).data(), *id1 = x_.ids(1).data();
  if (width_ > 64) {  // more than one strip of columns: a row is whole after the last one
    product(0, u0);
    parallel_for(x_.nodes(0), 64, [&](Index b, Index e) {
      for (Index n = b; n < e; ++n) solve(id0[n], u0 + id0[n] * width_);
    });
    return product(1, out);
  }
  const std::vector<Part> list = parts(private_parts(1));
  const Index count = static_cast<Index>(list.size());
  double* to = count > 1 ? room(count * size) : out;
  known_ = false;
  const std::uint32_t *begin = x_.begin(0).data(), *leaf = d > 2 ? x_.begin(1).data() : nullptr;
  dispatch([&](const auto& step, Index) {
    using Row = typename std::decay_t<decltype(step)>::Row;
    parallel_for(count, 1, [&](Index pb, Index pe) {
      Scratch<double> sums(8 * width_);  // below every child of one node
      for (Index p = pb; p < pe; ++p) {
        double* mine = to + p * size;
        std::fill_n(mine, size, 0.0);
        const Part part = list[static_cast<std::size_t>(p)];
        for (Index n = part.begin; n < part.end; ++n) {
          const Index b = begin[n], e = begin[n + 1];
          double* row = u0 + id0[n] * width_;
          if (d > 2 && sums.size() < (e - b) * width_) sums = Scratch<double>(2 * (e - b) * width_);
          Row s = Row::zero();
          if (d == 2) {
            s = step.leaves(begin[n], begin[n + 1]);
          } else {
            for (Index c = b; c < e; ++c) {
              const Row t = d == 3 ? step.leaves(leaf[c], leaf[c + 1]) : step.below(1, c, true);
              t.store(sums.data() + (c - b) * width_);
              s.add(t, step.row(1, c));
            }
          }
          s.store(row);
          solve(id0[n], row);
          s = Row::load(row);
          for (Index c = b; c < e; ++c) {
            double* at = mine + id1[c] * width_;
            if (d == 2)
              Row::add_to(at, values_[c], s);
            else
              Row::add_to(at, Row::load(sums.data() + (c - b) * width_), s);
          }
        }
      }
    });
  });
  known_ = true;
  if (count > 1) reduce(1, count, to, out);
}

}  // namespace cartan::completion
