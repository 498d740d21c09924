#pragma once
// The normal distribution and gelu on rows of numbers: float32 in whole registers, by polynomials that were
// fitted to it (relative error 3e-7), float64 by the standard library. Where a register can look up among 32
// numbers, gelu is a polynomial of degree 4 for each of 32 pieces: its error is 1.2e-7 |x| above zero, 6.4e-8
// |x| below, where the tail has no digits of its own (0 below -6), and the slope's is 1.6e-7. Elsewhere it is
// a quotient of polynomials, fitted too, with errors of 2.1e-7 |x| and 2.8e-7. gelu(x) = x Phi(x) as
// computers multiply: NaN of NaN and of -infinity.

#include <array>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "core/simd.hpp"

namespace cartan::operators {

using Floats = Register<float>;
using Ints = Register<std::int32_t>;

// Density and distribution at x.
template <class V>
struct Normal {
  V density, below;
};

// exp(x) of x <= 0 by 2^k exp(r), |r| <= ln(2) / 2; 0 below -87.
inline Floats exp_negative(const Floats& x) {
  constexpr float q[] = {5.000000013e-01f, 1.666657684e-01f, 4.166646461e-02f, 8.363203347e-03f,
                         1.393368368e-03f};
  const Floats y = x < -87.f ? Floats{} - 87.f : x;
  // to the nearest whole number: what is added leaves no room for a fraction
  constexpr float shift = 12582912.f;
  const Floats shifted = y * 1.44269504f + shift, k = shifted - shift;
  const Floats r = (y - k * 0.693359375f) + k * 2.12194440e-4f;
  const Floats tail = q[0] + r * (q[1] + r * (q[2] + r * (q[3] + r * q[4])));
  const Ints bits = ((Ints)shifted + 127) << 23;
  return x < -87.f ? Floats{} : (Floats)bits * (1.f + r + r * r * tail);
}

inline Normal<Floats> normal(const Floats& x) {
  constexpr float c[] = {1.196292993e-01f,  1.207539504e-01f, 9.991351363e-02f,  1.285616024e-01f,
                         -5.368369175e-02f, 2.063536647e-01f, -1.572032399e-01f, 3.567482840e-02f};
  const Floats a = x < 0.f ? -x : x, e = exp_negative(-0.5f * a * a), t = 1.f / (1.f + 0.3f * a);
  Floats m = Floats{} + c[7];
  for (int k = 6; k >= 0; --k) m = m * t + c[k];
  const Floats tail = m * t * e;
  return {e * 0.398942280f, x < 0.f ? tail : 1.f - tail};
}
inline Normal<double> normal(double x) {
  return {std::exp(-0.5 * x * x) * 0.39894228040143267794, 0.5 * std::erfc(x * -0.70710678118654752440)};
}
// gelu'(x) = Phi(x) + x phi(x); infinity times no density is nothing
template <class V>
inline V slope_of_gelu(const V& x, const Normal<V>& p) {
  const V rise = x * p.density;
  return p.below + (p.density > 0 ? rise : V{});
}

// Of registers of float32 and of single float64.
template <class V>
struct GeluByNormal {
  V operator()(const V& x) const { return x * normal(x).below; }
};
template <class V>
struct GeluSlopeByNormal {
  // gelu'(x); gelu(x) in y
  V operator()(const V& x, V& y) const {
    const Normal<V> p = normal(x);
    y = x * p.below;
    return slope_of_gelu(x, p);
  }
};

#ifdef __AVX512F__
// x -> f(|x|) by pieces |x| = (i + t) width, |t| <= 1/2. Beyond the last but one f is its limit, 1/2.
struct Pieces {
  static constexpr int count = 32, degree = 4;
  static constexpr float width = 6 / 31.5f;
  alignas(64) float c[degree + 1][count];

  // Of the values at the Chebyshev nodes of each piece.
  template <class F>
  explicit Pieces(F&& f) {
    constexpr int nodes = degree + 1;
    for (int i = 0; i < count; ++i) {
      std::array<double, nodes> t, y;
      for (int k = 0; k < nodes; ++k) {
        t[k] = 0.5 * std::cos(M_PI * (k + 0.5) / nodes);
        y[k] = i + 1 == count ? 0.5 : f(std::abs(i + t[k]) * width, i + t[k] < 0);
      }
      for (int k = 1; k < nodes; ++k)  // divided differences
        for (int j = nodes - 1; j >= k; --j) y[j] = (y[j] - y[j - 1]) / (t[j] - t[j - k]);
      std::array<double, nodes> p{};
      for (int k = nodes - 1; k >= 0; --k) {  // p <- p (t - t_k) + y_k
        for (int j = nodes - 1; j > 0; --j) p[j] = p[j - 1] - t[k] * p[j];
        p[0] = y[k] - t[k] * p[0];
      }
      for (int k = 0; k < nodes; ++k) c[k][i] = static_cast<float>(p[k]);
    }
  }
};

// Phi - 1/2, which is odd, and its sum with x phi, the slope of gelu less 1/2.
inline const Pieces& half_normal() {
  static const Pieces pieces([](double x, bool negative) {
    const double y = 0.5 * std::erf(x * 0.70710678118654752440);
    return negative ? -y : y;
  });
  return pieces;
}
inline const Pieces& half_slope() {
  static const Pieces pieces([](double x, bool negative) {
    const double y =
        0.5 * std::erf(x * 0.70710678118654752440) + x * std::exp(-0.5 * x * x) * 0.39894228040143267794;
    return negative ? -y : y;
  });
  return pieces;
}

// A table in registers.
struct Lookup {
  __m512 low[Pieces::degree + 1], high[Pieces::degree + 1];
  explicit Lookup(const Pieces& p) {
    for (int k = 0; k <= Pieces::degree; ++k)
      low[k] = _mm512_load_ps(p.c[k]), high[k] = _mm512_load_ps(p.c[k] + 16);
  }
  Floats operator()(const __m512i& piece, const Floats& t) const {
    __m512 y = _mm512_permutex2var_ps(low[Pieces::degree], piece, high[Pieces::degree]);
#pragma GCC unroll 4
    for (int k = Pieces::degree - 1; k >= 0; --k)
      y = _mm512_fmadd_ps(y, (__m512)t, _mm512_permutex2var_ps(low[k], piece, high[k]));
    return (Floats)y;
  }
};
struct Place {
  __m512i piece;  // its lowest five bits
  Floats t, size;
  explicit Place(const Floats& x) : size((Floats)_mm512_abs_ps((__m512)x)) {
    constexpr float shift = 12582912.f;  // leaves no room for a fraction
    // of two numbers, one NaN, the instruction takes the second: NaN stays NaN
    const Floats s = (Floats)_mm512_min_ps(_mm512_set1_ps(31.49f), (__m512)(size * (1 / Pieces::width)));
    const Floats shifted = s + shift;
    piece = (__m512i)shifted;
    t = s - (shifted - shift);
  }
};

struct GeluByPieces {
  Lookup half{half_normal()};
  Floats operator()(const Floats& x) const {
    const Place p(x);
    return 0.5f * x + p.size * half(p.piece, p.t);
  }
};
struct GeluSlopeByPieces {
  Lookup half{half_normal()}, slope{half_slope()};
  // gelu'(x); gelu(x) in y
  Floats operator()(const Floats& x, Floats& y) const {
    const Place p(x);
    y = 0.5f * x + p.size * half(p.piece, p.t);
    const Floats d = slope(p.piece, p.t);
    return 0.5f + (x < 0.f ? -d : d);
  }
};
using Gelu32 = GeluByPieces;
using GeluSlope32 = GeluSlopeByPieces;
#else
template <std::size_t n>
inline Floats polynomial(const float (&c)[n], const Floats& x) {
  Floats y = Floats{} + c[n - 1];
#pragma GCC unroll 8
  for (int k = static_cast<int>(n) - 2; k >= 0; --k) y = y * x + c[k];
  return y;
}
inline Floats magnitude(const Floats& x) {
  return (Floats)((Ints)x & 0x7fffffff);
}

// By Phi(s) - 1/2 = s p(s^2) / q(s^2) up to 5.2, and 1/2 beyond; NaN stays NaN.
struct GeluByQuotient {
  Floats operator()(const Floats& x) const {
    constexpr float p[] = {3.989419173e-01f, 4.959368807e-02f, 5.518748025e-03f, 3.142658887e-04f,
                           5.840675818e-06f};
    constexpr float q[] = {
        1.f, 2.909737064e-01f, 3.733996483e-02f, 2.703761431e-03f, 1.127417875e-04f, 5.019039240e-07f};
    const Floats s = magnitude(x), u = s * s, half = s / polynomial(q, u) * polynomial(p, u);
    return 0.5f * x + s * (s >= 5.2f ? Floats{} + 0.5f : half);
  }
};
// The same up to 5.8, and its sum with s phi(s), the slope less 1/2, with one denominator.
struct GeluSlopeByQuotients {
  // gelu'(x); gelu(x) in y
  Floats operator()(const Floats& x, Floats& y) const {
    constexpr float p[] = {3.989420992e-01f, 4.262440254e-02f, 5.592818483e-03f, 2.852928946e-04f,
                           1.211170673e-05f, 1.913784639e-07f, 4.644143060e-10f};
    constexpr float q[] = {1.f,
                           2.735075359e-01f,
                           3.460776115e-02f,
                           2.618891272e-03f,
                           1.272860829e-04f,
                           3.534364697e-06f,
                           2.739442443e-08f};
    constexpr float r[] = {7.978844333e-01f, -4.773300402e-02f, 1.470943232e-02f, -2.439207572e-04f,
                           3.111579645e-05f, -2.286944310e-07f, 5.729491623e-09f, -2.872191596e-11f};
    const Floats s = magnitude(x), u = s * s, over = s / polynomial(q, u), limit = Floats{} + 0.5f;
    y = 0.5f * x + s * (s >= 5.8f ? limit : over * polynomial(p, u));
    const Floats d = s >= 5.8f ? limit : over * polynomial(r, u);
    return 0.5f + (x < 0.f ? -d : d);
  }
};
using Gelu32 = GeluByQuotient;
using GeluSlope32 = GeluSlopeByQuotients;
#endif
/// Functions of registers of float32, of single float64; made once before a loop.
template <class T>
using GeluOf = std::conditional_t<std::is_same_v<T, float>, Gelu32, GeluByNormal<double>>;
template <class T>
using GeluSlopeOf = std::conditional_t<std::is_same_v<T, float>, GeluSlope32, GeluSlopeByNormal<double>>;

// body(x, access, i) for all numbers of a row: whole registers of float32, single float64.
template <class Body>
inline void for_numbers(const float* x, Index n, Body&& body) {
  for_registers<float>(n, [&](auto access, Index i) { body(access.load(x + i), access, i); });
}
struct One {
  double load(const double* p) const { return *p; }
  void store(double* p, double v) const { *p = v; }
};
template <class Body>
inline void for_numbers(const double* x, Index n, Body&& body) {
  for (Index i = 0; i < n; ++i) body(x[i], One{}, i);
}

// y = gelu(x); x == y allowed.
template <class T>
inline void gelu_row(const T* x, T* y, Index n) {
  const GeluOf<T> gelu;
  for_numbers(x, n, [&](auto v, auto access, Index i) { access.store(y + i, gelu(v)); });
}
// y = gelu(x), slope = gelu'(x)
template <class T>
inline void gelu_row(const T* x, T* y, T* slope, Index n) {
  const GeluSlopeOf<T> gelu;
  for_numbers(x, n, [&](auto v, auto access, Index i) {
    auto value = v;
    access.store(slope + i, gelu(v, value));
    access.store(y + i, value);
  });
}

}  // namespace cartan::operators
