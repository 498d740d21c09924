#pragma once
// A linear map that a Fourier neural operator learns in seconds.

#include <cartan/core/random.hpp>
#include <cartan/operators/field_set.hpp>

#include <cmath>

namespace cartan::testing {

/// y(x) = u(x + 1/4) of random trigonometric polynomials of frequencies 1 to `most`.
inline operators::FieldSet shifts(Index samples, Index n, std::uint64_t seed, int most = 2) {
  Array x = Array::uninitialized({samples, 1, n}, DType::f32), y = x;
  float *xs = x.mutable_data<float>(), *ys = y.mutable_data<float>();
  for (Index s = 0; s < samples; ++s) {
    const Random r(seed, static_cast<std::uint64_t>(s));
    for (Index j = 0; j < n; ++j) {
      double a = 0, b = 0;
      for (int k = 1; k <= most; ++k) {
        const double c = r.normal(static_cast<std::uint64_t>(2 * k)),
                     d = r.normal(static_cast<std::uint64_t>(2 * k + 1)),
                     t = 2 * M_PI * k * static_cast<double>(j) / static_cast<double>(n);
        a += c * std::cos(t) + d * std::sin(t);
        b += c * std::cos(t + M_PI * k / 2) + d * std::sin(t + M_PI * k / 2);
      }
      xs[s * n + j] = static_cast<float>(a), ys[s * n + j] = static_cast<float>(b);
    }
  }
  return operators::FieldSet::of(x, y);
}

}  // namespace cartan::testing
