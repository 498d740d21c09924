#pragma once
/// Errors and calibration of predictions, and what simple models make of the same data.

#include <string>
#include <vector>

#include <cartan/functional/fit.hpp>

namespace cartan::functional {

/// Of N observations; NaN where something is not known (nll and coverage of a model without a density).
struct Score {
  Index n = 0;
  double rmse = 0, mae = 0;
  double nll = 0;          ///< mean of -log density of an observation
  double coverage_90 = 0;  ///< share of observations within the central 90 % interval
};
Score score(const Prediction& p, const Array& y);
/// Of means alone.
Score score(const Array& mean, const Array& y);
/// Of several sets as of one.
Score joined(const std::vector<Score>& scores);

struct Baseline {
  std::string name;
  Array mean;  ///< (N) at the test points
};
/// The mean of all; the mean of the observations at equal coordinates of one mode, shrunk to that of all (of
/// the mode for which this predicts each observation best without it); the additive model (main effects
/// alone); ridge regression on products of Chebyshev polynomials up to total degree 4, ridge by generalised
/// cross-validation.
std::vector<Baseline> baselines(const Array& x, const Array& y, const std::vector<Mode>& modes,
                                const Array& x_test, const FitOptions& options = {});

}  // namespace cartan::functional
