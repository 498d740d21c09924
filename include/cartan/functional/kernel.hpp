#pragma once
/// Covariance functions of one coordinate that have a finite Markov state.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>

namespace cartan::functional {

/// A covariance function k(x, y) whose Gaussian process f is linear in a Markov state s of finite dimension
/// d:
///
///     f(x) = h(x)^T s(x),   s(x + lag) = A(lag) s(x) + N(0, P - A(lag) P A(lag)^T),   s(x) ~ N(0, P),
///
/// with P the same everywhere. Sums stack the states of their parts, products take their Kronecker product,
/// so every expression of the kernels below is exact. A value: cheap to copy, never changed.
///
/// Parameters (variances, lengths, periods) are positive; derivatives are by their logarithms.
class Kernel {
 public:
  enum class Kind { matern12, matern32, matern52, periodic, constant, linear, independent, sum, product };

  Kernel() = default;  ///< none: states() is 0

  /// @name Makers; throw std::invalid_argument for numbers that are not positive and finite
  ///@{
  /// With r = |x - y| / length: variance exp(-r) for nu = 1/2; (1 + c) exp(-c), c = sqrt(3) r for 3/2;
  /// (1 + c + c^2/3) exp(-c), c = sqrt(5) r for 5/2. One, two and three states.
  static Kernel matern(double nu, double length = 1, double variance = 1);
  /// variance exp(-2 sin^2(pi (x - y) / period) / length^2) as its Fourier series up to `harmonics`, scaled
  /// to the variance at x = y: 2 harmonics + 1 states. `truncation` is what the series leaves out. (A. Solin,
  /// S. Sarkka, Explicit link between periodic covariance functions and state space models, AISTATS 2014)
  static Kernel periodic(double period, double length = 1, double variance = 1, int harmonics = 6);
  static Kernel constant(double variance = 1);
  /// variance (x - origin)(y - origin)
  static Kernel linear(double variance = 1, double origin = 0);
  /// variance where x = y, otherwise 0: categories, or noise that repeats at equal coordinates.
  static Kernel independent(double variance = 1);
  ///@}
  Kernel operator+(const Kernel& other) const;
  Kernel operator*(const Kernel& other) const;

  /// From words as "matern32(2, 1) + periodic(1) * matern12(length = 3)"; arguments as of the makers, in
  /// order or by name, none for the defaults. Throws std::invalid_argument that names the place.
  static Kernel parse(const std::string& words);
  std::string text() const;

  Kind kind() const { return kind_; }
  int states() const { return states_; }
  /// k(x, y) of the process that the state has: the oracle of the tests. O(d^3).
  double operator()(double x, double y) const;
  /// Of the whole variance, the largest difference between a periodic kernel and its series; 0 without one.
  double truncation() const;

  /// @name Parameters, part after part
  ///@{
  const std::vector<double>& parameters() const { return parameters_; }
  std::vector<std::string> parameter_names() const;  ///< "length", "variance", "part 1: period", ...
  Kernel with(const std::vector<double>& parameters) const;
  ///@}
  /// The same for another coordinate z = (x - shift) / scale: lengths, periods, origins.
  Kernel rescaled(double shift, double scale) const;

  /// @name The state-space model, row-major; derivatives (parameters, ...) by log parameters where not null
  ///@{
  void transition(double lag, double* a, double* da = nullptr) const;  ///< A (d, d); lag >= 0
  void stationary(double* p, double* dp = nullptr) const;              ///< P (d, d)
  void observation(double x, double* h) const;                         ///< h (d)
  bool reads_first() const { return reads_first_; }                    ///< h = (1, 0, .., 0) everywhere
  bool scalar() const { return states_ == 1 && reads_first_; }
  ///@}

  void save(data::Group& group) const;
  static Kernel load(const data::Group& group);  ///< throws FormatError

 private:
  Kernel(Kind kind, std::vector<double> parameters, int harmonics, double origin);
  Kernel(Kind kind, const Kernel& a, const Kernel& b);
  void room(std::vector<double>& a, std::vector<double>& da, const double* wanted) const;
  void combine(const std::vector<double>& f, const std::vector<double>& df, const std::vector<double>& g,
               const std::vector<double>& dg, double* out, double* dout) const;

  Kind kind_ = Kind::constant;
  std::vector<double> parameters_;
  std::vector<Kernel> parts_;
  int states_ = 0, harmonics_ = 0;
  double origin_ = 0;
  bool reads_first_ = true;
};

}  // namespace cartan::functional
