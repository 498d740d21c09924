#pragma once
// What the kernels of an SO(2) convolution work with: a block of edges, sums at nodes.

#include "so3/harmonics/cpu/wigner_kernel.hpp"
#include "so3/so2/cpu/block.hpp"
#include "so3/so2/kernels.hpp"

namespace cartan::so3 {

template <class T>
const WignerKernel& kernel_of(const SO2Arguments<T>& f) {
  const int lmax = std::max(f.shape.from.lmax, f.shape.to.lmax);
  return wigner_kernel(0, lmax, std::min(f.rows(), lmax));
}

// A block of edges: their frames, the rotations in them, and the two sides.
template <class T>
class EdgeBlock {
 public:
  explicit EdgeBlock(const SO2Arguments<T>& form)
      : form_(form),
        frames_(kernel_of(form)),
        from_(form.shape.from, rows_of(form, form.shape.from), kernel_of(form).layout()),
        to_(form.shape.to, rows_of(form, form.shape.to), kernel_of(form).layout()),
        mixed_from_(form.shape.from, form.shape.mmax, kernel_of(form).layout()),
        mixed_to_(form.shape.to, form.shape.mmax, kernel_of(form).layout()),
        omega_(form.rotations * block_edges * 3) {
    const Index size = std::max(from_.size(), to_.size());
    for (auto& m : scratch_) m = Scratch<T>(size, T(0));
  }

  void prepare(const std::int32_t* edges, Index count) {
    edges_ = edges, count_ = count;
    frames_.prepare(form_.r, edges, count);
    for (int i = 0; i < form_.rotations; ++i) {
      if (!form_.omega[i]) continue;
      for (Index e = 0; e < count; ++e) {
        double v[3];
        for (int a = 0; a < 3; ++a) v[a] = static_cast<double>(form_.omega[i][3 * edges[e] + a]);
        frames_.into(e, v, omega(i, e));
      }
    }
  }
  Index count() const { return count_; }
  Index edge(Index e) const { return edges_[e]; }
  const EdgeFrames<T>& frames() const { return frames_; }
  const FrameSide<T>& from() const { return from_; }
  const FrameSide<T>& to() const { return to_; }
  // With only the orders that the weights mix, |m| <= mmax.
  const FrameSide<T>& mixed_from() const { return mixed_from_; }
  const FrameSide<T>& mixed_to() const { return mixed_to_; }
  const T* radial(Index e) const { return form_.radial(edge(e)); }

  // -X(omega) for the rotations of `set` up to `last`, on the features of the sender (receiver) in e's frame.
  const T* sent(Index e, unsigned set, int last) {
    return turned(e, from_, form_.x, form_.edges.senders(), set, last);
  }
  const T* received(Index e, unsigned set, int last) {
    const T* q = turned(e, to_, form_.g, form_.edges.receivers(), set, last);
    if (!form_.q) return q;
    T* sum = scratch_[1].data();
    for (Index k = 0; k < to_.size(); ++k) sum[k] = q[k] + form_.q[edge(e) * to_.size() + k];
    return sum;
  }
  // The transposed ones, from the last to `first`, on what lies in result().
  T* chain_back(Index e, const FrameSide<T>& side, unsigned set, int first) {
    T *z = scratch_[2].data(), *other = scratch_[3].data();
    for (int i = form_.rotations - 1; i >= first; --i)
      if (set >> i & 1) side.generate(omega(i, e), 1, z, other), std::swap(z, other);
    return z;
  }
  T* result() { return scratch_[2].data(); }
  // Rotation i in the frame of e.
  double* omega(int i, Index e) { return &omega_[(i * block_edges + e) * 3]; }

 private:
  static int rows_of(const SO2Arguments<T>& form, const SO2Side& side) {
    return side.framed ? form.shape.mmax : form.rows();
  }
  const T* turned(Index e, const FrameSide<T>& side, const T* features, const Indices& rows, unsigned set,
                  int last) {
    T *z = scratch_[0].data(), *other = scratch_[1].data();
    const Index dim = side.side().dim;
    if (side.side().dense && last == 0) return features + rows[edge(e)] * dim;
    if (e + 1 < count_) {  // rows come from anywhere: fetch the next one meanwhile
      const char* next = reinterpret_cast<const char*>(features + rows[edge(e + 1)] * dim);
      for (Index k = 0; k < dim * static_cast<Index>(sizeof(T)); k += 64) __builtin_prefetch(next + k, 0, 2);
    }
    side.turn_in(frames_.d(e), features + rows[edge(e)] * dim, z);
    for (int i = 0; i < last; ++i)
      if (set >> i & 1) side.generate(omega(i, e), -1, z, other), std::swap(z, other);
    return z;
  }

  const SO2Arguments<T>& form_;
  EdgeFrames<T> frames_;
  FrameSide<T> from_, to_, mixed_from_, mixed_to_;
  std::vector<double> omega_;
  Scratch<T> scratch_[4];
  const std::int32_t* edges_ = nullptr;
  Index count_ = 0;
};

// out += W frame of one edge (transposed: W^T), channel by channel. `sine` joins +m and -m.
template <class T>
void mix_channels(const SO2Shape& shape, const T* weights, const FrameSide<T>& source, const T* frame,
                  const FrameSide<T>& target, T* out, bool transposed) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  for (const auto& b : shape.blocks) {
    const std::size_t from = transposed ? b.out : b.in, to = transposed ? b.in : b.out;
    const T *zp = frame + source.row(from, b.m), *zm = frame + source.row(from, -b.m);
    T *yp = out + target.row(to, b.m), *ym = out + target.row(to, -b.m);
    for (Index u = 0; u < b.rows; u += lanes) {
      const V w = load_channels<V>(weights + b.offset + u, b.rows - u);
      const V p = w * load<V>(zp + u), m = w * load<V>(zm + u);
      if (b.sine) {
        store(yp + u, V(load<V>(yp + u) + (transposed ? m : -m)));
        store(ym + u, V(load<V>(ym + u) + (transposed ? -p : p)));
      } else {
        store(yp + u, V(load<V>(yp + u) + p));
        if (b.m > 0) store(ym + u, V(load<V>(ym + u) + m));
      }
    }
  }
}

// The products of a block, x -> y or (transposed) g -> x: frames in, frames out.
template <class T>
class EdgeProducts {
 public:
  EdgeProducts(const SO2Arguments<T>& f, bool transposed) : f_(f), transposed_(transposed) {
    if (f.shape.channelwise) return;
    weights_ = std::make_unique<PackedWeights<T>>(f.shape, f.w, transposed);
  }
  bool transposed() const { return transposed_; }
  // What a thread needs beside.
  struct Memory {
    std::unique_ptr<LeftFactors<T>> left;
    std::unique_ptr<Results<T>> results;
    Scratch<T> frames;
  };
  Memory memory(const FrameSide<T>& target) const {
    Memory m;
    if (f_.shape.channelwise) {
      m.frames = Scratch<T>(target.size() * block_edges, T(0));
    } else {
      m.left = std::make_unique<LeftFactors<T>>(f_.shape, weights_->from, false);
      m.results = std::make_unique<Results<T>>(f_.shape, weights_->to);
    }
    return m;
  }
  // Place e of the block, edge number `edge`: radial factors belong to the side of x.
  void put(Memory& m, Index e, Index edge, const FrameSide<T>& source, const T* frame,
           const FrameSide<T>& target) const {
    if (f_.shape.channelwise) {
      T* out = m.frames.data() + e * target.size();
      std::fill_n(out, target.size(), T(0));
      mix_channels(f_.shape, f_.w + edge * f_.shape.weight_size, source, frame, target, out, transposed_);
    } else {
      m.left->put(e, source, frame, transposed_ ? nullptr : f_.radial(edge));
    }
  }
  // The same of a frame that has its radial factors; weights are shared.
  void put_scaled(Memory& m, Index e, const FrameSide<T>& source, const T* frame) const {
    m.left->put(e, source, frame, nullptr);
  }
  void multiply(Memory& m, Index count) const {
    if (!f_.shape.channelwise) m.results->multiply(*m.left, *weights_, count);
  }
  void take(const Memory& m, Index e, const FrameSide<T>& target, T* frame, const T* radial) const {
    if (f_.shape.channelwise)
      std::copy_n(m.frames.data() + e * target.size(), target.size(), frame);
    else
      m.results->take(e, target, frame, radial);
  }

 private:
  const SO2Arguments<T>& f_;
  bool transposed_;
  std::unique_ptr<PackedWeights<T>> weights_;
};

inline Index blocks_of(Index edges) {
  return (edges + block_edges - 1) / block_edges;
}

// Edges in their own order.
inline std::vector<std::int32_t> numbers(Index n) {
  std::vector<std::int32_t> out(n);
  for (Index k = 0; k < n; ++k) out[k] = static_cast<std::int32_t>(k);
  return out;
}

// Calls body(block, memories, b, begin) for every block of the edges listed: b its number, begin its first
// position; memories[k] belongs to ways[k].
template <class T, class Body>
void for_blocks(const SO2Arguments<T>& f, const std::vector<std::int32_t>& edges,
                const std::vector<const EdgeProducts<T>*>& ways, Body&& body) {
  struct Work {
    explicit Work(const SO2Arguments<T>& form) : block(form) {}
    EdgeBlock<T> block;
    std::vector<typename EdgeProducts<T>::Memory> memories;
  };
  const Index n = static_cast<Index>(edges.size());
  Pool<Work> pool;
  const auto make = [&] {
    auto work = std::make_unique<Work>(f);
    for (const EdgeProducts<T>* way : ways)
      work->memories.push_back(way->memory(way->transposed() ? work->block.from() : work->block.to()));
    return work;
  };
  parallel_for(blocks_of(n), 1, [&](Index first, Index last) {
    pool.with(make, [&](Work& work) {
      for (Index b = first; b < last; ++b) {
        const Index begin = b * block_edges;
        work.block.prepare(&edges[begin], std::min(block_edges, n - begin));
        body(work.block, work.memories, b, begin);
      }
    });
  });
}

// A row of s, cleared for add_radial.
template <class T>
T* fresh_radial(const SO2Shape& shape, T* s, Index edge) {
  return std::fill_n(s + edge * shape.radial_size, shape.radial_size, T(0)) - shape.radial_size;
}

// s[m, k] += the products of two frames of the input over +m and -m.
template <class T>
void add_radial(const SO2Shape& shape, const FrameSide<T>& side, const T* z, const FrameSide<T>& side_pulled,
                const T* pulled, T* s) {
  for (int m = 0; m <= shape.mmax; ++m)
    side.each_of_order(m, z, [&](std::size_t k, Index, const T* zp, const T* zm) {
      const T *pp = pulled + side_pulled.row(k, m), *pm = pulled + side_pulled.row(k, -m);
      T* o = s + shape.radial_place[m][k];
      for (Index u = 0; u < side.side().terms[k].mul; ++u)
        o[u] += zp[u] * pp[u] + (m > 0 ? zm[u] * pm[u] : T(0));
    });
}

// Sums of rows over edges sorted by row, for blocks that may finish in any order: rows that a block shares
// with its neighbours go to a place of their own and are added at the end, in order. Rows are cleared when
// their first edge comes, those without edges at once. `out` may be nullptr: no sums.
template <class T>
class RowSums {
 public:
  RowSums(T* out, Index dim, const Indices& rows, Index blocks)
      : out_(out), dim_(dim), rows_(rows), shared_(2 * blocks), row_(2 * blocks, -1) {
    const auto& begin = rows.inverse_begin();
    for (std::size_t k = 0; out && k + 1 < begin.size(); ++k)
      if (begin[k] == begin[k + 1]) std::fill_n(out + static_cast<Index>(k) * dim, dim, T(0));
  }
  // The row of the edge at that position, where edges have rows of their own.
  T* own(Index position) const { return out_ + rows_[rows_.inverse()[position]] * dim_; }
  // Where block b adds for the row of the edge at position `position` of the sorted edges. `fresh`: the first
  // time for this position.
  T* target(Index b, Index position, bool fresh = true) {
    const auto& begin = rows_.inverse_begin();
    const Index row = rows_[rows_.inverse()[position]];
    const Index first = b * block_edges, last = std::min(rows_.size(), first + block_edges);
    if (begin[row] >= first && begin[row + 1] <= last) {
      T* to = out_ + row * dim_;
      if (fresh && position == begin[row]) std::fill_n(to, dim_, T(0));
      return to;
    }
    const Index place = 2 * b + (begin[row] < first ? 0 : 1);
    if (row_[place] < 0) {
      row_[place] = row;
      shared_[place].assign(dim_, T(0));
    }
    return shared_[place].data();
  }
  void finish() {
    if (!out_) return;
    parallel_for(dim_, 512, [&](Index begin, Index end) {
      for (std::size_t k = 0; k < row_.size(); ++k) {
        if (row_[k] < 0) continue;
        T* to = out_ + row_[k] * dim_;
        const bool first = k % 2 == 1;  // the block in which the row begins
        for (Index c = begin; c < end; ++c) to[c] = (first ? T(0) : to[c]) + shared_[k][c];
      }
    });
  }

 private:
  T* out_;
  Index dim_;
  const Indices& rows_;
  std::vector<std::vector<T>> shared_;
  std::vector<Index> row_;
};

}  // namespace cartan::so3
