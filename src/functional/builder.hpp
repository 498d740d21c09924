#pragma once
// Between models and the inference.

#include <memory>

#include "cartan/functional/fit.hpp"
#include "functional/variational.hpp"

namespace cartan::functional {

/// How targets become what is fitted: (warp(y) - offset) / scale, of every output.
struct Targets {
  std::vector<double> offset, scale;
  std::vector<Warp> warp;  // empty: none

  double forward(std::size_t output, double y) const {
    return ((warp.empty() ? y : warp[output].forward(y)) - offset[output]) / scale[output];
  }
};
/// Mean 0 and variance 1 for the values of every column that are there. `warp` is taken as it is.
Targets standardised(const Array& y, std::vector<Warp> warp);

/// Observations with their coordinates' places.
struct Prepared {
  std::vector<std::vector<double>> coordinates;  // of every mode, scaled, rising, distinct
  std::shared_ptr<const Entries> entries;
  std::vector<std::int32_t> group;  // output of every observation; empty: one
};

class Builder {
 public:
  static std::vector<double> scaled(const Mode& mode, const Array& x, int column);
  /// Standardised values at scaled coordinates; NaN are left out.
  static Prepared prepare(const std::vector<Mode>& modes, const Array& x, const Array& y,
                          const Targets& targets);
  /// Of the same rows of y by other targets.
  static Prepared prepare(const Prepared& same, const Array& y, const Targets& targets);
  static Model model(const Variational& v, const std::vector<Mode>& modes, std::vector<std::string> outputs,
                     Targets targets);
  static Model with_core(const std::vector<Mode>& modes, std::vector<std::string> outputs, Targets targets,
                         Array mean, Array covariance, std::vector<LatentFunctions> functions, double shape,
                         double rate);
  /// The noise of predictions, and scores for conformal intervals where wanted, from what the model says of
  /// each fifth of the data without it.
  static void calibrate(Model& m, const Variational& v, const std::vector<int>& order, std::uint64_t seed,
                        bool conformal);
  static Variational resume(const Model& m, const Prepared& p);
  static Model updated(const Model& m, const Variational& v);
  static Targets targets(const Model& m) { return {m.offset_, m.scale_, m.warp_}; }
  static std::vector<Mode> modes(const Model& m) { return m.modes_; }
};

/// N(0, variance) + Student's noise of nu degrees of freedom (0: normal) and squared scale `noise`: a mixture
/// of normal distributions over the precision of the noise, by the trapezoidal rule in its logarithm.
class NoiseMixture {
 public:
  explicit NoiseMixture(double nu);
  double log_density(double residual, double variance, double noise) const;
  double half_width(double coverage, double variance, double noise) const;
  /// The same for many calls of one coverage: a table by the ratio of the variances.
  std::vector<double> half_width_table(double coverage) const;
  /// Numbers of equal weight with the noise's distribution, of scale 1.
  std::vector<double> nodes(int count) const;
  static double look_up(const std::vector<double>& table, double variance, double noise);
  double variance_factor() const { return factor_; }  ///< variance of the noise of scale 1

 private:
  std::vector<double> weight_, scale_;  // of normal distributions
  double factor_ = 1;
};

}  // namespace cartan::functional
