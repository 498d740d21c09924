#pragma once
/// Errors and calibration of predictions, and what simple models make of the same data.

#include <string>
#include <vector>

#include <cartan/core/score.hpp>
#include <cartan/functional/fit.hpp>

namespace cartan::functional {

using cartan::joined;
using cartan::Score;
using cartan::score;
Score score(const Prediction& p, const Array& y);

struct Baseline {
  std::string name;
  Array mean;  ///< (N) at the test points
};
/// The mean of all; the mean of the observations at equal coordinates of one mode, shrunk to that of all (of
/// the mode for which this predicts each observation best without it); the additive model (main effects
/// alone, with the logarithms proposed in `scales` where these were sought before); ridge regression on
/// products of Chebyshev polynomials up to total degree 4, ridge by generalised cross-validation.
std::vector<Baseline> baselines(const Array& x, const Array& y, const std::vector<Mode>& modes,
                                const Array& x_test, const FitOptions& options = {},
                                const std::vector<Warp>& scales = {});

}  // namespace cartan::functional
