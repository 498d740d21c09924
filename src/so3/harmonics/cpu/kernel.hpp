#pragma once
// Solid harmonics of a block of points, and their derivatives contracted with coefficients.
//
// With (X, Y, Z) = (z, x, y) the solid harmonic of degree l and order +-m is
//   R_{l,m} = q_l^m c_m,  R_{l,-m} = q_l^m s_m,   c_m + i s_m = (X + i Y)^m,
//   q_l^m = n_lm r^(l-m) P_l^(m)(Z/r),   n_lm the normalisation, P_l^(m) the m-th derivative of P_l.
// q is a polynomial of Z and r^2 with
//   q_m^m constant,  q_l^m = a_lm Z q_{l-1}^m - b_lm r^2 q_{l-2}^m,
//   dq/d(X, Y) = -(X, Y) up_lm q_{l-1}^{m+1},   dq/dZ = along_lm q_{l-1}^m.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "cartan/so3/spherical_harmonics.hpp"
#include "so3/harmonics/cpu/block.hpp"

namespace cartan::so3 {

/// Constants of the recursion, entry (l, m) at column(m) + l - m. up_up = up_lm up_{l-1,m+1}, and so on: the
/// constants of the second derivatives.
template <class T>
struct HarmonicsTable {
  int lmax = 0;
  std::vector<T> a, b, up, along, up_up, up_along, along_along;

  int column(int m) const { return m * (lmax + 1) - m * (m - 1) / 2; }
  int size() const { return (lmax + 1) * (lmax + 2) / 2; }
  Index outputs() const { return Index{lmax + 1} * (lmax + 1); }
};

/// Kept for the life of the program.
template <class T>
const HarmonicsTable<T>& harmonics_table(int lmax, Normalization normalization);

/// The derivatives of solid harmonics are solid harmonics of one degree less: dR_i/d(axis) = sum of value R_j
/// over the entries of i and axis.
struct Ladder {
  int i, j, axis;
  double value;
};
std::vector<Ladder> harmonics_ladder(int lmax, Normalization normalization);

/// f(k) for k = first .. last; unrolled where the degree L >= last is known to the compiler.
template <int L, class F>
[[gnu::always_inline]] inline void each(int first, int last, F&& f) {
  if constexpr (L < 0) {
    for (int k = first; k <= last; ++k) f(k);
  } else {
    [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
      ((first + i <= last ? f(first + i) : void()), ...);
    }
    (std::make_integer_sequence<int, L + 1>());
  }
}
#define CARTAN_INLINE __attribute__((always_inline))

/// Harmonics of a block of points. L: the degree where the compiler shall know it, or -1.
template <class T, int L = -1>
class HarmonicsBlock {
 public:
  using V = PointLanes<T>;

  explicit HarmonicsBlock(const HarmonicsTable<T>& table)
      : t_(table),
        q_(L < 0 ? static_cast<std::size_t>(table.size()) : 0),
        c_(L < 0 ? 2 * static_cast<std::size_t>(table.lmax + 1) : 0) {}

  int lmax() const { return L < 0 ? t_.lmax : L; }

  /// out[l^2 + l + m] = R_lm; meanwhile() is called after every m.
  template <class F>
  void values(const Point<T>& p, V* out, F&& meanwhile) {
    set_point(p);
    V c = V{} + 1, s{};
    each<L>(0, lmax(), [&](int m) CARTAN_INLINE {
      if (m > 0) step(c, s);
      recursion(m, [&](int l, const V& q) CARTAN_INLINE {
        V* o = out + l * l + l;
        o[m] = q * c;
        if (m > 0) o[-m] = q * s;
      });
      meanwhile();
    });
  }

  /// Computes what the functions below need.
  template <class F>
  void set(const Point<T>& p, F&& meanwhile) {
    set_point(p);
    V c = V{} + 1, s{};
    each<L>(0, lmax(), [&](int m) CARTAN_INLINE {
      if (m > 0) step(c, s);
      powers()[2 * m] = c;
      powers()[2 * m + 1] = s;
      V* column = q() + t_column(m) - m;
      recursion(m, [&](int l, const V& value) CARTAN_INLINE { column[l] = value; });
      meanwhile();
    });
  }

  /// The gradient of F = sum w_i R_i.
  Point<T> gradient(const V* w) const {
    V gx{}, gy{}, gz{}, inner{};
    each<L>(0, lmax(), [&](int m) CARTAN_INLINE {
      const Moments f = moments<false>(w, m);
      inner += f.up.dot(c(m), s(m));
      gz += f.along.dot(c(m), s(m));
      if (m > 0) {
        gx += T(m) * f.q.dot(c(m - 1), s(m - 1));
        gy += T(m) * f.q.cross(c(m - 1), s(m - 1));
      }
    });
    return {gy - y_ * inner, gz, gx - x_ * inner};
  }

  /// The gradient of F, and the derivative of that gradient along v.
  void hessian(const V* w, const Point<T>& v, Point<T>& gradient, Point<T>& along_v) const {
    const V vx = v.z, vy = v.x, vz = v.y, radial = vx * x_ + vy * y_;
    V gx{}, gy{}, gz{}, inner{}, hx{}, hy{}, hz{}, dinner{};
    V dc{}, ds{};  // of c_m, s_m along v
    each<L>(0, lmax(), [&](int m) CARTAN_INLINE {
      const Moments f = moments<true>(w, m);
      const Pair dq = f.up.step(-radial, f.along, vz);
      const Pair dup = f.up_up.step(-radial, f.up_along, vz);
      const Pair dalong = f.up_along.step(-radial, f.along_along, vz);
      if (m > 0) {
        const V before_c = c(m - 1), before_s = s(m - 1);
        gx += T(m) * f.q.dot(before_c, before_s);
        gy += T(m) * f.q.cross(before_c, before_s);
        hx += T(m) * (dq.dot(before_c, before_s) + f.q.dot(dc, ds));
        hy += T(m) * (dq.cross(before_c, before_s) + f.q.cross(dc, ds));
        dc = T(m) * (vx * before_c - vy * before_s);
        ds = T(m) * (vx * before_s + vy * before_c);
      }
      inner += f.up.dot(c(m), s(m));
      dinner += dup.dot(c(m), s(m)) + f.up.dot(dc, ds);
      gz += f.along.dot(c(m), s(m));
      hz += dalong.dot(c(m), s(m)) + f.along.dot(dc, ds);
    });
    gradient = {gy - y_ * inner, gz, gx - x_ * inner};
    along_v = {hy - vy * inner - y_ * dinner, hz, hx - vx * inner - x_ * dinner};
  }

  /// out[i] = derivative of R_i along v
  void directional(const Point<T>& v, V* out) const {
    const V vx = v.z, vy = v.x, vz = v.y, radial = vx * x_ + vy * y_;
    each<L>(0, lmax(), [&](int m) CARTAN_INLINE {
      V dc{}, ds{};
      if (m > 0) {
        dc = T(m) * (vx * c(m - 1) - vy * s(m - 1));
        ds = T(m) * (vx * s(m - 1) + vy * c(m - 1));
      }
      const V *here = column(m), *next = column(m + 1);
      const T *along = t_.along.data() + t_column(m) - m, *up = t_.up.data() + t_column(m) - m;
      each<L>(m, lmax(), [&](int l) CARTAN_INLINE {
        V dq{};
        if (l > m) dq = (along[l] * vz) * here[l - 1];
        if (l > m + 1) dq -= (up[l] * radial) * next[l - 1];
        V* o = out + l * l + l;
        o[m] = here[l] * dc + dq * c(m);
        if (m > 0) o[-m] = here[l] * ds + dq * s(m);
      });
    });
  }

 private:
  struct Pair {  // the coefficients of c_m and of s_m
    V c{}, s{};
    V dot(const V& a, const V& b) const { return c * a + s * b; }
    V cross(const V& a, const V& b) const { return s * a - c * b; }
    Pair step(const V& f, const Pair& other, const V& g) const {
      return {f * c + g * other.c, f * s + g * other.s};
    }
    void add(const V& f, const V& wc, const V& ws) {
      c += f * wc;
      s += f * ws;
    }
  };
  // Sums over l of w_lm times q and its derivatives.
  struct Moments {
    Pair q, up, along, up_up, up_along, along_along;
  };
  template <bool second>
  [[gnu::always_inline]] Moments moments(const V* w, int m) const {
    Moments f;
    const V *q0 = column(m), *q1 = column(m + 1), *q2 = column(m + 2);
    const int first = t_column(m) - m;
    each<L>(m, lmax(), [&](int l) CARTAN_INLINE {
      const V *o = w + l * l + l, wc = o[m], ws = m > 0 ? o[-m] : V{};
      const auto e = static_cast<std::size_t>(first + l);
      f.q.add(q0[l], wc, ws);
      if (l > m) f.along.add(t_.along[e] * q0[l - 1], wc, ws);
      if (l > m + 1) f.up.add(t_.up[e] * q1[l - 1], wc, ws);
      if constexpr (second) {
        if (l > m + 1) f.along_along.add(t_.along_along[e] * q0[l - 2], wc, ws);
        if (l > m + 2) f.up_along.add(t_.up_along[e] * q1[l - 2], wc, ws);
        if (l > m + 3) f.up_up.add(t_.up_up[e] * q2[l - 2], wc, ws);
      }
    });
    return f;
  }

  void set_point(const Point<T>& p) {
    x_ = p.z, y_ = p.x, z_ = p.y;
    r2_ = x_ * x_ + y_ * y_ + z_ * z_;
  }
  // From c_m, s_m to m + 1.
  void step(V& c, V& s) const {
    const V next = x_ * c - y_ * s;
    s = x_ * s + y_ * c;
    c = next;
  }
  // each_value(l, q_l^m) for l = m .. lmax
  template <class F>
  [[gnu::always_inline]] void recursion(int m, F&& each_value) const {
    const T *a = t_.a.data() + t_column(m) - m, *b = t_.b.data() + t_column(m) - m;
    V before{}, now = V{} + a[m];
    each_value(m, now);
    each<L>(m + 1, lmax(), [&](int l) CARTAN_INLINE {
      V next = (a[l] * z_) * now;
      if (l > m + 1) next -= (b[l] * r2_) * before;
      before = now;
      now = next;
      each_value(l, now);
    });
  }

  int t_column(int m) const { return m * (lmax() + 1) - m * (m - 1) / 2; }
  V* q() { return L < 0 ? q_.data() : fixed_q_; }
  V* powers() { return L < 0 ? c_.data() : fixed_c_; }
  // column(m)[l] = q_l^m
  const V* column(int m) const { return (L < 0 ? q_.data() : fixed_q_) + t_column(m) - m; }
  const V& c(int m) const { return (L < 0 ? c_.data() : fixed_c_)[2 * m]; }
  const V& s(int m) const { return (L < 0 ? c_.data() : fixed_c_)[2 * m + 1]; }

  const HarmonicsTable<T>& t_;
  V x_{}, y_{}, z_{}, r2_{};
  std::vector<V> q_, c_;
  V fixed_q_[L < 0 ? 1 : (L + 1) * (L + 2) / 2];
  V fixed_c_[L < 0 ? 1 : 2 * (L + 1)];
};

/// Unit vectors and the inverse lengths. A vector of zeros stays zero and has inverse length 0. Lengths whose
/// square over- or underflows are scaled by a power of two first, so that the result has the same bits.
template <class T>
inline Point<T> to_unit(const Point<T>& p, PointLanes<T>& inverse) {
  constexpr int n = lane_count<T>;
  constexpr T low = sizeof(T) == 4 ? T(1e-30) : T(1e-280), high = 1 / low;
  Point<T> u = p;
  const auto square = [](const Point<T>& q) { return PointLanes<T>(q.x * q.x + q.y * q.y + q.z * q.z); };
  PointLanes<T> r2 = square(p);
  const auto inside = (r2 >= low) & (r2 <= high);  // -1 or 0 a lane
  const bool plain = all_true(inside);
  PointLanes<T> unit = PointLanes<T>{} + 1;  // the power of two
  if (!plain) {
    for (int i = 0; i < n; ++i) {
      if (inside[i]) continue;
      const T size = std::max({std::abs(p.x[i]), std::abs(p.y[i]), std::abs(p.z[i])});
      if (size > 0 && size <= std::numeric_limits<T>::max()) {
        constexpr int limit = std::numeric_limits<T>::max_exponent - 2;
        unit[i] = std::ldexp(T(1), std::min(-std::ilogb(size), limit));
      } else if (size == 0) {
        unit[i] = 0;
      }
    }
    u = {u.x * unit, u.y * unit, u.z * unit};
    r2 = square(u);  // of all lanes at once: a sum of one alone may be fused in another way
    for (int i = 0; i < n; ++i)
      if (unit[i] == 0) r2[i] = 1;
  }
  PointLanes<T> root;
  for (int i = 0; i < n; ++i) root[i] = std::sqrt(r2[i]);
  inverse = 1 / root;
  u = {u.x * inverse, u.y * inverse, u.z * inverse};
  if (!plain)
    for (int i = 0; i < n; ++i) inverse[i] = std::min(inverse[i] * unit[i], std::numeric_limits<T>::max());
  return u;
}

#undef CARTAN_INLINE

}  // namespace cartan::so3
