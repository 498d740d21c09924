#pragma once
/// Functions of several coordinates as sums of products of latent functions of one: the posterior,
/// predictions.

#include <memory>
#include <string>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/figure.hpp>
#include <cartan/data/group.hpp>
#include <cartan/functional/state_space.hpp>

namespace cartan::functional {

enum class ModeKind {
  continuous,
  periodic,    ///< coordinates a period apart are one
  categorical  ///< the numbers 0, 1, .. of categories; functions are independent from one to another
};
const char* name_of(ModeKind kind);

/// A coordinate of the data.
struct Mode {
  std::string name;
  ModeKind kind = ModeKind::continuous;
  double period = 0;                    ///< of a periodic mode
  std::string kernel;                   ///< of its functions, in words; "": chosen
  std::vector<std::string> categories;  ///< names, for messages and figures
  double shift = 0, scale = 1;          ///< the coordinate within is (x - shift) / scale; found by the fit
};

/// The scale of a target on which noise is of one size (a warped Gaussian process; E. Snelson, C. E.
/// Rasmussen, Z. Ghahramani, NIPS 2003): the values themselves, log(y - origin) or -log(origin - y). Beyond
/// the data's ends logarithms go on as straight lines, so that every number has its place.
struct Warp {
  int side = 0;                          ///< 0: none; 1: above a floor; -1: below a ceiling
  double origin = 0, low = 0, high = 0;  ///< of the data, the ends where lines begin
  double forward(double y) const;
  double inverse(double z) const;
  double log_slope(double y) const;  ///< of forward()
};

/// What a model says of a value: moments of f, and of an observation y = f + noise. With a warp, f is the
/// mean of y given the latent functions, and the moments are by quadrature.
struct Prediction {
  Array mean;         ///< (N) of f, in the units of the target
  Array variance;     ///< (N) of f
  Array noise;        ///< (N) variance of the noise
  Array low, high;    ///< (N) ends of the central interval of an observation
  Array log_density;  ///< (N) of the observed y, where these were given
};

/// How sure a prediction is to be, and of what.
struct PredictOptions {
  double coverage = 0.9;  ///< of the interval [low, high]
  Index output = 0;       ///< of a model of several
  bool conformal = true;  ///< intervals widened by what the fit found on data it left out, where it did
};

/// How the variance of the noise depends on the predicted value f (standardised): the factor
/// exp(c_0 + c_1 t + c_2 t^2), t = (f - centre) / spread, f kept within the range of the data.
struct NoiseLaw {
  std::vector<double> coefficient{0, 0, 0};
  double centre = 0, spread = 1, low = 0, high = 0;
  double at(double f) const;
};

/// The posterior of
///
///     warp_m(y_m(x)) = offset_m + scale_m (sum_a prod_{k active in a} u_a^k(x_k) + noise),
///
/// every u_a^k a Gaussian process of one coordinate, known given messages (LatentFunctions), blocks of modes
/// independent of each other. A product of all modes is a term of CP format; one of a single mode is a main
/// effect; with a core the products of all modes have Tucker format, coefficients W ~ N(0, 1). A value, may
/// be used by several threads.
class Model {
 public:
  /// A term; main effects of several outputs are those of one output each.
  struct Term {
    std::vector<std::int64_t>
        modes;  ///< active ones; the outputs, where there are several, count as the last
    std::int64_t output = -1;
  };

  int modes() const { return static_cast<int>(modes_.size()); }
  const Mode& mode(int k) const { return modes_[static_cast<std::size_t>(k)]; }
  const std::vector<std::string>& outputs() const { return outputs_; }
  const std::vector<Term>& terms() const { return terms_; }
  /// Terms of more than one mode: the rank that was found.
  Index rank() const;
  bool has_core() const { return !core_mean_.empty(); }
  /// nu of Student's noise; 0: Gaussian.
  double degrees_of_freedom() const { return predictive_nu_; }
  /// Standard deviation of the noise (scale of Student's) at the middle of the data, in the target's units.
  double noise(Index output = 0) const;
  const NoiseLaw& noise_law() const { return law_; }
  Warp warp(Index output = 0) const;

  /// Predictions at coordinates (N, modes); categories by number. Throws std::invalid_argument for another
  /// shape, numbers that are not finite, categories that are no whole numbers.
  /// @param y  (N) observations, for their log density; may be empty
  Prediction predict(const Array& x, const PredictOptions& options = {}, const Array& y = {}) const;
  /// Moments of the latent functions of a mode, in the order of `active(k)`, within the standardised model.
  Moments latent(int k, const Array& x) const;
  /// Terms that have a function of mode k.
  std::vector<int> active(int k) const;
  /// The functions of mode k with bands of two standard deviations, over the range of the data.
  data::Figure figure(int k) const;

  void save(data::Group& group) const;
  static Model load(const data::Group& group);  ///< throws FormatError

 private:
  friend class Builder;
  std::vector<Mode> modes_;
  std::vector<std::string> outputs_{"y"};
  std::vector<Term> terms_;
  std::vector<LatentFunctions> functions_;  // of every mode, the outputs' last where there are several
  std::vector<double> offset_, scale_;      // of every output
  std::vector<Warp> warp_;                  // of every output, or empty: none
  std::vector<double> shape_, rate_;        // of the noise's precision, standardised
  double nu_ = 0;
  NoiseLaw law_;  // of the noise's variance, and its nu, as data left out have them
  double predictive_nu_ = 0;
  std::vector<double> conformal_;      // rising |residuals| over standard deviations of data left out
  Array core_mean_, core_covariance_;  // (R_1 .. R_K) and its square
};

}  // namespace cartan::functional
