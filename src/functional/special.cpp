#include "functional/special.hpp"

#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

namespace cartan::functional {

double digamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  const double r = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         r * (1.0 / 12 -
              r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (5.0 / 660 - r * 691.0 / 32760)))));
}

double gamma_divergence(double a, double b, double a0, double b0) {
  return (a - a0) * digamma(a) - std::lgamma(a) + std::lgamma(a0) + a0 * (std::log(b) - std::log(b0)) +
         a * (b0 - b) / b;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / M_SQRT2);
}
double normal_quantile(double p) {
  return -M_SQRT2 * boost::math::erfc_inv(2 * p);
}
double gamma_quantile(double a, double given) {
  return boost::math::gamma_p_inv(a, given);
}

}  // namespace cartan::functional
