#pragma once
// Shared by the tests of products on the sphere: random features, errors, and products by brute force.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/irreps.hpp"
#include "cartan/so3/tables.hpp"

namespace cartan::so3 {

inline Array normal(const Shape& shape, std::uint64_t stream, DType dtype = DType::f64) {
  return random_normal(shape, dtype, Random(11, stream));
}
inline Array features(Index samples, int l, Index channels, std::uint64_t stream, DType dtype = DType::f64) {
  return normal({samples, (l + 1) * (l + 1) * channels}, stream, dtype);
}
// C x (0e + 1o + ... + l)
inline Irreps irreps_of(int l, Index channels) {
  std::vector<MulIrrep> terms;
  for (int k = 0; k <= l; ++k) terms.push_back({channels, {k, k % 2 == 0 ? 1 : -1}});
  return terms;
}

// max |a - b| / max |b|; infinite for what is not finite or has another shape.
inline double difference(const Array& a, const Array& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const auto p = a.to_vector<double>(), q = b.to_vector<double>();
  double most = 0, size = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (!std::isfinite(p[k]) || !std::isfinite(q[k])) return INFINITY;
    most = std::max(most, std::abs(p[k] - q[k]));
    size = std::max(size, std::abs(q[k]));
  }
  return most == 0 ? 0 : most / size;
}

// z = sum over paths of weight(l1, l2, l3) C[i, j, k] x_i y_j, channel by channel, in float64.
inline Array by_couplings(const Array& x, int l1, const Array& y, int l2, int l3,
                          const std::function<double(int, int, int, Index)>& weight) {
  const Index samples = x.dim(0), channels = x.dim(1) / ((l1 + 1) * (l1 + 1));
  const auto a = x.to_vector<double>(), b = y.to_vector<double>();
  std::vector<double> z(static_cast<std::size_t>(samples * (l3 + 1) * (l3 + 1) * channels), 0.0);
  for (int p = 0; p <= l1; ++p)
    for (int q = 0; q <= l2; ++q)
      for (int r = std::abs(p - q); r <= std::min(p + q, l3); ++r)
        for (const Coupling& e : couplings(p, q, r))
          for (Index s = 0; s < samples; ++s)
            for (Index c = 0; c < channels; ++c)
              z[static_cast<std::size_t>((s * (l3 + 1) * (l3 + 1) + r * r + e.k) * channels + c)] +=
                  weight(p, q, r, c) * e.value *
                  a[static_cast<std::size_t>((s * (l1 + 1) * (l1 + 1) + p * p + e.i) * channels + c)] *
                  b[static_cast<std::size_t>((s * (l2 + 1) * (l2 + 1) + q * q + e.j) * channels + c)];
  return Array::from(z, {samples, (l3 + 1) * (l3 + 1) * channels});
}
inline Array by_gaunt(const Array& x, int l1, const Array& y, int l2, int l3) {
  return by_couplings(x, l1, y, l2, l3, [](int a, int b, int c, Index) { return gaunt(a, b, c); });
}

}  // namespace cartan::so3
