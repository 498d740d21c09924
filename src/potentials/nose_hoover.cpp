#include "potentials/nose_hoover.hpp"

#include <cmath>

namespace cartan::potentials {

namespace {
// Suzuki-Yoshida weights of order 6 (Yoshida 1990, solution A).
constexpr double w1 = 0.784513610477560, w2 = 0.235573213359357, w3 = -1.17767998417887;
constexpr double weights[7] = {w1, w2, w3, 1 - 2 * (w1 + w2 + w3), w3, w2, w1};
}  // namespace

double NoseHooverChain::advance(std::vector<double>& x, std::vector<double>& v, double kinetic,
                                double time) const {
  const std::size_t m = v.size();
  double scale = 1, twice = 2 * kinetic;
  const auto force = [&](std::size_t k) {
    return k == 0 ? (twice - freedom * kt) / mass(0) : (mass(k - 1) * v[k - 1] * v[k - 1] - kt) / mass(k);
  };
  const auto push = [&](std::size_t k, double t) {  // of chain velocity k, for t / 2, damped by the next one
    const double damp = k + 1 < m ? std::exp(-t / 4 * v[k + 1]) : 1;
    v[k] = (v[k] * damp + force(k) * t / 2) * damp;
  };
  for (const double w : weights) {
    const double t = w * time;
    for (std::size_t k = m; k-- > 0;) push(k, t);
    const double s = std::exp(-t * v[0]);
    scale *= s;
    twice *= s * s;
    for (std::size_t k = 0; k < m; ++k) x[k] += t * v[k];
    for (std::size_t k = 0; k < m; ++k) push(k, t);
  }
  return scale;
}

double NoseHooverChain::energy(const std::vector<double>& x, const std::vector<double>& v) const {
  double e = 0;
  for (std::size_t k = 0; k < v.size(); ++k)
    e += 0.5 * mass(k) * v[k] * v[k] + (k == 0 ? freedom : 1) * kt * x[k];
  return e;
}

}  // namespace cartan::potentials
