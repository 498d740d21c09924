#pragma once
/// Regression of a number on a tensor: a Gaussian process with a multilinear kernel on the tensor contracted
/// along its modes.

#include <cstdint>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/data/group.hpp>

namespace cartan::functional {

struct TensorProcessOptions {
  Shape sizes;              ///< of the contracted tensors, one a mode; 0, or none at all: that mode stays
  double smoothness = 0.1;  ///< weight of the total variation of the contraction; 0: none
  int max_sweeps = 200;
  double tolerance = 1e-5;  ///< of the objective's change in a sweep, per observation
  std::uint64_t seed = 0;
  const StopFlag* stop = nullptr;
  ProgressCallback progress;
};
void describe(config::Fields& f, TensorProcessOptions& options);

/// The posterior of
///
///     y_i = offset + f(Z_i) + N(0, noise),   Z_i = X_i x_1 A_1 .. x_M A_M,   f ~ GP,
///     cov(f(Z), f(Z')) = <Z x_1 K_1 .. x_M K_M, Z'>,   K_m = U_m U_m^T,
///
/// for tensors X_i of shape (I_1 .. I_M), A_m (r_m, I_m) or the identity, tr K_m = r_m where any mode is
/// contracted (A has the scale). A_m, U_m and the noise are of least
///
///     -log p(y) + smoothness N TV,   TV = sum over r_1 .. r_M of |gradient of a_1 o .. o a_M|_1,
///
/// the anisotropic total variation of the maps by which X enters the contracted tensor, by proximal gradient
/// steps of one A_m at a time; the objective never rises. f is linear in X: `coefficients` is E of its
/// slope. (H. Sun, W. Manchester, M. Jin, Y. Liu, Y. Chen, Tensor Gaussian process with contraction for
/// multi-channel imaging analysis, ICML 2023, arXiv:2301.11203.) A value, may be used by several threads.
class TensorProcess {
 public:
  TensorProcess() = default;
  /// @param x  (N, I_1 .. I_M), 1 to 5 modes
  /// @param y  (N), N >= 2
  /// Throws std::invalid_argument unless shapes fit, numbers are finite, x is not constant.
  static TensorProcess fit(const Array& x, const Array& y, const TensorProcessOptions& options = {});

  struct Values {
    Array mean, variance;  ///< (N) of f + offset
  };
  Values predict(const Array& x) const;
  double noise() const { return noise_; }    ///< variance
  double offset() const { return offset_; }  ///< y where x is what the data are on average
  /// A_m (r_m, I_m); empty where the mode stays.
  const std::vector<Array>& contractions() const { return contraction_; }
  /// K_m (r_m, r_m)
  std::vector<Array> kernels() const;
  /// (I_1 .. I_M): E y = offset + <coefficients, x - mean of x>
  Array coefficients() const;
  /// After each sweep.
  const std::vector<double>& objective() const { return objective_; }
  bool converged() const { return converged_; }

  void save(data::Group& group) const;
  static TensorProcess load(const data::Group& group);  ///< throws FormatError

 private:
  std::vector<Array> contraction_, root_;  // A_m, U_m
  Array centre_;                           // (I_1 .. I_M), subtracted
  Array weight_,
      triangle_;  // posterior of the coefficients of features: mean (R), L with L L^T its precision
  double noise_ = 0, offset_ = 0;
  std::vector<double> objective_;
  bool converged_ = false;
};

}  // namespace cartan::functional
