#include "so3/tensor/form.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "cartan/so3/tables.hpp"
#include "so3/tensor/cpu/kernels.hpp"

namespace cartan::so3 {
namespace {

// The widest kernel that leaves no sliver behind.
int chunk(int width) {
  for (int d : widths)
    if (d == width || d + 3 <= width) return d;
  return 1;
}

}  // namespace

// Builds the lists of a form, path by path.
struct Compiler {
  TensorForm& form;
  const Irreps &in1, &in2, &out;
  using Key = std::tuple<Operand, Index, Index, int, Index, Index, int, Index, bool, bool, bool>;
  std::map<Key, std::vector<std::size_t>> open;  // groups of a kind, the last has room
  std::map<std::pair<int, Index>, int> filter_of;
  struct Strand {
    std::vector<std::pair<int, double>> terms;  // one entry of M
  };
  std::vector<std::vector<Strand>> matrices;  // of each group: per path, (k, i)

  int filter(Operand operand, Index coordinate) {
    const auto [it, fresh] = filter_of.try_emplace({static_cast<int>(operand), coordinate},
                                                   static_cast<int>(form.filters_.size()));
    if (fresh) form.filters_.push_back({operand, coordinate});
    return it->second;
  }

  // One filtered sum: channels of `operand` with the channel of the other input whose coordinates are filter0
  // + j filter_stride.
  void strand(const Path& path, Operand operand, ChannelBlock a, Index filter0, Index filter_stride,
              ChannelBlock c, Index channels, int mix, Index weights) {
    if (channels == 0) return;
    const int l1 = in1[path.instruction.in1].ir.l, l2 = in2[path.instruction.in2].ir.l,
              l3 = out[path.instruction.out].ir.l;
    const Operand other = operand == Operand::x1 ? Operand::x2 : Operand::x1;
    const bool diagonal = (operand == Operand::x1 ? l2 : l1) == 0;
    // entries (i of a, j of the filter, k)
    auto each = [&](auto&& use) {
      for (const Coupling& t : couplings(l1, l2, l3)) {
        const bool first = operand == Operand::x1;
        use(first ? t.i : t.j, first ? t.j : t.i, t.k, path.coefficient * t.value);
      }
    };
    for (int begin = 0; begin < a.dim;) {
      const int width = diagonal ? a.dim : chunk(a.dim - begin);
      ChannelBlock part = a;
      part.offset += begin * a.stride;
      part.dim = width;
      const Key key{operand, part.offset, part.stride, width,     c.offset,    c.stride,
                    mix,     channels,    diagonal,    begin > 0, weights >= 0};
      auto& list = open[key];
      if (list.empty() || form.groups_[list.back()].weights.size() == FilterGroup::most_paths) {
        list.push_back(form.groups_.size());
        FilterGroup g;
        g.operand = operand;
        g.a = part;
        g.c = c;
        g.channels = channels;
        g.mix = mix;
        g.weighted = weights >= 0;
        g.fresh = std::none_of(form.groups_.begin(), form.groups_.end(), [&](const FilterGroup& before) {
          return before.operand == operand && before.a.offset == part.offset;
        });
        g.diagonal = diagonal;
        g.again = begin > 0;
        form.groups_.push_back(g);
        matrices.emplace_back();
      }
      const std::size_t group = list.back();
      form.groups_[group].weights.push_back(std::max<Index>(weights, 0));
      std::vector<Strand> matrix(diagonal ? 1 : (Index{c.dim} * width));
      each([&](int i, int j, int k, double value) {
        if (i < begin || i >= begin + width || (diagonal && k != 0)) return;
        matrix[diagonal ? 0 : (Index{k} * width + i - begin)].terms.emplace_back(
            filter(other, filter0 + j * filter_stride), value);
      });
      for (auto& m : matrix) matrices[group].push_back(std::move(m));
      begin += width;
    }
    form.direct_ = form.direct_ || mix < 0;
    form.most_channels_ = std::max(form.most_channels_, channels);
  }

  void pair(const Path& path, ChannelBlock x1, ChannelBlock x2, ChannelBlock c, Index channels, int mix,
            Index weights) {
    if (channels == 0) return;
    const int l1 = in1[path.instruction.in1].ir.l, l2 = in2[path.instruction.in2].ir.l,
              l3 = out[path.instruction.out].ir.l;
    Pairwise pair{x1, x2, c, channels, mix, weights, {}, {}, {}};
    for (const Coupling& t : couplings(l1, l2, l3)) {
      const double value = path.coefficient * t.value;
      pair.to_c.push_back({t.k, t.i, t.j, value});
      pair.to_x1.push_back({t.i, t.k, t.j, value});
      pair.to_x2.push_back({t.j, t.i, t.k, value});
    }
    for (auto* terms : {&pair.to_c, &pair.to_x1, &pair.to_x2})
      std::stable_sort(terms->begin(), terms->end(),
                       [](const auto& p, const auto& q) { return p.target < q.target; });
    form.pairs_.push_back(std::move(pair));
    form.direct_ = form.direct_ || mix < 0;
    form.most_channels_ = std::max(form.most_channels_, channels);
  }

  void path(const Path& path) {
    const Instruction& ins = path.instruction;
    const Index mul1 = in1[ins.in1].mul, mul2 = in2[ins.in2].mul, mul3 = out[ins.out].mul;
    if (mul1 == 0 || mul2 == 0 || mul3 == 0) return;
    const ChannelBlock x1{in1.offset(ins.in1), mul1, in1[ins.in1].ir.dim()};
    const ChannelBlock x2{in2.offset(ins.in2), mul2, in2[ins.in2].ir.dim()};
    const ChannelBlock y{out.offset(ins.out), mul3, out[ins.out].ir.dim()};
    const auto weights = [&](Index offset) { return ins.has_weight ? path.weight_offset + offset : -1; };
    // channel q of a block, as a block
    const auto from = [](ChannelBlock b, Index q) { return ChannelBlock{b.offset + q, b.stride, b.dim}; };
    // Products of channels (u, v) into c, contiguous in the last axis.
    const auto outer = [&](ChannelBlock c, int mix, bool weighted) {
      if (mul2 == 1)
        strand(path, Operand::x1, x1, x2.offset, mul2, c, mul1, mix, weighted ? weights(0) : -1);
      else
        for (Index u = 0; u < mul1; ++u)
          strand(path, Operand::x2, x2, x1.offset + u, mul1, from(c, u * mul2), mul2, mix,
                 weighted ? weights(u * mul2) : -1);
    };
    const auto mixed = [&](Index in) {
      form.mixes_.push_back({y.dim, in, mul3, path.weight_offset, y.offset, form.products_});
      form.products_ += in * y.dim;
      return static_cast<int>(form.mixes_.size()) - 1;
    };
    switch (ins.mode) {
      case Mode::uvw:
        return outer({0, mul1 * mul2, y.dim}, mixed(mul1 * mul2), false);
      case Mode::uvu:
        for (Index v = 0; v < mul2; ++v)  // weights come as (v, u)
          strand(path, Operand::x1, x1, x2.offset + v, mul2, y, mul1, -1, weights(v * mul1));
        return;
      case Mode::uvv:
        for (Index u = 0; u < mul1; ++u)
          strand(path, Operand::x2, x2, x1.offset + u, mul1, y, mul2, -1, weights(u * mul2));
        return;
      case Mode::uuw:
        if (ins.has_weight) return pair(path, x1, x2, {0, mul1, y.dim}, mul1, mixed(mul1), -1);
        for (Index u = 0; u < mul1; ++u)  // a sum over u into one channel
          pair(path, from(x1, u), from(x2, u), y, 1, -1, -1);
        return;
      case Mode::uuu:
        return pair(path, x1, x2, y, mul1, -1, weights(0));
      case Mode::uvuv:
        return outer(y, -1, true);
    }
  }

  // The rows of M in the order (k, path, i) of every group.
  void finish() {
    std::vector<const Strand*> rows;
    for (std::size_t n = 0; n < form.groups_.size(); ++n) {
      FilterGroup& g = form.groups_[n];
      g.matrix = static_cast<Index>(rows.size());
      const Index paths = static_cast<Index>(g.weights.size());
      const Index height = g.diagonal ? 1 : g.c.dim, width = g.diagonal ? 1 : g.a.dim;
      form.largest_group_ = std::max(form.largest_group_, height * width * paths);
      for (Index k = 0; k < height; ++k)
        for (Index p = 0; p < paths; ++p)
          for (Index i = 0; i < width; ++i) rows.push_back(&matrices[n][(p * height + k) * width + i]);
    }
    form.matrix_size_ = static_cast<Index>(rows.size());
    const auto group_of = [&](std::size_t row) {
      const auto after = std::upper_bound(form.groups_.begin(), form.groups_.end(), static_cast<Index>(row),
                                          [](Index r, const FilterGroup& g) { return r < g.matrix; });
      return static_cast<std::size_t>(after - form.groups_.begin()) - 1;
    };
    const auto add = [&](std::size_t row, std::pair<int, double> term) {
      form.matrix_row_.push_back(static_cast<std::int32_t>(row));
      form.matrix_filter_.push_back(term.first);
      form.values64_.push_back(term.second);
      form.values32_.push_back(static_cast<float>(term.second));
    };
    bool more = true;
    for (std::size_t round = 0; more; ++round) {
      more = false;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto& terms = rows[row]->terms;
        if (round < terms.size())
          form.groups_[group_of(row)].entries.push_back(static_cast<std::int32_t>(form.matrix_row_.size()));
        if (round < terms.size())
          add(row, terms[round]);
        else if (round == 0)
          add(row, {0, 0.0});
        more = more || round + 1 < terms.size();
      }
    }
    for (FilterGroup& g : form.groups_)
      std::stable_sort(g.entries.begin(), g.entries.end(), [&](std::int32_t p, std::int32_t q) {
        return form.matrix_filter_[p] < form.matrix_filter_[q];
      });
  }
};

TensorForm::TensorForm(const Irreps& in1, const Irreps& in2, const Irreps& out,
                       const std::vector<Path>& paths)
    : dim1(in1.dim()), dim2(in2.dim()), dim_out(out.dim()) {
  Compiler compiler{*this, in1, in2, out, {}, {}, {}};
  for (const Path& p : paths) {
    compiler.path(p);
    weight_numel += p.weight_count();
  }
  compiler.finish();
  std::vector<Path> with_weights;
  for (const Path& p : paths)
    if (p.instruction.has_weight) with_weights.push_back(p);
  if (with_weights.size() < paths.size())
    weighted_ = std::make_unique<const TensorForm>(in1, in2, out, with_weights);
}

Candidate TensorForm::candidate(Index samples) const {
  double n = 2.0 * static_cast<double>(values64_.size());
  for (const FilterGroup& g : groups_) {
    const double paths = static_cast<double>(g.weights.size()), da = g.a.dim, dc = g.c.dim;
    const double each = g.diagonal ? 2 * paths + 2 * da : paths * (2 * da * dc + (paths == 1 ? da : 2 * dc));
    n += each * static_cast<double>(g.channels);
  }
  for (const Pairwise& p : pairs_)
    n += static_cast<double>(p.channels) * (3.0 * static_cast<double>(p.to_c.size()) + 2.0 * p.c.dim);
  for (const Mix& m : mixes_) n += 2.0 * m.dim * static_cast<double>(m.in) * static_cast<double>(m.out);
  Candidate c;
  c.engine = "cg";
  c.flops = n * static_cast<double>(samples);
  c.bytes = 4 * static_cast<double>(samples) * static_cast<double>(dim1 + dim2 + dim_out + weight_numel);
  c.seconds = c.flops / 55e9 + c.bytes / 14e9;  // one core of 2.3 GHz with AVX-512, measured
  return c;
}

}  // namespace cartan::so3
