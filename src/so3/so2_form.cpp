#include "so3/so2_form.hpp"

#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"
#include "so3/so2_block.hpp"

namespace cartan::so3 {
namespace {

// Everything eval needs, with elements of type T; slots that are not given are nullptr.
template <class T>
struct Form {
  const SO2Shape& shape;
  const EdgeList& edges;
  int rotations;
  const T *g, *x, *w, *s, *r;
  std::vector<const T*> omega;

  int rows() const { return shape.mmax + rotations; }
  const WignerKernel& kernel() const {
    const int lmax = std::max(shape.from.lmax, shape.to.lmax);
    return wigner_kernel(0, lmax, std::min(rows(), lmax));
  }
  const T* radial(Index edge) const { return s ? s + edge * shape.radial_size : nullptr; }
};

// A block of edges: their frames, the rotations in them, and the two sides.
template <class T>
class Block {
 public:
  explicit Block(const Form<T>& form)
      : form_(form),
        frames_(form.kernel()),
        from_(form.shape.from, form.rows(), form.kernel().layout()),
        to_(form.shape.to, form.rows(), form.kernel().layout()),
        omega_(at(form.rotations * block_edges * 3)) {
    const Index size = std::max(from_.size(), to_.size());
    for (auto& m : scratch_) m.reserve(size);
  }

  void prepare(const std::int32_t* edges, Index count) {
    edges_ = edges, count_ = count;
    frames_.prepare(form_.r, edges, count);
    for (int i = 0; i < form_.rotations; ++i) {
      if (!form_.omega[at(i)]) continue;
      for (Index e = 0; e < count; ++e) {
        double v[3];
        for (int a = 0; a < 3; ++a) v[a] = static_cast<double>(form_.omega[at(i)][3 * edges[e] + a]);
        frames_.into(e, v, omega(i, e));
      }
    }
  }
  Index count() const { return count_; }
  Index edge(Index e) const { return edges_[e]; }
  const EdgeFrames<T>& frames() const { return frames_; }
  const FrameSide<T>& from() const { return from_; }
  const FrameSide<T>& to() const { return to_; }
  const T* radial(Index e) const { return form_.radial(edge(e)); }

  // -X(omega) for the rotations of `set` up to `last`, on the features of the sender (receiver) in e's frame.
  T* sent(Index e, unsigned set, int last) {
    return turned(e, from_, form_.x, form_.edges.senders(), set, last);
  }
  T* received(Index e, unsigned set, int last) {
    return turned(e, to_, form_.g, form_.edges.receivers(), set, last);
  }
  // The transposed ones, from the last to `first`, on what lies in result().
  T* chain_back(Index e, const FrameSide<T>& side, unsigned set, int first) {
    T *z = scratch_[2].data(), *other = scratch_[3].data();
    for (int i = form_.rotations - 1; i >= first; --i)
      if (set >> i & 1) side.generate(omega(i, e), 1, z, other), std::swap(z, other);
    return z;
  }
  T* result() { return scratch_[2].data(); }

 private:
  double* omega(int i, Index e) { return &omega_[at((i * block_edges + e) * 3)]; }
  T* turned(Index e, const FrameSide<T>& side, const T* features, const Indices& rows, unsigned set,
            int last) {
    T *z = scratch_[0].data(), *other = scratch_[1].data();
    side.turn_in(frames_.d(e), features + rows[edge(e)] * side.side().dim, z);
    for (int i = 0; i < last; ++i)
      if (set >> i & 1) side.generate(omega(i, e), -1, z, other), std::swap(z, other);
    return z;
  }

  const Form<T>& form_;
  EdgeFrames<T> frames_;
  FrameSide<T> from_, to_;
  std::vector<double> omega_;
  Memory<T> scratch_[4];
  const std::int32_t* edges_ = nullptr;
  Index count_ = 0;
};

// A block with the matrices of x -> y (forward) or g -> x (transposed).
template <class T>
struct Way {
  Way(const Form<T>& f, bool transposed, bool differences = false)
      : left(f.shape, transposed ? f.shape.to : f.shape.from, differences),
        results(f.shape, transposed ? f.shape.from : f.shape.to) {}
  LeftFactors<T> left;
  Results<T> results;
};

Index blocks_of(Index edges) {
  return (edges + block_edges - 1) / block_edges;
}

// Edges in their own order.
std::vector<std::int32_t> numbers(Index n) {
  std::vector<std::int32_t> out(at(n));
  for (Index k = 0; k < n; ++k) out[at(k)] = static_cast<std::int32_t>(k);
  return out;
}

// Sums of rows over edges sorted by row, for blocks that may finish in any order: rows that a block shares
// with its neighbours go to a place of their own and are added at the end, in order.
template <class T>
class RowSums {
 public:
  RowSums(T* out, Index dim, const Indices& rows, Index blocks)
      : out_(out), dim_(dim), rows_(rows), shared_(at(2 * blocks)), row_(at(2 * blocks), -1) {}
  // Where block b adds for the row of the edge at position `position` of the sorted edges.
  T* target(Index b, Index position) {
    const auto& begin = rows_.inverse_begin();
    const Index row = rows_[rows_.inverse()[at(position)]];
    const Index first = b * block_edges, last = std::min(rows_.size(), first + block_edges);
    if (begin[at(row)] >= first && begin[at(row) + 1] <= last) return out_ + row * dim_;
    const Index place = 2 * b + (begin[at(row)] < first ? 0 : 1);
    if (row_[at(place)] < 0) {
      row_[at(place)] = row;
      shared_[at(place)].assign(at(dim_), T(0));
    }
    return shared_[at(place)].data();
  }
  void finish() {
    parallel_for(dim_, 512, [&](Index begin, Index end) {
      for (std::size_t k = 0; k < row_.size(); ++k)
        if (row_[k] >= 0)
          for (Index c = begin; c < end; ++c) out_[row_[k] * dim_ + c] += shared_[k][at(c)];
    });
  }

 private:
  T* out_;
  Index dim_;
  const Indices& rows_;
  std::vector<std::vector<T>> shared_;
  std::vector<Index> row_;
};

// The derivatives by g (forward) and by x.
template <class T>
void sum_at_nodes(const Form<T>& f, bool transposed, T* out) {
  struct Work {
    Block<T> block;
    Way<T> way;
  };
  const Indices& rows = transposed ? f.edges.senders() : f.edges.receivers();
  const auto& sorted = rows.inverse();
  const PackedWeights<T> weights(f.shape, f.w, transposed);
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  const Index dim = transposed ? f.shape.from.dim : f.shape.to.dim, blocks = blocks_of(rows.size());
  RowSums<T> sums(out, dim, rows, blocks);
  Pool<Work> pool;
  parallel_for(blocks, 1, [&](Index first, Index last) {
    pool.with(
        [&] {
          return std::unique_ptr<Work>(new Work{Block<T>(f), Way<T>(f, transposed)});
        },
        [&](Work& work) {
          Block<T>& block = work.block;
          for (Index b = first; b < last; ++b) {
            const Index begin = b * block_edges;
            block.prepare(&sorted[at(begin)], std::min(block_edges, rows.size() - begin));
            const FrameSide<T>&source = transposed ? block.to() : block.from(),
                  &target = transposed ? block.from() : block.to();
            for (unsigned set = 0; set < subsets; ++set) {  // the rotations that the target takes
              const unsigned rest = everything & ~set;
              for (Index e = 0; e < block.count(); ++e)
                work.way.left.put(
                    e, source,
                    transposed ? block.received(e, rest, f.rotations) : block.sent(e, rest, f.rotations),
                    transposed ? nullptr : block.radial(e));
              work.way.results.multiply(work.way.left, weights, block.count());
              for (Index e = 0; e < block.count(); ++e) {
                work.way.results.take(e, target, block.result(), transposed ? block.radial(e) : nullptr);
                target.turn_back(block.frames().d(e), block.chain_back(e, target, set, 0),
                                 sums.target(b, begin + e));
              }
            }
          }
        });
  });
  sums.finish();
}

// The derivative by the radial factors.
template <class T>
void by_radial(const Form<T>& f, T* out) {
  struct Work {
    Block<T> block;
    Way<T> back;
    Memory<T> copy;
  };
  const PackedWeights<T> weights(f.shape, f.w, true);
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  const auto edges = numbers(f.edges.size());
  Pool<Work> pool;
  parallel_for(blocks_of(f.edges.size()), 1, [&](Index first, Index last) {
    pool.with(
        [&] {
          return std::unique_ptr<Work>(new Work{Block<T>(f), Way<T>(f, true), {}});
        },
        [&](Work& work) {
          Block<T>& block = work.block;
          for (Index b = first; b < last; ++b) {
            block.prepare(&edges[at(b * block_edges)],
                          std::min(block_edges, f.edges.size() - b * block_edges));
            for (unsigned set = 0; set < subsets; ++set) {
              for (Index e = 0; e < block.count(); ++e)
                work.back.left.put(e, block.to(), block.received(e, set, f.rotations), nullptr);
              work.back.results.multiply(work.back.left, weights, block.count());
              for (Index e = 0; e < block.count(); ++e) {
                T* pulled = block.result();
                work.back.results.take(e, block.from(), pulled, nullptr);
                T* z = block.sent(e, everything & ~set, f.rotations);
                T* row = out + block.edge(e) * f.shape.radial_size;
                for (int m = 0; m <= f.shape.mmax; ++m)
                  block.from().each_of_order(m, z, [&](std::size_t k, Index, const T* zp, const T* zm) {
                    const T *pp = pulled + (zp - z), *pm = pulled + (zm - z);
                    T* o = row + f.shape.radial_place[at(m)][k];
                    for (Index u = 0; u < block.from().side().terms[k].mul; ++u)
                      o[u] += zp[u] * pp[u] + (m > 0 ? zm[u] * pm[u] : T(0));
                  });
              }
            }
          }
        });
  });
}

// The derivative by rotation i: torques (edges, 3).
template <class T>
void by_rotation(const Form<T>& f, int i, T* out) {
  struct Work {
    Block<T> block;
    Way<T> forward, back;
  };
  const PackedWeights<T> weights(f.shape, f.w, false), transposed(f.shape, f.w, true);
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  const auto edges = numbers(f.edges.size());
  Pool<Work> pool;
  parallel_for(blocks_of(f.edges.size()), 1, [&](Index first, Index last) {
    pool.with(
        [&] {
          return std::unique_ptr<Work>(new Work{Block<T>(f), Way<T>(f, false), Way<T>(f, true)});
        },
        [&](Work& work) {
          Block<T>& block = work.block;
          for (Index b = first; b < last; ++b) {
            block.prepare(&edges[at(b * block_edges)],
                          std::min(block_edges, f.edges.size() - b * block_edges));
            double tau[block_edges][3] = {};
            for (unsigned set = 0; set < subsets; ++set) {  // what g takes; i is taken by either, below
              if (set >> i & 1) continue;
              const unsigned rest = everything & ~set & ~(1u << i);
              for (Index e = 0; e < block.count(); ++e) {
                work.forward.left.put(e, block.from(), block.sent(e, rest, f.rotations), block.radial(e));
                work.back.left.put(e, block.to(), block.received(e, set, f.rotations), nullptr);
              }
              work.forward.results.multiply(work.forward.left, weights, block.count());
              work.back.results.multiply(work.back.left, transposed, block.count());
              for (Index e = 0; e < block.count(); ++e) {
                work.forward.results.take(e, block.to(), block.result(), nullptr);
                T* q = block.chain_back(e, block.to(), set, i + 1);
                block.to().torque(block.received(e, set, i), q, tau[e]);
                work.back.results.take(e, block.from(), block.result(), block.radial(e));
                q = block.chain_back(e, block.from(), rest, i + 1);
                block.from().torque(block.sent(e, rest, i), q, tau[e]);
              }
            }
            for (Index e = 0; e < block.count(); ++e) {
              double global[3];
              if (f.rotations == 1) tau[e][1] = 0;  // F does not change when it is turned about the edge
              block.frames().back(e, tau[e], global);
              for (int a = 0; a < 3; ++a) out[3 * block.edge(e) + a] = static_cast<T>(-global[a]);
            }
          }
        });
  });
}

// The derivative by the weights: sums over all edges, by groups of blocks that are turned side by side and
// then multiplied tile by tile.
template <class T>
void by_weights(const Form<T>& f, T* out) {
  constexpr Index group = 4;
  using L = LeftFactors<T>;
  struct Work {
    Block<T> block;
    L x;
    Results<T> g, sum;
  };
  const SO2Shape& shape = f.shape;
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  const auto edges = numbers(f.edges.size());
  std::vector<std::unique_ptr<Work>> works;
  for (Index k = 0; k < std::min(group, blocks_of(f.edges.size())); ++k)
    works.emplace_back(new Work{Block<T>(f), L(shape, shape.from, true), Results<T>(shape, shape.to),
                                Results<T>(shape, shape.to)});
  // With (a + i b)(c - i d): re = (a + b) c - b (c - d), im = (a + b) c - a (c + d).
  struct Strip {
    int m, kind;
    Index column;
  };
  std::vector<std::array<Memory<T>, 3>> sums(at(shape.mmax + 1));
  std::vector<Strip> strips;
  for (int m = 0; m <= shape.mmax; ++m)
    for (int kind = 0; kind < (m == 0 || shape.parity ? 1 : 3); ++kind) {
      const Index columns = round_up(shape.from.columns[at(m)], panel);
      T* sum = sums[at(m)][at(kind)].reserve(round_up(shape.to.columns[at(m)], 8) * columns);
      std::fill_n(sum, round_up(shape.to.columns[at(m)], 8) * columns, T(0));
      for (Index c = 0; c < columns; c += panel) strips.push_back({m, kind, c});
    }
  const auto add_strip = [&](const Strip& s, const Work& work, Index rows) {
    const Index ldc = round_up(shape.from.columns[at(s.m)], panel), ldg = work.g.ld(s.m);
    T* c = sums[at(s.m)][at(s.kind)].data() + s.column;
    const auto run = [&](const T* g, const Left<T>& x) {
      for (Index n = 0; n < shape.to.columns[at(s.m)]; n += 8)
        add_outer_tile(g + n, ldg, x.at(0, s.column), rows, c + n * ldc, ldc);
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
    for (unsigned set = 0; set < subsets; ++set) {
      parallel_for(here, 1, [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) {
          Work& work = *works[at(k)];
          Block<T>& block = work.block;
          const Index start = first + k * block_edges;
          if (set == 0) block.prepare(&edges[at(start)], std::min(block_edges, f.edges.size() - start));
          for (Index e = 0; e < block.count(); ++e) {
            work.x.put(e, block.from(), block.sent(e, everything & ~set, f.rotations), block.radial(e));
            work.g.put(e, block.to(), block.received(e, set, f.rotations));
          }
          if (shape.parity) continue;
          for (int m = 1; m <= shape.mmax; ++m)
            for (Index j = 0; j < block.count() * work.g.ld(m); ++j)
              work.sum.plus(m)[j] = work.g.plus(m)[j] + work.g.minus(m)[j];
        }
      });
      parallel_for(static_cast<Index>(strips.size()), 1, [&](Index begin, Index end) {
        for (Index s = begin; s < end; ++s)
          for (Index k = 0; k < here; ++k)
            add_strip(strips[at(s)], *works[at(k)], works[at(k)]->block.count());
      });
    }
  }
  for (int m = 0; m <= shape.mmax; ++m) {
    const auto& sum = sums[at(m)];
    const bool real = m == 0 || shape.parity;
    each_weight(shape, m, [&](int sine, Index element, Index flat, int sign) {
      const T first = sum[0].data()[element];
      out[flat] = real ? static_cast<T>(sign) * first : first - sum[sine ? 2 : 1].data()[element];
    });
  }
}

// Column k of a (n, m) array.
Array column(const Array& a, Index k) {
  return slice(a, 1, k, k + 1);
}

}  // namespace

Array gradient_from_torque(const Array& tau, const Array& r) {
  const Array tx = column(tau, 0), ty = column(tau, 1), tz = column(tau, 2);
  const Array x = column(r, 0), y = column(r, 1), z = column(r, 2);
  return concatenate({ty * z - tz * y, tz * x - tx * z, tx * y - ty * x}, 1) / sum(square(r), 1, true);
}

Arrays SO2Form::all(const Arrays& in, const Array& c) const {
  Arrays full(at(slots()));
  std::size_t k = 0;
  for (int slot = 0; slot < slots(); ++slot)
    if (has(slot)) full[at(slot)] = in[k++];
  full[at(slot_)] = c;
  return full;
}

Array SO2Form::derivative(int slot, int rotations, const Arrays& full) const {
  const auto form = std::make_shared<SO2Form>(shape_, edges_, radial_, rotations, slot);
  Arrays in;
  for (int k = 0; k < form->slots(); ++k)
    if (form->has(k)) in.push_back(full[at(k)]);
  return evaluate(form, std::move(in));
}

Arrays SO2Form::vjp(const Arrays& in, const Array&, const Array& c, const std::vector<bool>& wanted) const {
  const Arrays full = all(in, c);
  Arrays g;
  for (int slot = 0; slot < slots(); ++slot) {
    if (!has(slot)) continue;
    if (!wanted[g.size()])
      g.emplace_back();
    else if (slot == R)
      g.push_back(gradient_from_torque(derivative(slots(), rotations_ + 1, full), full[R]));
    else
      g.push_back(derivative(slot, rotations_, full));
  }
  return g;
}

Array SO2Form::eval_cpu(const Arrays& in) const {
  const Arrays full = all(in, {});
  const SO2Shape& s = *shape_;
  Shape shape{edges_.size(), 3};
  if (slot_ == G) shape = {edges_.receiver_nodes(), s.to.dim};
  if (slot_ == X) shape = {edges_.sender_nodes(), s.from.dim};
  if (slot_ == W) shape = {s.weight_size};
  if (slot_ == S) shape = {edges_.size(), s.radial_size};
  Array out = Array::zeros(shape, in[0].dtype());
  if (edges_.size() == 0 || out.empty()) return out;
  dispatch_real("so2_convolution", out.dtype(), [&]<class T>(T) {
    const auto data = [&](int slot) {
      const bool given = slot != slot_ && (slot != S || radial_);
      return given ? full[at(slot)].data<T>() : nullptr;
    };
    Form<T> form{s, edges_, rotations_, data(G), data(X), data(W), data(S), data(R), {}};
    for (int k = 0; k < rotations_; ++k) form.omega.push_back(data(first_rotation + k));
    T* o = out.mutable_data<T>();
    switch (slot_) {
      case G:
        return sum_at_nodes(form, false, o);
      case X:
        return sum_at_nodes(form, true, o);
      case W:
        return by_weights(form, o);
      case S:
        return by_radial(form, o);
      default:
        return by_rotation(form, slot_ - first_rotation, o);
    }
  });
  return out;
}

}  // namespace cartan::so3
