#pragma once
// Point charges for tests.

#include <cartan/core/random.hpp>
#include <cartan/data/point_charges.hpp>

#include <array>
#include <cmath>

namespace cartan::testing {

struct Charges {
  Array positions, charges;
};

inline Charges charges_of(const data::PointCharges& p) {
  return {Array::from(p.positions, {p.size(), 3}), Array::from(p.charges)};
}

/// n charges in a box of sides a, none closer than `apart`.
inline Charges random_charges(Index n, std::array<double, 3> sides, double apart, std::uint64_t seed) {
  const Random random(seed);
  std::vector<double> x, q;
  for (std::uint64_t trial = 0; static_cast<Index>(q.size()) < n; ++trial) {
    double p[3];
    for (std::size_t k = 0; k < 3; ++k) p[k] = sides[k] * (random.uniform(4 * trial + k) - 0.5);
    bool clear = true;
    for (std::size_t i = 0; i < q.size() && clear; ++i)
      clear = std::hypot(x[3 * i] - p[0], x[3 * i + 1] - p[1], x[3 * i + 2] - p[2]) >= apart;
    if (!clear) continue;
    x.insert(x.end(), p, p + 3);
    q.push_back(random.uniform(4 * trial + 3) - 0.5);
  }
  return {Array::from(x, {n, 3}), Array::from(q)};
}

}  // namespace cartan::testing
