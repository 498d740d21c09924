// The second derivatives of an SO(2) convolution that training on forces takes, each product of matrices
// once.
//
// In the frame of an edge, with z and q of the sender's features and the receiver's cotangent, a = s z and
// the generator X of the torque's direction, what pull_back returns times the directions is
//
//   <q, W b> + <p, W a>,  b = s (cz - X z) + cs z,  p = -X q,
//
// and y = W a are the messages.
#include "so3/so2/cpu/outer.hpp"

namespace cartan::so3 {
namespace {

// The frames of one edge at a time, beside those of its block.
template <class T>
class Directed {
 public:
  Directed(const SO2Arguments<T>& f, const SO2Directions<T>& along) : f_(f), along_(along), wide_(f) {
    wide_.rotations = along.torque ? 1 : 0;  // frames one order wider, for the generator
    wide_.omega.assign(wide_.rotations, along.torque);
  }
  const SO2Arguments<T>& form() const { return wide_; }

  struct Memory {
    Scratch<T> moved, scaled, other;
  };
  Memory memory(const EdgeBlock<T>& block) const {
    const Index n = std::max(block.from().size(), block.to().size());
    return {Scratch<T>(n), Scratch<T>(n), Scratch<T>(n)};
  }

  // z and cz - X z, in memory of the block and of m.moved; m.scaled is used
  struct Sent {
    const T* z;
    T* moved;
  };
  Sent sent(EdgeBlock<T>& block, Memory& m, Index e) const {
    const FrameSide<T>& side = block.from();
    const T* x = along_.x ? along_.x + f_.edges.senders()[block.edge(e)] * side.side().dim : nullptr;
    const T* z = block.sent(e, 0, 0);
    T* moved = m.moved.data();
    if (along_.torque && !side.side().framed)
      side.generate(omega(block, e), -1, z, moved);
    else
      std::fill_n(moved, side.size(), T(0));
    if (x) {
      T* direction = m.scaled.data();
      side.turn_in(block.frames().d(e), x, direction);
      for (Index k = 0; k < side.size(); ++k) moved[k] += direction[k];
    }
    return {z, moved};
  }
  // b, in m.scaled
  T* scaled(EdgeBlock<T>& block, Memory& m, Index e, const Sent& sent) const {
    T* b = m.scaled.data();
    scale(block.from(), block.radial(e), sent.moved, b, false);
    if (along_.s) scale(block.from(), radial(block, e), sent.z, b, true);
    return b;
  }
  // q, in memory of the block, and p
  struct Received {
    const T *q, *p;
  };
  Received received(EdgeBlock<T>& block, Memory& m, Index e) const {
    const T* q = block.received(e, 0, 0);
    if (!along_.torque) return {q, nullptr};
    block.to().generate(omega(block, e), -1, q, m.other.data());
    return {q, m.other.data()};
  }
  // to += -X^T frame, which is X frame
  void add_turned(EdgeBlock<T>& block, Memory& m, Index e, const FrameSide<T>& side, const T* frame,
                  T* to) const {
    side.generate(omega(block, e), 1, frame, m.other.data());
    for (Index k = 0; k < side.size(); ++k) to[k] += m.other.data()[k];
  }
  const T* radial(const EdgeBlock<T>& block, Index e) const {
    return along_.s ? along_.s + block.edge(e) * f_.shape.radial_size : nullptr;
  }
  // out = or += radial factors (none: 1) times a frame of the senders' side, where |m| <= mmax
  void scale(const FrameSide<T>& side, const T* radial, const T* frame, T* out, bool add) const {
    if (!radial) {
      for (Index k = 0; k < side.size(); ++k) out[k] = (add ? out[k] : T(0)) + frame[k];
      return;
    }
    if (!add && side.rows() > f_.shape.mmax) std::fill_n(out, side.size(), T(0));
    for (int m = 0; m <= f_.shape.mmax; ++m)
      for (std::size_t k = 0; k < side.side().terms.size(); ++k) {
        const auto& t = side.side().terms[k];
        if (t.l < m) continue;
        const T* s = radial + f_.shape.radial_place[m][k];
        for (int sign = 1; sign >= (m == 0 ? 1 : -1); sign -= 2) {
          const T* in = frame + side.row(k, sign * m);
          T* to = out + side.row(k, sign * m);
          if (add)
            for (Index u = 0; u < t.mul; ++u) to[u] += s[u] * in[u];
          else
            for (Index u = 0; u < t.mul; ++u) to[u] = s[u] * in[u];
          if (!add) std::fill(to + t.mul, to + t.padded, T(0));
        }
      }
  }

 private:
  // About the edge itself nothing changes.
  static const double* omega(EdgeBlock<T>& block, Index e) {
    double* v = block.omega(0, e);
    v[1] = 0;
    return v;
  }
  const SO2Arguments<T>& f_;
  const SO2Directions<T>& along_;
  SO2Arguments<T> wide_;
};

// A frame with the orders |m| <= mmax as one with those of `side`, zero beyond, or the other way.
template <class T>
void widen(const FrameSide<T>& narrow, const T* frame, const FrameSide<T>& side, T* out) {
  std::fill_n(out, side.size(), T(0));
  for (std::size_t k = 0; k < side.side().terms.size(); ++k) {
    const auto& t = side.side().terms[k];
    const int w = std::min(t.l, narrow.rows());
    std::copy_n(frame + narrow.row(k, -w), (2 * w + 1) * t.padded, out + side.row(k, -w));
  }
}
template <class T>
void narrow(const FrameSide<T>& side, const T* frame, const FrameSide<T>& narrow, T* out) {
  for (std::size_t k = 0; k < side.side().terms.size(); ++k) {
    const auto& t = side.side().terms[k];
    const int w = std::min(t.l, narrow.rows());
    std::copy_n(frame + side.row(k, -w), (2 * w + 1) * t.padded, out + narrow.row(k, -w));
  }
}

// By the receivers' cotangents: W b - X^T y, turned back.
template <class T>
void at_receivers(const Directed<T>& d, const SO2Directions<T>& along, const T* messages, T* out) {
  const SO2Arguments<T>& f = d.form();
  const EdgeProducts<T> way(f, false);
  const bool turn = along.torque && !f.shape.to.framed, again = turn && !messages;
  const Indices& rows = f.edges.receivers();
  RowSums<T> sums(out, f.shape.to.dim, rows, blocks_of(rows.size()));
  std::vector<const EdgeProducts<T>*> ways{&way};
  if (again) ways.push_back(&way);
  for_blocks<T>(f, rows.inverse(), ways, [&](EdgeBlock<T>& block, auto& memories, Index b, Index begin) {
    auto memory = d.memory(block);
    const FrameSide<T>& to = block.to();
    for (Index e = 0; e < block.count(); ++e) {
      const auto sent = d.sent(block, memory, e);
      // b has its radial factors already
      way.put_scaled(memories[0], e, block.from(), d.scaled(block, memory, e, sent));
      if (again) way.put(memories[1], e, block.edge(e), block.from(), sent.z, to);
    }
    for (auto& m : memories) way.multiply(m, block.count());
    for (Index e = 0; e < block.count(); ++e) {
      const bool own = to.side().dense;
      T* result = own ? sums.own(begin + e) : block.result();
      way.take(memories[0], e, to, result, nullptr);
      if (own) continue;
      if (turn) {
        T* y = memory.moved.data();
        if (again)
          way.take(memories[1], e, to, y, nullptr);
        else
          widen(block.mixed_to(), messages + block.edge(e) * block.mixed_to().size(), to, y);
        d.add_turned(block, memory, e, to, y, result);
      }
      to.turn_back(block.frames().d(e), result, sums.target(b, begin + e));
    }
  });
  sums.finish();
}

// By the senders' features and the radial factors from u = W^T q and, without messages, v = W^T p; p itself
// where there are.
template <class T>
void at_senders(const Directed<T>& d, const SO2Directions<T>& along, bool both, const T* pulled,
                const SO2Second<T>& out) {
  const SO2Arguments<T>& f = d.form();
  const EdgeProducts<T> back(f, true);
  const Indices& rows = f.edges.senders();
  RowSums<T> sums(out.x, f.shape.from.dim, rows, blocks_of(rows.size()));
  std::vector<const EdgeProducts<T>*> ways{&back};
  if (both) ways.push_back(&back);
  for_blocks<T>(f, rows.inverse(), ways, [&](EdgeBlock<T>& block, auto& memories, Index b, Index begin) {
    auto memory = d.memory(block);
    const FrameSide<T>& from = block.from();
    for (Index e = 0; e < block.count() && (both || !pulled); ++e) {
      const auto received = d.received(block, memory, e);
      if (!pulled) back.put(memories[0], e, block.edge(e), block.to(), received.q, from);
      if (both) back.put(memories[1], e, block.edge(e), block.to(), received.p, from);
    }
    if (!pulled) back.multiply(memories[0], block.count());
    if (both) back.multiply(memories[1], block.count());
    for (Index e = 0; e < block.count(); ++e) {
      const auto sent = d.sent(block, memory, e);
      T *u = block.result(), *result = memory.scaled.data();
      T* s = out.s ? fresh_radial(f.shape, out.s, block.edge(e)) : nullptr;
      if (pulled)
        widen(block.mixed_from(), pulled + block.edge(e) * block.mixed_from().size(), from, u);
      else
        back.take(memories[0], e, from, u, nullptr);
      if (s) add_radial(f.shape, from, sent.moved, from, u, s);
      if (along.s)
        d.scale(from, d.radial(block, e), u, result, false);
      else
        std::fill_n(result, from.size(), T(0));
      if (along.torque && !from.side().framed) {
        d.scale(from, block.radial(e), u, sent.moved, false);
        d.add_turned(block, memory, e, from, sent.moved, result);
      }
      if (both) {
        back.take(memories[1], e, from, u, nullptr);
        if (s) add_radial(f.shape, from, sent.z, from, u, s);
        d.scale(from, block.radial(e), u, result, true);
      }
      if (out.x) from.turn_back(block.frames().d(e), result, sums.target(b, begin + e));
    }
  });
  sums.finish();
}

template <class T>
void at_weights(const Directed<T>& d, bool both, T* out) {
  sum_products(d.form(), both ? 2 : 1, out, [&](unsigned set, EdgeBlock<T>& block, auto& x, auto& g) {
    auto memory = d.memory(block);
    for (Index e = 0; e < block.count(); ++e) {
      const auto received = d.received(block, memory, e);
      g.put(e, block.to(), set == 0 ? received.q : received.p);
      if (set == 1) {
        x.put(e, block.from(), block.sent(e, 0, 0), block.radial(e));
        continue;
      }
      const auto sent = d.sent(block, memory, e);
      x.put(e, block.from(), d.scaled(block, memory, e, sent), nullptr);
    }
  });
}

}  // namespace

template <class T>
void pull_back_again(const SO2Arguments<T>& f, const SO2Directions<T>& along, const T* messages,
                     const T* pulled, const SO2Second<T>& out) {
  const Directed<T> d(f, along);
  const bool both = along.torque && !messages && !f.shape.to.framed;
  if (out.g) at_receivers(d, along, messages, out.g);
  if (out.x || out.s) at_senders(d, along, both, pulled, out);
  if (out.w) at_weights(d, both, out.w);
}

template <class T>
void by_messages(const SO2Arguments<T>& f, const T* torque, T* out) {
  const SO2Directions<T> along{nullptr, nullptr, torque};
  const Directed<T> d(f, along);
  for_blocks<T>(d.form(), numbers(f.edges.size()), {}, [&](EdgeBlock<T>& block, auto&, Index, Index) {
    auto memory = d.memory(block);
    for (Index e = 0; e < block.count(); ++e)
      narrow(block.to(), d.received(block, memory, e).p, block.mixed_to(),
             out + block.edge(e) * block.mixed_to().size());
  });
}

template void by_messages(const SO2Arguments<float>&, const float*, float*);
template void by_messages(const SO2Arguments<double>&, const double*, double*);
template void pull_back_again(const SO2Arguments<float>&, const SO2Directions<float>&, const float*,
                              const float*, const SO2Second<float>&);
template void pull_back_again(const SO2Arguments<double>&, const SO2Directions<double>&, const double*,
                              const double*, const SO2Second<double>&);

}  // namespace cartan::so3
