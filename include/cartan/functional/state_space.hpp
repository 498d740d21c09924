#pragma once
/// Gaussian processes of one coordinate in O(n): latent functions given messages, and regression.

#include <memory>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>
#include <cartan/functional/kernel.hpp>

namespace cartan::functional {

/// How the moments are computed; all give the same numbers.
enum class Smoother {
  information,  ///< messages in information form, one coordinate after another (the default)
  scan,         ///< blocks of coordinates at a time, exact; for 10^5 coordinates and several cores
  square_root   ///< covariances as triangular factors, one coordinate after another
};
const char* name_of(Smoother smoother);

/// Moments of C functions at n coordinates.
struct Moments {
  Array mean;        ///< (n, C)
  Array covariance;  ///< (n, C, C)
};

/// The posterior of C latent functions u_1 .. u_C of one coordinate, Gaussian processes with independent
/// priors, given messages exp(-u(x_i)^T W_i u(x_i) / 2 + e_i^T u(x_i)) at n coordinates x_i (an observation
/// y of a^T u with noise variance v is W = a a^T / v, e = y a / v). Exact; O(n D^3) for D states in all. A
/// value: cheap to copy, never changed, may be used by several threads.
class LatentFunctions {
 public:
  LatentFunctions() = default;  ///< none: functions() is 0
  /// @param coordinates  (n) rising and distinct, float64
  /// @param precision    (n, C, C) symmetric positive semi-definite
  /// @param shift        (n, C)
  /// Throws std::invalid_argument unless shapes fit and numbers are finite.
  LatentFunctions(std::vector<Kernel> kernels, const Array& coordinates, const Array& precision,
                  const Array& shift, Smoother smoother = Smoother::information);

  int functions() const;
  Index size() const;  ///< n
  const std::vector<Kernel>& kernels() const;
  const Array& coordinates() const;
  const Array& precision() const;
  const Array& shift() const;
  /// log of the integral of the messages over the prior.
  double log_evidence() const;
  /// Its gradient by the logarithms of all kernel parameters, kernel after kernel, by adjoint: two passes.
  std::vector<double> gradient() const;
  /// At the coordinates of the messages.
  const Moments& moments() const;
  /// At any coordinates (m), between the messages or beyond them: the exact conditional.
  Moments at(const Array& x) const;

  void save(data::Group& group) const;
  static LatentFunctions load(const data::Group& group);  ///< throws FormatError

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// Regression y_i = f(x_i) + N(0, noise), f a Gaussian process: coordinates in any order, repeated or not.
class GaussianProcess {
 public:
  /// @param x, y   (n) each, n >= 1
  /// @param noise  variance, positive
  GaussianProcess(Kernel kernel, const Array& x, const Array& y, double noise,
                  Smoother smoother = Smoother::information);

  double log_likelihood() const { return log_likelihood_; }
  /// By the logarithms of the kernel's parameters, then of the noise variance.
  std::vector<double> gradient() const;
  const LatentFunctions& function() const { return function_; }
  const Kernel& kernel() const { return function_.kernels()[0]; }
  double noise() const { return noise_; }
  /// Mean (m) and variance (m) of f at x.
  std::pair<Array, Array> predict(const Array& x) const;

 private:
  LatentFunctions function_;
  double noise_ = 0, log_likelihood_ = 0;
  Index n_ = 0;
  double residual_ = 0;  // sum over observations of E (y - f)^2
};

/// Parameters and noise of greatest likelihood, from those given, by L-BFGS in logarithms.
struct LearnOptions {
  int max_steps = 100;
  double tolerance = 1e-6;  ///< of a relative change of the likelihood
};
struct Learned {
  Kernel kernel;
  double noise = 0, log_likelihood = 0;
  int steps = 0;
  bool converged = false;
};
Learned learn(const Kernel& kernel, const Array& x, const Array& y, double noise,
              const LearnOptions& options = {});

}  // namespace cartan::functional
