#pragma once
// One block of edges on its way: frames, m-major matrices, products.

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <memory>
#include <mutex>

#include "cartan/core/parallel.hpp"
#include "so3/so2/cpu/frame.hpp"

namespace cartan::so3 {

// The weights of one direction, x -> y or (transposed) back, as right factors of every order.
template <class T>
struct PackedWeights {
  PackedWeights(const SO2Shape& shape, const T* weights, bool transposed_);
  bool transposed;
  const SO2Side &from, &to;
  std::vector<std::array<Panels<T>, 3>> order;  // W1, W2 - W1, -(W1 + W2); W1 alone where real
};

// The dense matrices (to.columns, from.columns) of order m: cosine and sine part, or one real matrix. Copies
// between them and the flat weights: f(sine, row, column, flat index, sign).
template <class F>
void each_weight(const SO2Shape& s, int m, F&& f) {
  for (const auto& b : s.blocks) {
    if (b.m != m) continue;
    const Index row = s.to.column[m][b.out], column = s.from.column[m][b.in];
    // i y_out = -sine z_in: the sign of a real matrix from a term kept as it is to one kept as i z
    const int sign = s.parity && b.sine && s.to.terms[b.out].turned ? -1 : 1;
    for (Index i = 0; i < b.rows; ++i)
      for (Index j = 0; j < b.columns; ++j)
        f(b.sine && !s.parity, row + i, column + j, b.offset + i * b.columns + j, sign);
  }
}

template <class T>
PackedWeights<T>::PackedWeights(const SO2Shape& s, const T* weights, bool transposed_)
    : transposed(transposed_), from(transposed_ ? s.to : s.from), to(transposed_ ? s.from : s.to) {
  order.resize(s.mmax + 1);
  for (int m = 0; m <= s.mmax; ++m) {
    const bool real = s.parity || m == 0;
    const Index ld = round_up(s.from.columns[m], panel), size = s.to.columns[m] * ld;
    Scratch<T> w[2] = {Scratch<T>(size, T(0)), Scratch<T>(size, T(0))};
    each_weight(s, m, [&](int sine, Index row, Index column, Index flat, int sign) {
      w[sine][row * ld + column] = static_cast<T>(sign) * weights[flat];
    });
    const Index k = from.columns[m], n = to.columns[m];
    for (int kind = 0; kind < (real ? 1 : 3); ++kind) {
      Panels<T>& b = order[m][kind];
      b.k = k, b.n = round_up(n, panel);
      b.memory = Scratch<T>(b.n * k);
      T* data = b.memory.data();
      // The row of a panel at a time: whole cache lines are written, and read where transposed.
      const Index step = transposed ? 1 : ld, row_step = transposed ? ld : 1;
      const T sign = transposed ? T(-1) : T(1);  // complex conjugate where transposed
      parallel_for(b.n / panel, 1, [&](Index first, Index last) {
        for (Index p = first * panel; p < last * panel; p += panel)
          for (Index row = 0; row < k; ++row) {
            const Index count = std::clamp<Index>(n - p, 0, panel), place = p * step + row * row_step;
            const T *cosines = w[0].data() + place, *sines = w[1].data() + place;
            T* to_row = data + p * k + row * panel;
            for (Index j = 0; j < count; ++j) {
              const T cosine = cosines[j * step], sine = sign * sines[j * step];
              to_row[j] = kind == 0 ? cosine : kind == 1 ? sine - cosine : -(cosine + sine);
            }
            std::fill(to_row + count, to_row + panel, T(0));
          }
      });
    }
  }
}

// The matrices of a block: per order +m, -m, their sum and (for derivatives by the weights) difference.
template <class T>
class LeftFactors {
 public:
  using V = Register<T>;
  LeftFactors(const SO2Shape& shape, const SO2Side& side, bool differences)
      : shape_(shape), differences_(differences) {
    for (int m = 0; m <= shape.mmax; ++m)
      for (int kind = 0; kind < kinds(m); ++kind) {
        const Index n = side.columns[m];
        matrices_[kind].push_back(
            {memory_.emplace_back(Left<T>::size(block_edges, n), T(0)).data(), block_edges, n});
      }
  }
  LeftFactors(const LeftFactors&) = delete;
  LeftFactors& operator=(const LeftFactors&) = delete;
  enum Kind { plus, minus, sum, difference };
  const Left<T>& get(Kind kind, int m) const {  // order 0 has only plus
    return matrices_[kind][kind == plus ? m : m - 1];
  }
  // Rows e of all orders from a frame, times the radial factors of the edge (none: nullptr).
  void put(Index e, const FrameSide<T>& frames, const T* frame, const T* radial) const {
    constexpr Index lanes = register_lanes<T>;
    for (int m = 0; m <= shape_.mmax; ++m) {
      T* to[4] = {};  // the matrices of an order are laid out alike
      for (int kind = 0; kind < kinds(m); ++kind) to[kind] = get(static_cast<Kind>(kind), m).data;
      frames.each_of_order(m, frame, [&](std::size_t k, Index column, const T* zp, const T* zm) {
        const auto& t = frames.side().terms[k];
        const bool turned = t.turned && m > 0;
        const T* s = radial ? radial + shape_.radial_place[m][k] : nullptr;
        for (Index u = 0, end = 0; u < t.padded;) {
          end = std::min(t.padded, u + depth<T> - (column + u) % depth<T>);
          for (Index place = get(plus, m).place(e, column + u); u < end; u += lanes, place += lanes) {
            V p = turned ? -load<V>(zm + u) : load<V>(zp + u), q = turned ? load<V>(zp + u) : load<V>(zm + u);
            if (s) {
              const V factor = u < t.mul ? load_channels<V>(s + u, t.mul - u) : V{};
              p *= factor, q *= factor;
            }
            store(to[plus] + place, p);
            if (to[minus]) store(to[minus] + place, q);
            if (to[sum]) store(to[sum] + place, V(p + q));
            if (to[difference]) store(to[difference] + place, V(p - q));
          }
        }
      });
    }
  }

 private:
  int kinds(int m) const { return m == 0 ? 1 : shape_.parity ? 2 : differences_ ? 4 : 3; }
  const SO2Shape& shape_;
  bool differences_;
  std::deque<Scratch<T>> memory_;
  std::vector<Left<T>> matrices_[4];
};

// Results of the products, row-major, rows padded to panels.
template <class T>
class Results {
 public:
  using V = Register<T>;
  Results(const SO2Shape& shape, const SO2Side& side) : shape_(shape) {
    for (int m = 0; m <= shape.mmax; ++m) {
      ld_.push_back(round_up(side.columns[m], panel));
      for (int sign = 0; sign < 2; ++sign)
        data_[sign].push_back(
            memory_.emplace_back(sign == 1 && m == 0 ? 0 : ld_.back() * block_edges, T(0)).data());
    }
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  Index ld(int m) const { return ld_[m]; }
  T* plus(int m) const { return data_[0][m]; }
  T* minus(int m) const { return data_[1][m]; }

  // rows [0, round_up(count)) of all orders
  void multiply(const LeftFactors<T>& a, const PackedWeights<T>& w, Index count) {
    using L = LeftFactors<T>;
    const auto run = [&](const Left<T>& left, const Panels<T>& right, T* c, bool add_to) {
      so3::multiply(left, round_up(count, tile_rows), right, c, add_to);
    };
    for (int m = 0; m <= shape_.mmax; ++m) {
      const auto& b = w.order[m];
      if (m == 0 || shape_.parity) {
        run(a.get(L::plus, m), b[0], plus(m), false);
        if (m > 0) run(a.get(L::minus, m), b[0], minus(m), false);
        continue;
      }
      run(a.get(L::sum, m), b[0], plus(m), false);
      std::copy_n(plus(m), count * ld(m), minus(m));
      run(a.get(L::plus, m), b[1], minus(m), true);
      run(a.get(L::minus, m), b[2], plus(m), true);
    }
  }
  // The frame of row e, orders beyond mmax, if it has them, zero; times the radial factors, if any.
  void take(Index e, const FrameSide<T>& frames, T* frame, const T* radial) const {
    constexpr Index lanes = register_lanes<T>;
    if (frames.rows() > shape_.mmax) std::fill_n(frame, frames.size(), T(0));
    for (int m = 0; m <= shape_.mmax; ++m)
      frames.each_of_order(m, frame, [&](std::size_t k, Index column, T* zp, T* zm) {
        const auto& t = frames.side().terms[k];
        const T* s = radial ? radial + shape_.radial_place[m][k] : nullptr;
        for (Index u = 0; u < t.padded; u += lanes) {
          const Index place = e * ld(m) + column + u;
          V p = load<V>(plus(m) + place), q = m > 0 ? load<V>(minus(m) + place) : p;
          if (s) {
            const V factor = u < t.mul ? load_channels<V>(s + u, t.mul - u) : V{};
            p *= factor, q *= factor;
          }
          const bool turned = t.turned && m > 0;
          store(zp + u, turned ? q : p);
          if (m > 0) store(zm + u, turned ? V(-p) : q);
        }
      });
  }

 private:
  const SO2Shape& shape_;
  std::vector<Index> ld_;
  std::vector<T*> data_[2];
  std::deque<Scratch<T>> memory_;
};

// Things that are costly to make, one for each thread at work.
template <class Thing>
class Pool {
 public:
  template <class Make, class Body>
  void with(Make&& make, Body&& body) {
    std::unique_ptr<Thing> thing;
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        thing = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!thing) thing = make();
    body(*thing);
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(thing));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Thing>> idle_;
};

}  // namespace cartan::so3
