#pragma once
// The normal distribution in loops that the compiler turns into vectors; float32 by polynomials that were
// fitted to it (relative error 3e-7), float64 by the standard library.

#include <cmath>
#include <cstring>

namespace cartan::operators {

// exp(x) of x <= 0 by 2^k exp(r), |r| <= ln(2) / 2; 0 below -87.
inline float exp_negative(float x) {
  constexpr float q[] = {5.000000013e-01f, 1.666657684e-01f, 4.166646461e-02f, 8.363203347e-03f,
                         1.393368368e-03f};
  const float y = x < -87.f ? -87.f : x;
  // to the nearest whole number: what is added leaves no room for a fraction
  constexpr float shift = 12582912.f;
  const float shifted = y * 1.44269504f + shift, k = shifted - shift;
  const float r = (y - k * 0.693359375f) + k * 2.12194440e-4f;
  const float tail = q[0] + r * (q[1] + r * (q[2] + r * (q[3] + r * q[4])));
  int bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return x < -87.f ? 0.f : power * (1.f + r + r * r * tail);
}
inline double exp_negative(double x) {
  return std::exp(x);
}

// Density and distribution at x.
template <class T>
struct Normal {
  T density, below;
};
inline Normal<float> normal(float x) {
  constexpr float c[] = {1.196292993e-01f,  1.207539504e-01f, 9.991351363e-02f,  1.285616024e-01f,
                         -5.368369175e-02f, 2.063536647e-01f, -1.572032399e-01f, 3.567482840e-02f};
  const float a = std::fabs(x), e = exp_negative(-0.5f * a * a), t = 1.f / (1.f + 0.3f * a);
  float m = c[7];
  for (int k = 6; k >= 0; --k) m = m * t + c[k];
  const float tail = m * t * e;
  return {e * 0.398942280f, x < 0 ? tail : 1.f - tail};
}
inline Normal<double> normal(double x) {
  return {std::exp(-0.5 * x * x) * 0.39894228040143267794, 0.5 * std::erfc(x * -0.70710678118654752440)};
}

}  // namespace cartan::operators
