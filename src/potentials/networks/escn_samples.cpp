#include "potentials/networks/escn_samples.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/so3/spherical_harmonics.hpp"

namespace cartan::potentials {

Array sphere_samples(Index n) {
  const double golden = (1 + std::sqrt(5.0)) / 2;
  std::vector<double> p(3 * n), factor(n);
  for (Index i = 0; i < n; ++i) {
    const double azimuth = 2 * M_PI * static_cast<double>(i) / golden,
                 height = 1 - 2 * (static_cast<double>(i) + 0.5) / static_cast<double>(n),
                 across = std::sqrt(std::max(0.0, 1 - height * height));
    p[3 * i] = std::cos(azimuth) * across, p[3 * i + 1] = std::sin(azimuth) * across, p[3 * i + 2] = height;
  }
  double all = 0;
  for (Index i = 0; i < n; ++i) {
    double density = 0;
    for (Index j = 0; j < n; ++j) {
      double d = 0;
      for (int k = 0; k < 3; ++k) d += std::pow(p[3 * i + k] - p[3 * j + k], 2);
      density += std::exp(-d / (0.5 * 0.3));
    }
    factor[i] = 1 / density;
    all += factor[i];
  }
  for (Index i = 0; i < n; ++i)
    for (int k = 0; k < 3; ++k) p[3 * i + k] *= static_cast<double>(n) * factor[i] / all;
  return Array::from(p, {n, 3});
}

Array sample_harmonics(const Array& points, int lmax) {
  return so3::spherical_harmonics(points, lmax, {false, so3::Normalization::integral});
}

}  // namespace cartan::potentials
