#pragma once
// What an entry costs, and quadratic majorants of it.

#include <algorithm>
#include <cmath>

#include "cartan/completion/low_rank.hpp"

namespace cartan::completion {

struct LossFunction {
  Loss kind = Loss::gaussian;
  double delta = 1, beta = 2;

  /// Losses of tensors m >= 0, minimised by multiplicative updates.
  bool positive() const { return kind == Loss::poisson || kind == Loss::beta; }
  /// Of an entry y > 0 without bound where m goes to zero.
  bool unbounded() const { return kind == Loss::poisson || (kind == Loss::beta && beta <= 1); }

  double operator()(double y, double m) const {
    switch (kind) {
      case Loss::gaussian:
        return (y - m) * (y - m);
      case Loss::huber: {
        const double e = std::abs(y - m);
        return e <= delta ? e * e : 2 * delta * e - delta * delta;
      }
      case Loss::bernoulli:  // without overflow
        return 2 * (std::max(m, 0.0) + std::log1p(std::exp(-std::abs(m))) - y * m);
      case Loss::poisson:
        return 2 * divergence(y, m, 1);
      case Loss::beta:
        return 2 * divergence(y, m, beta);
    }
    return 0;
  }

  /// Its derivative by m.
  double slope(double y, double m) const {
    switch (kind) {
      case Loss::gaussian:
        return 2 * (m - y);
      case Loss::huber:
        return 2 * std::min(std::max(m - y, -delta), delta);
      case Loss::bernoulli:
        return 2 * ((m >= 0 ? 1 / (1 + std::exp(-m)) : 1 - 1 / (1 + std::exp(m))) - y);
      case Loss::poisson:
        return 2 * (1 - y / std::max(m, 1e-12));
      case Loss::beta:
        m = std::max(m, 1e-12);
        return 2 * (std::pow(m, beta - 1) - y * std::pow(m, beta - 2));
    }
    return 0;
  }

  /// w (m' - t)^2 + const lies above the loss for every m' and touches it at m.
  void majorant(double y, double m, double& w, double& t) const {
    w = 1, t = y;
    if (kind == Loss::huber) {
      const double e = std::abs(y - m);
      if (e > delta) w = delta / e;
    } else if (kind == Loss::bernoulli) {  // Jaakkola, Jordan, Stat. Comput. 10, 2000
      const double a = std::abs(m);
      w = a < 1e-4 ? 0.25 - a * a / 48 : std::tanh(a / 2) / (2 * a);
      t = (y - 0.5) / w;
    }
  }

 private:
  // y log y and its kin, which do not depend on m, are left out for Poisson: y log 0 = -inf otherwise
  static double divergence(double y, double m, double b) {
    constexpr double least = 1e-300;
    m = std::max(m, least);
    if (b == 1) return m - (y > 0 ? y * std::log(m) : 0);
    if (b == 0) return y / m - std::log(y / m) - 1;
    return (std::pow(y, b) + (b - 1) * std::pow(m, b) - b * y * std::pow(m, b - 1)) / (b * (b - 1));
  }
};

/// The sum of what n entries cost.
double sum_of_losses(const LossFunction& loss, const double* y, const double* m, Index n);

/// Throws std::invalid_argument where the values cannot have this loss.
void check_values(const char* caller, const SparseTensor& x, const LossFunction& loss, bool multiplicative);

}  // namespace cartan::completion
