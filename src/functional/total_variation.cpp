#include "functional/total_variation.hpp"

#include <cmath>

namespace cartan::functional {
namespace {

// The least cost of the first numbers, as a function of the last of them, has a derivative that is piecewise
// linear and rises. The next number clips it to [-variation, variation] and adds x - y. Knots are kept in a
// list with room at both ends; each is passed once: O(n). (N. A. Johnson, A dynamic programming algorithm for
// the fused lasso and L0-segmentation, J. Comput. Graph. Stat. 22, 2013)
std::vector<double> total_variation(const std::vector<double>& y, double variation) {
  const std::size_t n = y.size();
  struct Knot {
    double place, slope, constant;  // where the derivative changes, by what
  };
  std::vector<Knot> knots(2 * n);
  std::vector<double> low(n), high(n), x(n);
  // knots [first, end)
  std::size_t first = n, end = n;
  double slope = 0, constant = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // far left the derivative is that of the clipped cost, -variation, and x - y_i; i = 0: nothing clipped
    const double clip = i == 0 ? 0 : variation;
    const double aim = i + 1 < n ? -variation : 0;  // of the last number: the minimum itself
    slope = 1, constant = -clip - y[i];
    std::size_t lower = first;
    while (lower < end && slope * knots[lower].place + constant <= aim)
      slope += knots[lower].slope, constant += knots[lower].constant, ++lower;
    low[i] = (aim - constant) / slope;
    if (i + 1 == n) break;
    const double left_slope = slope, left_constant = constant;
    slope = 1, constant = clip - y[i];
    std::size_t upper = end;
    while (upper > lower && slope * knots[upper - 1].place + constant >= variation)
      slope -= knots[upper - 1].slope, constant -= knots[upper - 1].constant, --upper;
    high[i] = (variation - constant) / slope;
    first = lower - 1, end = upper + 1;
    knots[first] = {low[i], left_slope, left_constant + variation};
    knots[end - 1] = {high[i], -slope, variation - constant};
  }
  x[n - 1] = low[n - 1];
  for (std::size_t i = n - 1; i-- > 0;) x[i] = std::fmin(std::fmax(x[i + 1], low[i]), high[i]);
  return x;
}

}  // namespace

std::vector<double> fused_lasso(const std::vector<double>& y, double variation, double size) {
  std::vector<double> x = y.size() > 1 && variation > 0 ? total_variation(y, variation) : y;
  // sparseness is a soft threshold of the result (J. Friedman, T. Hastie, H. Hoefling, R. Tibshirani, 2007)
  for (double& v : x) v = std::copysign(std::fmax(std::abs(v) - size, 0.0), v);
  return x;
}

}  // namespace cartan::functional
