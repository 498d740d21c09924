#pragma once
// Features of edges in the frame of the edge: gathered and turned in, turned back and added, and
// infinitesimal rotations of them.

#include <type_traits>
#include <vector>

#include "cartan/so3/tables.hpp"
#include "core/with_count.hpp"
#include "so3/harmonics/cpu/wigner_kernel.hpp"
#include "so3/so2/cpu/gemm.hpp"

namespace cartan::so3 {

inline constexpr Index block_edges = 96;  // a block; whole tiles

// `count` channels, or a whole vector of them; zeros beyond.
template <class V, class T>
inline V load_channels(const T* p, Index count) {
  if (count * static_cast<Index>(sizeof(T)) >= static_cast<Index>(sizeof(V))) return load<V>(p);
  V v{};
  std::memcpy(&v, p, count * sizeof(T));
  return v;
}
template <class V, class T>
inline void add_channels(T* p, Index count, const V& v) {
  if (count * static_cast<Index>(sizeof(T)) >= static_cast<Index>(sizeof(V)))
    return store(p, V(load<V>(p) + v));
  for (Index k = 0; k < count; ++k) p[k] += v[k];
}

// Two vectors at once, which share the loads of a coefficient.
template <class V>
struct Two {
  V a, b;
  Two& operator+=(const Two& o) {
    a += o.a, b += o.b;
    return *this;
  }
  template <class T>
  friend Two operator*(T s, const Two& v) {
    return {s * v.a, s * v.b};
  }
};

// sum[r] = sum over j of coefficient[r * row_step + j * step] x(j), R rows at a time.
template <int R, class V, class T, class Load, class Result>
inline void combine_rows(const T* coefficient, Index row_step, Index step, Index n, Load&& x,
                         Result&& result) {
  V sum[R] = {};
  for (Index j = 0; j < n; ++j) {
    const V v = x(j);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r] += coefficient[r * row_step + j * step] * v;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) result(r, sum[r]);
}

template <class V, class T, class Load, class Result>
inline void combine(const T* coefficient, Index rows, Index row_step, Index step, Index n, Load&& x,
                    Result&& result) {
  // Sums, vectors and a coefficient at once in registers.
  constexpr Index most = std::min<Index>(7, (register_count - 1) / (sizeof(V) / register_bytes) - 1);
  const auto run = [&]<int R>(std::integral_constant<int, R>, Index first) {
    combine_rows<R, V>(coefficient + first * row_step, row_step, step, n, x,
                       [&](int r, const V& v) { result(first + r, v); });
  };
  for (Index first = 0, parts = (rows + most - 1) / most; parts > 0; --parts) {
    const Index count = (rows - first + parts - 1) / parts;
    with_count<most>(count, [&](auto number) { run(number, first); });
    first += count;
  }
}

// One side of the convolution with orders |m| <= rows kept, at most those of the Wigner matrices.
template <class T>
class FrameSide {
 public:
  using V = Register<T>;
  static constexpr Index lanes = register_lanes<T>;

  FrameSide(const SO2Side& side, int rows, const WignerLayout& wigner)
      : side_(side), rows_(rows), wigner_(wigner) {
    place_ = side.frame(rows, size_);
    for (const auto& t : side.terms) {
      const int w = std::min(t.l, rows);
      auto& links = links_.emplace_back(2 * w + 1);
      for (int axis : {0, 2, 1})
        for (const Entry& e : generator(t.l, axis)) {
          const int m = e.row - t.l, n = e.column - t.l;
          if (std::abs(m) > w || std::abs(n) > w) continue;
          links[w + m].push_back({axis, static_cast<T>(e.value), (w + n) * t.padded});
        }
    }
  }
  Index size() const { return size_; }
  int rows() const { return rows_; }
  const SO2Side& side() const { return side_; }
  // Place of order m, |m| <= rows, of a term in a frame.
  Index row(std::size_t term, int m) const {
    const auto& t = side_.terms[term];
    return place_[term] + (std::min(t.l, rows_) + m) * t.padded;
  }

  // frame = D^T x; of what is in the frame already, a copy
  void turn_in(const T* d, const T* x, T* frame) const {
    if (side_.framed) {
      for (std::size_t k = 0; k < side_.terms.size(); ++k) {
        const auto& t = side_.terms[k];
        const T* from = x + t.place;
        T* to = frame + place_[k];
        for (Index r = 2 * std::min(t.l, rows_); r >= 0; --r, from += t.mul, to += t.padded)
          std::fill(std::copy_n(from, t.mul, to), to + t.padded, T(0));
      }
      return;
    }
    each_term(
        d,
        [&](const SO2Side::Term& t, const T* block, Index width, Index step, T* z) {
          const Index n = 2 * t.l + 1;
          Index u = 0;
          for (; u + 2 * lanes <= t.mul; u += 2 * lanes)
            combine<Two<V>>(
                block, width, 1, step, n,
                [&](Index m) {
                  const T* p = x + t.place + m * t.mul + u;
                  return Two<V>{load<V>(p), load<V>(p + lanes)};
                },
                [&](Index r, const Two<V>& v) {
                  store(z + r * t.padded + u, v.a);
                  store(z + r * t.padded + u + lanes, v.b);
                });
          for (; u < t.mul; u += lanes)
            combine<V>(
                block, width, 1, step, n,
                [&](Index m) { return load_channels<V>(x + t.place + m * t.mul + u, t.mul - u); },
                [&](Index r, const V& v) { store(z + r * t.padded + u, v); });
          for (; u < t.padded; u += lanes)
            for (Index r = 0; r < width; ++r) store(z + r * t.padded + u, V{});
        },
        frame);
  }

  // y += D frame
  void turn_back(const T* d, T* frame, T* y) const {
    if (side_.framed) {
      for (std::size_t k = 0; k < side_.terms.size(); ++k) {
        const auto& t = side_.terms[k];
        const T* from = frame + place_[k];
        T* to = y + t.place;
        for (Index r = 2 * std::min(t.l, rows_); r >= 0; --r, from += t.padded, to += t.mul)
          for (Index u = 0; u < t.mul; ++u) to[u] += from[u];
      }
      return;
    }
    each_term(
        d,
        [&](const SO2Side::Term& t, const T* block, Index width, Index step, T* z) {
          const Index n = 2 * t.l + 1;
          Index u = 0;
          for (; u + 2 * lanes <= t.mul; u += 2 * lanes)
            combine<Two<V>>(
                block, n, step, 1, width,
                [&](Index m) {
                  const T* p = z + m * t.padded + u;
                  return Two<V>{load<V>(p), load<V>(p + lanes)};
                },
                [&](Index r, const Two<V>& v) {
                  T* p = y + t.place + r * t.mul + u;
                  store(p, V(load<V>(p) + v.a));
                  store(p + lanes, V(load<V>(p + lanes) + v.b));
                });
          for (; u < t.mul; u += lanes)
            combine<V>(
                block, n, step, 1, width, [&](Index m) { return load<V>(z + m * t.padded + u); },
                [&](Index r, const V& v) { add_channels(y + t.place + r * t.mul + u, t.mul - u, v); });
        },
        frame);
  }

  // out = scale X(omega) frame, omega in the frame of the edge; what is given in the frame turns with it
  void generate(const double omega[3], double scale, const T* frame, T* out) const {
    if (side_.framed) {
      std::fill_n(out, size_, T(0));
      return;
    }
    for (std::size_t k = 0; k < side_.terms.size(); ++k) {
      const Index padded = side_.terms[k].padded;
      T* o = out + place_[k];
      for (const auto& row : links_[k]) {
        T factor[5];  // the one about y is the last
        const std::size_t n = row.size() - (omega[1] == 0 && !row.empty() && row.back().axis == 1 ? 1 : 0);
        for (std::size_t i = 0; i < n; ++i)
          factor[i] = static_cast<T>(scale * omega[row[i].axis]) * row[i].value;
        for (Index u = 0; u < padded; u += lanes) {
          V sum{};
          for (std::size_t i = 0; i < n; ++i)
            sum += factor[i] * load<V>(frame + place_[k] + row[i].place + u);
          store(o + u, sum);
        }
        o += padded;
      }
    }
  }

  // tau[a] += <X_a p, q>; q has the orders of `narrow`, as many as these or fewer. `roll`: about y, too.
  void torque(const T* p, const FrameSide& narrow, const T* q, bool roll, double tau[3]) const {
    if (side_.framed) return;
    for (std::size_t k = 0; k < side_.terms.size(); ++k) {
      const auto& t = side_.terms[k];
      const int w = std::min(t.l, rows_), wq = std::min(t.l, narrow.rows_);
      V total[3] = {};
      for (int m = -wq; m <= wq; ++m) {
        const auto& links = links_[k][w + m];
        const T *pk = p + place_[k], *qm = q + narrow.row(k, m);
        const auto run = [&]<int n>(std::integral_constant<int, n>) {
          V sum[n] = {};
          for (Index u = 0; u < t.padded; u += lanes) {
            const V v = load<V>(qm + u);
#pragma GCC unroll 8
            for (int i = 0; i < n; ++i) sum[i] += v * load<V>(pk + links[i].place + u);
          }
          for (int i = 0; i < n; ++i) total[links[i].axis] += links[i].value * sum[i];
        };
        // the one about y is the last
        with_count<5>(static_cast<Index>(links.size()) - (roll || m == 0 ? 0 : 1), run);
      }
      for (int a : {0, 2, 1})
        if (a != 1 || roll) tau[a] += static_cast<double>(horizontal_sum<T>(total[a]));
    }
  }

  // Calls f(row, column, plus, minus) for order m of a frame: a term's rows +m and -m (m = 0: twice the
  // same), its first column in the matrices of order m.
  template <class P, class F>
  void each_of_order(int m, P* frame, F&& f) const {
    for (std::size_t k = 0; k < side_.terms.size(); ++k) {
      const auto& t = side_.terms[k];
      if (t.l < m) continue;
      const int w = std::min(t.l, rows_);
      f(k, side_.column[m][k], frame + place_[k] + (w + m) * t.padded,
        frame + place_[k] + (w - m) * t.padded);
    }
  }

 private:
  // <X_axis p, q> has value * p[place] * q[row] for the links of the row; those about y come last
  struct Link {
    int axis;
    T value;
    Index place;
  };
  // f(term, the orders kept of D, their number, D's columns, the term's part of the frame)
  template <class F>
  void each_term(const T* d, F&& f, T* frame) const {
    for (std::size_t k = 0; k < side_.terms.size(); ++k) {
      const auto& t = side_.terms[k];
      const Index w = std::min(t.l, rows_);
      f(t, d + wigner_.place(t.l, -t.l, static_cast<int>(-w)), 2 * w + 1, Index{2 * wigner_.width(t.l) + 1},
        frame + place_[k]);
    }
  }

  const SO2Side& side_;
  int rows_;
  const WignerLayout& wigner_;
  std::vector<Index> place_;
  Index size_ = 0;
  std::vector<std::vector<std::vector<Link>>> links_;  // [term][row]
};

// Directions of the edges of a block and their D, columns |m| <= rows.
template <class T>
class EdgeFrames {
 public:
  explicit EdgeFrames(const WignerKernel& kernel)
      : kernel_(kernel),
        d_(kernel.layout().size * block_edges, T(0)),
        lanes_(kernel.layout().size + kernel.scratch_size(), SampleLanes{}) {}
  void prepare(const T* vectors, const std::int32_t* edges, Index count) {
    const Index size = kernel_.layout().size;
    SampleLanes* lanes = lanes_.data();
    for (Index first = 0; first < count; first += lane_count) {
      const Index samples = std::min(lane_count, count - first);
      CayleyKlein parameters[lane_count];
      for (Index s = 0; s < samples; ++s) {
        double* n = direction_[first + s];
        const T* r = vectors + 3 * edges[first + s];
        for (int a = 0; a < 3; ++a) n[a] = static_cast<double>(r[a]);
        const double length = std::hypot(n[0], n[1], n[2]);
        for (int a = 0; a < 3; ++a) n[a] /= length;
        parameters[s] = cayley_klein_of_edge(n);
      }
      kernel_(parameters, samples, lanes, lanes + size);
      from_lanes(lanes, size, d_.data() + first * size, size, samples);
    }
  }
  const T* d(Index e) const { return d_.data() + e * kernel_.layout().size; }

  // A vector in the frame of edge e, R^T v, and back.
  void into(Index e, const double v[3], double out[3]) const {
    double r[3][3];
    matrix(e, r);
    for (int i = 0; i < 3; ++i) out[i] = r[0][i] * v[0] + r[1][i] * v[1] + r[2][i] * v[2];
  }
  void back(Index e, const double v[3], double out[3]) const {
    double r[3][3];
    matrix(e, r);
    for (int i = 0; i < 3; ++i) out[i] = r[i][0] * v[0] + r[i][1] * v[1] + r[i][2] * v[2];
  }

 private:
  void matrix(Index e, double r[3][3]) const {  // R_y(alpha) R_x(beta)
    const double* n = direction_[e];
    const double sb = std::hypot(n[0], n[2]), cb = n[1];
    const double ca = sb > 0 ? n[2] / sb : 1, sa = sb > 0 ? n[0] / sb : 0;
    const double rows[3][3] = {{ca, sa * sb, sa * cb}, {0, cb, -sb}, {-sa, ca * sb, ca * cb}};
    std::memcpy(r, rows, sizeof rows);
  }

  const WignerKernel& kernel_;
  double direction_[block_edges][3];
  Scratch<T> d_;
  Scratch<SampleLanes> lanes_;
};

}  // namespace cartan::so3
