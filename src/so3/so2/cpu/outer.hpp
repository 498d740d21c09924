#pragma once
// Sums over all edges of products of frames, which are derivatives by the weights.

#include "so3/so2/cpu/work.hpp"

namespace cartan::so3 {

// Rows of results of a block, one an edge, by panels of `pad_channels` columns, [panel][edge]: what a tile of
// the product reads lies together.
template <class T>
class ResultPanels {
 public:
  ResultPanels(const SO2Shape& shape, const SO2Side& side) : shape_(shape) {
    for (int m = 0; m <= shape.mmax; ++m)
      for (int sign = 0; sign < (m == 0 ? 1 : 2); ++sign)
        data_[sign].push_back(memory_.emplace_back(side.columns[m] * block_edges, T(0)).data());
  }
  ResultPanels(const ResultPanels&) = delete;
  ResultPanels& operator=(const ResultPanels&) = delete;
  T* plus(int m) const { return data_[0][m]; }
  T* minus(int m) const { return data_[1][m - 1]; }
  static Index place(Index e, Index column) {
    return (column / pad_channels * block_edges + e) * pad_channels + column % pad_channels;
  }

  // Row e from a frame, as it would come out of a product.
  void put(Index e, const FrameSide<T>& frames, const T* frame) const {
    using V = Register<T>;
    constexpr Index lanes = register_lanes<T>;
    for (int m = 0; m <= shape_.mmax; ++m)
      frames.each_of_order(m, frame, [&](std::size_t k, Index column, const T* zp, const T* zm) {
        const auto& t = frames.side().terms[k];
        const bool turned = t.turned && m > 0;
        for (Index u = 0; u < t.padded; u += lanes) {
          const Index to = place(e, column + u);
          store(plus(m) + to, turned ? V(-load<V>(zm + u)) : load<V>(zp + u));
          if (m > 0) store(minus(m) + to, load<V>((turned ? zp : zm) + u));
        }
      });
  }

 private:
  const SO2Shape& shape_;
  std::vector<T*> data_[2];
  std::deque<Scratch<T>> memory_;
};

// The derivative by the weights of the sum of the products that put(set, block, x, g) gives for every block
// and every set below `sets`, as rows of left factors x and of results g, one an edge: by groups of blocks
// that are turned side by side and then multiplied tile by tile.
template <class T, class Put>
void sum_products(const SO2Arguments<T>& f, unsigned sets, T* out, Put&& put) {
  constexpr Index group = 4;
  using L = LeftFactors<T>;
  struct Work {
    EdgeBlock<T> block;
    L x;
    ResultPanels<T> g, sum;
  };
  const SO2Shape& shape = f.shape;
  const auto edges = numbers(f.edges.size());
  std::vector<std::unique_ptr<Work>> works;
  for (Index k = 0; k < std::min(group, blocks_of(f.edges.size())); ++k)
    works.emplace_back(new Work{EdgeBlock<T>(f), L(shape, shape.from, true), ResultPanels<T>(shape, shape.to),
                                ResultPanels<T>(shape, shape.to)});
  // With (a + i b)(c - i d): re = (a + b) c - b (c - d), im = (a + b) c - a (c + d).
  struct Strip {
    int m, kind;
    Index column;
  };
  std::vector<std::array<Scratch<T>, 3>> sums(shape.mmax + 1);
  std::vector<Strip> strips;
  for (int m = 0; m <= shape.mmax; ++m)
    for (int kind = 0; kind < (m == 0 || shape.parity ? 1 : 3); ++kind) {
      const Index columns = round_up(shape.from.columns[m], panel);  // [strip][row][column]
      sums[m][kind] = Scratch<T>(shape.to.columns[m] * columns, T(0));
      for (Index c = 0; c < columns; c += panel) strips.push_back({m, kind, c});
    }
  const auto add_strip = [&](const Strip& s, const Work& work, Index rows) {
    T* c = sums[s.m][s.kind].data() + s.column * shape.to.columns[s.m];
    const auto run = [&](const T* g, const Left<T>& x) {
      for (Index n = 0; n < shape.to.columns[s.m]; n += 8)
        add_outer_tile(g + ResultPanels<T>::place(0, n), pad_channels, x.at(0, s.column), rows,
                       c + n * panel);
    };
    if (s.m == 0) return run(work.g.plus(0), work.x.get(L::plus, 0));
    if (shape.parity) {
      run(work.g.plus(s.m), work.x.get(L::plus, s.m));
      return run(work.g.minus(s.m), work.x.get(L::minus, s.m));
    }
    if (s.kind == 0) return run(work.sum.plus(s.m), work.x.get(L::plus, s.m));
    if (s.kind == 1) return run(work.g.minus(s.m), work.x.get(L::difference, s.m));
    run(work.g.plus(s.m), work.x.get(L::sum, s.m));
  };

  for (Index first = 0; first < f.edges.size(); first += group * block_edges) {
    const Index here = std::min(group, blocks_of(f.edges.size() - first));
    for (unsigned set = 0; set < sets; ++set) {
      parallel_for(here, 1, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
          Work& work = *works[k];
          EdgeBlock<T>& block = work.block;
          const Index start = first + k * block_edges;
          if (set == 0) block.prepare(&edges[start], std::min(block_edges, f.edges.size() - start));
          put(set, block, work.x, work.g);
          if (shape.parity) continue;
          for (int m = 1; m <= shape.mmax; ++m)
            for (Index j = 0; j < block_edges * shape.to.columns[m]; ++j)
              work.sum.plus(m)[j] = work.g.plus(m)[j] + work.g.minus(m)[j];
        }
      });
      parallel_for(static_cast<Index>(strips.size()), 1, [&](Index begin, Index end) {
        for (Index s = begin; s < end; ++s)
          for (Index k = 0; k < here; ++k) add_strip(strips[s], *works[k], works[k]->block.count());
      });
    }
  }
  for (int m = 0; m <= shape.mmax; ++m) {
    const auto& sum = sums[m];
    const bool real = m == 0 || shape.parity;
    const Index rows = shape.to.columns[m];
    each_weight(shape, m, [&](int sine, Index row, Index column, Index flat, int sign) {
      const Index element = (column / panel * rows + row) * panel + column % panel;
      const T first = sum[0].data()[element];
      out[flat] = real ? static_cast<T>(sign) * first : first - sum[sine ? 2 : 1].data()[element];
    });
  }
}

}  // namespace cartan::so3
