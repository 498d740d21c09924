#pragma once
/// Errors and calibration of predictions.

#include <vector>

#include <cartan/core/array.hpp>

namespace cartan {

/// Of N observations; NaN where something is not known (nll and coverage of a model without a density).
struct Score {
  Index n = 0;
  double rmse = 0, mae = 0;
  double nll = 0;          ///< mean of -log density of an observation
  double coverage_90 = 0;  ///< share of observations within the central 90 % interval
};
/// Of means alone. Throws std::invalid_argument unless both are lists of one length, 1 at least.
Score score(const Array& mean, const Array& y);
/// Of several sets as of one.
Score joined(const std::vector<Score>& scores);

/// The factor by which intervals of `coverage` are to be wider than a deviation of one, from rising
/// |residuals| over deviations of observations that no fit saw (split conformal prediction: Vovk, Gammerman,
/// Shafer 2005): the ceil((n + 1) coverage)-th of n; infinite where there are too few. `count` is n where
/// `scores` are some of them, taken evenly.
double conformal_factor(const std::vector<double>& scores, double coverage, Index count = 0);

}  // namespace cartan
