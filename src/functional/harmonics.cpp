#include "functional/harmonics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cartan/core/error.hpp"

namespace cartan::functional {
namespace {

// e^-a I_j(a) for j <= n, by Miller's recurrence from far above; scaled by e^-a (I_0 + 2 sum I_j) = 1.
std::vector<double> scaled_bessel(double a, int n) {
  const int start = n + 20 + static_cast<int>(12 * std::sqrt(a) + std::min(a, 60.0));
  std::vector<double> v(static_cast<std::size_t>(n) + 1, 0.0);
  double above = 0, here = 1e-280, sum = 0;
  for (int j = start; j >= 0; --j) {
    if (j <= n) v[static_cast<std::size_t>(j)] = here;
    sum += (j == 0 ? 1 : 2) * here;
    const double below = above + 2 * j / a * here;
    above = here, here = below;
    if (here > 1e200) {
      const double small = 1e-200;
      above *= small, here *= small, sum *= small;
      for (double& x : v) x *= small;
    }
  }
  for (double& x : v) x /= sum;
  return v;
}

}  // namespace

void harmonic_weights(double length, int n, double* weight, double* slope) {
  require(length >= 0.02, "[Kernel] a periodic kernel of length ", length, "; expected at least 0.02");
  const double a = 1 / (length * length);
  const std::vector<double> b = scaled_bessel(a, n + 1);
  double sum = 0, slopes = 0;
  std::vector<double> d(static_cast<std::size_t>(n) + 1);
  for (std::size_t j = 0; j < d.size(); ++j) {
    const double twice = j == 0 ? 1 : 2;
    weight[j] = twice * b[j];
    // d(e^-a I_j)/da = e^-a ((I_{j-1} + I_{j+1}) / 2 - I_j), da / d log length = -2 a
    d[j] = twice * ((b[j == 0 ? 1 : j - 1] + b[j + 1]) / 2 - b[j]) * -2 * a;
    sum += weight[j], slopes += d[j];
  }
  for (std::size_t j = 0; j < d.size(); ++j) {
    weight[j] /= sum;
    if (slope) slope[j] = d[j] / sum - weight[j] * slopes / sum;
  }
}

double truncated_weight(double length, int n) {
  const std::vector<double> b = scaled_bessel(1 / (length * length), n);
  double sum = b[0];
  for (int j = 1; j <= n; ++j) sum += 2 * b[static_cast<std::size_t>(j)];
  return std::max(0.0, 2 * (1 - sum));
}

}  // namespace cartan::functional
