#pragma once
// The normal distribution and gelu on rows of numbers: float32 in whole registers, by polynomials that were
// fitted to it (relative error 3e-7), float64 by the standard library.

#include <cmath>
#include <cstring>

#include "core/simd.hpp"

namespace cartan::operators {

using Floats = vector_of<float>::type;
typedef int Ints __attribute__((vector_size(64)));

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
  for_numbers(x, n, [&](auto v, auto access, Index i) { access.store(y + i, v * normal(v).below); });
}
// y = gelu(x), slope = gelu'(x)
template <class T>
inline void gelu_row(const T* x, T* y, T* slope, Index n) {
  for_numbers(x, n, [&](auto v, auto access, Index i) {
    const auto p = normal(v);
    access.store(y + i, v * p.below);
    access.store(slope + i, p.below + v * p.density);
  });
}

}  // namespace cartan::operators
