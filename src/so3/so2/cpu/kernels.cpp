// Derivatives of an SO(2) convolution that keep the edges apart or sum at nodes.
#include <optional>

#include "so3/so2/cpu/work.hpp"

namespace cartan::so3 {

namespace {

// Row of edge e: minus the torque of its frame.
template <class T>
void put_torque(const EdgeBlock<T>& block, Index e, const double tau[3], T* out) {
  double global[3];
  block.frames().back(e, tau, global);
  for (int a = 0; a < 3; ++a) out[3 * block.edge(e) + a] = static_cast<T>(-global[a]);
}

}  // namespace

template <class T>
void sum_at_nodes(const SO2Arguments<T>& f, bool transposed, T* out, T* messages) {
  const Indices& rows = transposed ? f.edges.senders() : f.edges.receivers();
  const EdgeProducts<T> way(f, transposed);
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  RowSums<T> sums(out, transposed ? f.shape.from.dim : f.shape.to.dim, rows, blocks_of(rows.size()));
  for_blocks<T>(f, rows.inverse(), {&way}, [&](EdgeBlock<T>& block, auto& memories, Index b, Index begin) {
    const FrameSide<T>&source = transposed ? block.to() : block.from(),
          &target = transposed ? block.from() : block.to();
    for (unsigned set = 0; set < subsets; ++set) {  // the rotations that the target takes
      const unsigned rest = everything & ~set;
      for (Index e = 0; e < block.count(); ++e)
        way.put(memories[0], e, block.edge(e), source,
                transposed ? block.received(e, rest, f.rotations) : block.sent(e, rest, f.rotations), target);
      way.multiply(memories[0], block.count());
      for (Index e = 0; e < block.count(); ++e) {
        const bool own = target.side().dense && f.rotations == 0;
        T* result = own        ? sums.own(begin + e)
                    : messages ? messages + block.edge(e) * target.size()
                               : block.result();
        way.take(memories[0], e, target, result, transposed ? block.radial(e) : nullptr);
        if (own) continue;
        if (f.rotations > 0) result = block.chain_back(e, target, set, 0);
        target.turn_back(block.frames().d(e), result, sums.target(b, begin + e, set == 0));
      }
    }
  });
  sums.finish();
}

template <class T>
void by_radial(const SO2Arguments<T>& f, T* out) {
  const EdgeProducts<T> back(f, true);
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  for_blocks<T>(f, numbers(f.edges.size()), {&back}, [&](EdgeBlock<T>& block, auto& memories, Index, Index) {
    for (unsigned set = 0; set < subsets; ++set) {
      for (Index e = 0; e < block.count(); ++e)
        back.put(memories[0], e, block.edge(e), block.to(), block.received(e, set, f.rotations),
                 block.from());
      back.multiply(memories[0], block.count());
      for (Index e = 0; e < block.count(); ++e) {
        T* pulled = block.result();
        back.take(memories[0], e, block.from(), pulled, nullptr);
        const T* z = block.sent(e, everything & ~set, f.rotations);
        T* s =
            set == 0 ? fresh_radial(f.shape, out, block.edge(e)) : out + block.edge(e) * f.shape.radial_size;
        add_radial(f.shape, block.from(), z, block.from(), pulled, s);
      }
    }
  });
}

// With one rotation F does not change when turned about the edge: no torque there, unless one side does not
// turn.
template <class T>
void by_rotation(const SO2Arguments<T>& f, int i, T* out) {
  const EdgeProducts<T> forward(f, false), back(f, true);
  const bool roll = f.rotations > 1 || f.shape.framed();
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  for_blocks<T>(f, numbers(f.edges.size()), {&forward, &back},
                [&](EdgeBlock<T>& block, auto& memories, Index, Index) {
                  double tau[block_edges][3] = {};
                  for (unsigned set = 0; set < subsets; ++set) {  // what g takes; i is taken by either, below
                    if (set >> i & 1) continue;
                    const unsigned rest = everything & ~set & ~(1u << i);
                    for (Index e = 0; e < block.count(); ++e) {
                      forward.put(memories[0], e, block.edge(e), block.from(),
                                  block.sent(e, rest, f.rotations), block.to());
                      back.put(memories[1], e, block.edge(e), block.to(), block.received(e, set, f.rotations),
                               block.from());
                    }
                    forward.multiply(memories[0], block.count());
                    back.multiply(memories[1], block.count());
                    for (Index e = 0; e < block.count(); ++e) {
                      forward.take(memories[0], e, block.to(), block.result(), nullptr);
                      T* q = block.chain_back(e, block.to(), set, i + 1);
                      block.to().torque(block.received(e, set, i), block.to(), q, roll, tau[e]);
                      back.take(memories[1], e, block.from(), block.result(), block.radial(e));
                      q = block.chain_back(e, block.from(), rest, i + 1);
                      block.from().torque(block.sent(e, rest, i), block.from(), q, roll, tau[e]);
                    }
                  }
                  for (Index e = 0; e < block.count(); ++e) put_torque(block, e, tau[e], out);
                });
}

// As sum_at_nodes, by_radial and by_rotation (of F_1) do it, each product once.
template <class T>
void pull_back(const SO2Arguments<T>& f, const T* messages, T* x, T* s, T* torque, T* pulled_rows) {
  SO2Arguments<T> wide = f;
  wide.rotations = torque ? 1 : 0;  // frames one order wider, for the generators
  wide.omega.assign(wide.rotations, nullptr);
  const EdgeProducts<T> back(f, true);
  std::optional<EdgeProducts<T>> again;  // the messages, where they were not kept
  const bool receivers_turn = torque && !f.shape.to.framed;
  if (receivers_turn && !messages) again.emplace(f, false);
  const Indices& rows = f.edges.senders();
  RowSums<T> sums(x, f.shape.from.dim, rows, blocks_of(rows.size()));
  std::vector<const EdgeProducts<T>*> ways{&back};
  if (again) ways.push_back(&*again);
  for_blocks<T>(wide, rows.inverse(), ways, [&](EdgeBlock<T>& block, auto& memories, Index b, Index begin) {
    const FrameSide<T>&from = block.mixed_from(), &to = block.mixed_to();
    double tau[block_edges][3] = {};
    if (again) {
      for (Index e = 0; e < block.count(); ++e)
        again->put(memories[1], e, block.edge(e), block.from(), block.sent(e, 0, 0), to);
      again->multiply(memories[1], block.count());
    }
    for (Index e = 0; e < block.count(); ++e) {
      const T* received = block.received(e, 0, 0);
      back.put(memories[0], e, block.edge(e), block.to(), received, from);
      if (!receivers_turn) continue;
      const T* message = messages ? messages + block.edge(e) * to.size() : block.result();
      if (again) again->take(memories[1], e, to, block.result(), nullptr);
      block.to().torque(received, to, message, f.shape.framed(), tau[e]);
    }
    back.multiply(memories[0], block.count());
    for (Index e = 0; e < block.count(); ++e) {
      const bool sender_turns = torque && !f.shape.from.framed;
      const bool own = x && from.side().dense;
      T* pulled = own ? sums.own(begin + e) : block.result();
      const T* sent = s || sender_turns ? block.sent(e, 0, 0) : nullptr;
      if (s || pulled_rows) back.take(memories[0], e, from, pulled, nullptr);
      if (pulled_rows) std::copy_n(pulled, from.size(), pulled_rows + block.edge(e) * from.size());
      if (s) add_radial(f.shape, block.from(), sent, from, pulled, fresh_radial(f.shape, s, block.edge(e)));
      back.take(memories[0], e, from, pulled, block.radial(e));
      if (x && !own) from.turn_back(block.frames().d(e), pulled, sums.target(b, begin + e));
      if (!torque) continue;
      if (sender_turns) block.from().torque(sent, from, pulled, f.shape.framed(), tau[e]);
      put_torque(block, e, tau[e], torque);
    }
  });
  sums.finish();
}

template <class T>
void by_channel_weights(const SO2Arguments<T>& f, T* out) {
  const unsigned subsets = 1u << f.rotations, everything = subsets - 1;
  for_blocks<T>(f, numbers(f.edges.size()), {}, [&](EdgeBlock<T>& block, auto&, Index, Index) {
    for (unsigned set = 0; set < subsets; ++set)
      for (Index e = 0; e < block.count(); ++e) {
        const T* g = block.received(e, set, f.rotations);
        g = std::copy_n(g, block.to().size(), block.result()) - block.to().size();
        const T* z = block.sent(e, everything & ~set, f.rotations);
        for (const auto& b : f.shape.blocks) {
          const T *gp = g + block.to().row(b.out, b.m), *gm = g + block.to().row(b.out, -b.m);
          const T *zp = z + block.from().row(b.in, b.m), *zm = z + block.from().row(b.in, -b.m);
          T* w = out + block.edge(e) * f.shape.weight_size + b.offset;
          for (Index u = 0; u < b.rows; ++u)
            w[u] += b.sine ? gm[u] * zp[u] - gp[u] * zm[u] : gp[u] * zp[u] + (b.m > 0 ? gm[u] * zm[u] : T(0));
        }
      }
  });
}

template void sum_at_nodes(const SO2Arguments<float>&, bool, float*, float*);
template void sum_at_nodes(const SO2Arguments<double>&, bool, double*, double*);
template void by_radial(const SO2Arguments<float>&, float*);
template void by_radial(const SO2Arguments<double>&, double*);
template void by_rotation(const SO2Arguments<float>&, int, float*);
template void by_rotation(const SO2Arguments<double>&, int, double*);
template void by_channel_weights(const SO2Arguments<float>&, float*);
template void by_channel_weights(const SO2Arguments<double>&, double*);
template void pull_back(const SO2Arguments<float>&, const float*, float*, float*, float*, float*);
template void pull_back(const SO2Arguments<double>&, const double*, double*, double*, double*, double*);

}  // namespace cartan::so3
