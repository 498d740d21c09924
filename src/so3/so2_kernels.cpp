// Derivatives of an SO(2) convolution that keep the edges apart or sum at nodes.
#include "so3/so2_work.hpp"

namespace cartan::so3 {

namespace {

// s[m, k] += the products of two frames over +m and -m.
template <class T>
void add_radial(const SO2Shape& shape, const FrameSide<T>& side, T* z, const T* pulled, T* s) {
  for (int m = 0; m <= shape.mmax; ++m)
    side.each_of_order(m, z, [&](std::size_t k, Index, const T* zp, const T* zm) {
      const T *pp = pulled + (zp - z), *pm = pulled + (zm - z);
      T* o = s + shape.radial_place[at(m)][k];
      for (Index u = 0; u < side.side().terms[k].mul; ++u)
        o[u] += zp[u] * pp[u] + (m > 0 ? zm[u] * pm[u] : T(0));
    });
}

// Row of edge e: minus the torque of its frame. `invariant`: F does not change when turned about the edge.
template <class T>
void put_torque(const Block<T>& block, Index e, double tau[3], bool invariant, T* out) {
  double global[3];
  if (invariant) tau[1] = 0;
  block.frames().back(e, tau, global);
  for (int a = 0; a < 3; ++a) out[3 * block.edge(e) + a] = static_cast<T>(-global[a]);
}

}  // namespace

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
                add_radial(f.shape, block.from(), z, pulled, out + block.edge(e) * f.shape.radial_size);
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
            for (Index e = 0; e < block.count(); ++e) put_torque(block, e, tau[e], f.rotations == 1, out);
          }
        });
  });
}

// As sum_at_nodes, by_radial and by_rotation (of F_1) do it, each product once.
template <class T>
void pull_back(const Form<T>& f, T* x, T* s, T* torque) {
  Form<T> wide = f;
  wide.rotations = torque ? 1 : 0;  // frames one order wider, for the generators
  wide.omega.assign(at(wide.rotations), nullptr);
  struct Work {
    Block<T> block;
    Way<T> forward, back;
  };
  const PackedWeights<T> weights(f.shape, f.w, false), transposed(f.shape, f.w, true);
  const Indices& rows = f.edges.senders();
  const auto& sorted = rows.inverse();
  const Index blocks = blocks_of(rows.size());
  RowSums<T> sums(x, f.shape.from.dim, rows, blocks);
  Pool<Work> pool;
  const auto one_block = [&](Work& work, Index b) {
    Block<T>& block = work.block;
    const Index begin = b * block_edges;
    double tau[block_edges][3] = {};
    block.prepare(&sorted[at(begin)], std::min(block_edges, rows.size() - begin));
    for (Index e = 0; e < block.count(); ++e)
      work.back.left.put(e, block.to(), block.received(e, 0, 0), nullptr);
    work.back.results.multiply(work.back.left, transposed, block.count());
    for (Index e = 0; e < block.count(); ++e) {
      T *pulled = block.result(), *sent = s || torque ? block.sent(e, 0, 0) : nullptr;
      if (s) {
        work.back.results.take(e, block.from(), pulled, nullptr);
        add_radial(f.shape, block.from(), sent, pulled, s + block.edge(e) * f.shape.radial_size);
      }
      work.back.results.take(e, block.from(), pulled, block.radial(e));
      if (x) block.from().turn_back(block.frames().d(e), pulled, sums.target(b, begin + e));
      if (!torque) continue;
      block.from().torque(sent, pulled, tau[e]);
      work.forward.left.put(e, block.from(), sent, block.radial(e));
    }
    if (!torque) return;
    work.forward.results.multiply(work.forward.left, weights, block.count());
    for (Index e = 0; e < block.count(); ++e) {
      work.forward.results.take(e, block.to(), block.result(), nullptr);
      block.to().torque(block.received(e, 0, 0), block.result(), tau[e]);
      put_torque(block, e, tau[e], true, torque);
    }
  };
  parallel_for(blocks, 1, [&](Index first, Index last) {
    pool.with(
        [&] {
          return std::unique_ptr<Work>(new Work{Block<T>(wide), Way<T>(f, false), Way<T>(f, true)});
        },
        [&](Work& work) {
          for (Index b = first; b < last; ++b) one_block(work, b);
        });
  });
  if (x) sums.finish();
}

template void sum_at_nodes(const Form<float>&, bool, float*);
template void by_radial(const Form<float>&, float*);
template void by_rotation(const Form<float>&, int, float*);
template void pull_back(const Form<float>&, float*, float*, float*);
template void sum_at_nodes(const Form<double>&, bool, double*);
template void by_radial(const Form<double>&, double*);
template void by_rotation(const Form<double>&, int, double*);
template void pull_back(const Form<double>&, double*, double*, double*);

}  // namespace cartan::so3
