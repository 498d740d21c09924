#pragma once
// Predictions on the target's own scale.

#include "cartan/functional/model.hpp"

namespace cartan::functional {

/// Moments of y = warp^-1(middle + deviation g + noise e), g standard normal, e one of `nodes`: of E(y | g),
/// and E Var(y | g).
struct Unwarped {
  double mean, variance, noise;
};
Unwarped unwarped(const Warp& warp, double middle, double deviation, double noise,
                  const std::vector<double>& nodes);

}  // namespace cartan::functional
