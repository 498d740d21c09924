#include <algorithm>
#include <cmath>

#include "cartan/core/random.hpp"
#include "functional/ascent.hpp"
#include "functional/builder.hpp"
#include "functional/side_by_side.hpp"
#include "functional/special.hpp"

namespace cartan::functional {
namespace {

constexpr int folds = 5, sweeps = 8;

// Mean log density of residuals under noise of nu degrees of freedom and squared scale noise exp(polynomial
// of the place t of the prediction), the variance of f taken into the scale; x = (coefficients.., log(nu -
// 2)). nu = inf without the last. And the gradient.
struct Likelihood {
  const std::vector<double>&residual, &variance, &noise, &place;
  bool student;

  double operator()(const std::vector<double>& x, std::vector<double>& gradient) const {
    const std::size_t n = residual.size();
    const double nu = student ? 2 + std::exp(x[3]) : 0;
    double sum = 0, by[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < n; ++i) {
      const double t = place[i], own = noise[i] * std::exp(x[0] + x[1] * t + x[2] * t * t),
                   s2 = own + variance[i], z = residual[i] * residual[i] / s2;
      double slope;  // by log s2
      if (student) {
        sum -= 0.5 * std::log(s2) + 0.5 * (nu + 1) * std::log1p(z / nu);
        slope = -0.5 + 0.5 * (nu + 1) * z / (nu + z);
        by[3] += -0.5 * std::log1p(z / nu) + 0.5 * (nu + 1) * z / (nu * (nu + z));
      } else {
        sum -= 0.5 * (std::log(s2) + z);
        slope = -0.5 + 0.5 * z;
      }
      slope *= own / s2;
      by[0] += slope, by[1] += slope * t, by[2] += slope * t * t;
    }
    const double count = static_cast<double>(n);
    if (student) {
      sum += count * (std::lgamma((nu + 1) / 2) - std::lgamma(nu / 2) - 0.5 * std::log(nu));
      by[3] += count * 0.5 * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu);
      by[3] *= nu - 2;
    }
    // the weak prior keeps the law flat where the data say nothing
    gradient.assign(x.size(), 0.0);
    for (std::size_t k = 0; k < x.size(); ++k) gradient[k] = by[k] - (k == 1 || k == 2 ? x[k] : 0);
    return sum - 0.5 * (x[1] * x[1] + x[2] * x[2]);
  }
};

}  // namespace

// The bound is of the data that q has seen, and mean-field posteriors are too narrow: noise that is estimated
// with them is too small for data not seen. Each fifth of the data is predicted without it (few sweeps from
// the solution); scale and nu of the noise, and how the scale depends on the predicted value, are those of
// greatest likelihood for these residuals.
void Builder::calibrate(Model& m, const Variational& v, const std::vector<int>& order, std::uint64_t seed,
                        bool conformal) {
  const Index n = v.size();
  const std::vector<Index> place = Random(seed, 77).permutation(n);
  std::vector<double> residual(static_cast<std::size_t>(n)), variance(residual.size()),
      noise(residual.size());
  std::vector<double> all(residual.size());
  side_by_side(folds, [&](Index f) {
    std::vector<double> mean(residual.size()), square(residual.size());
    std::vector<char> mask(residual.size(), 0);
    for (Index e = f; e < n; e += folds)
      mask[static_cast<std::size_t>(place[static_cast<std::size_t>(e)])] = 1;
    v.left_out(mask, sweeps, order, mean.data(), square.data());
    for (std::size_t e = 0; e < mask.size(); ++e)
      if (mask[e]) {
        residual[e] = v.entries().values()[e] - v.offset() - mean[e];
        all[e] = mean[e], variance[e] = square[e], noise[e] = 1 / v.precision(v.group(static_cast<Index>(e)));
      }
  });
  std::vector<double> at(residual.size());
  double sum = 0, spread = 0, low = INFINITY, high = -INFINITY;
  for (const double f : all) sum += f, low = std::min(low, f), high = std::max(high, f);
  const double centre = sum / static_cast<double>(n);
  for (const double f : all) spread += (f - centre) * (f - centre);
  NoiseLaw& law = m.law_;
  law.centre = centre, law.spread = std::sqrt(spread / static_cast<double>(n)) + 1e-12;
  law.low = low, law.high = high;
  for (std::size_t e = 0; e < at.size(); ++e) at[e] = (all[e] - law.centre) / law.spread;
  // few observations give a scale alone
  std::vector<double> x(v.student() ? 4 : 3, 0.0);
  if (v.student()) x[3] = std::log(std::max(0.2, v.nu() - 2));
  const Likelihood value{residual, variance, noise, at, v.student()};
  const Ascent best = ascend(value, x, 200, 1e-8);
  law.coefficient = {best.x[0], best.x[1], best.x[2]};
  m.predictive_nu_ = v.student() ? std::min(2 + std::exp(best.x[3]), 200.0) : 0;
  if (!conformal) return;
  std::vector<double> scores;
  for (std::size_t e = 0; e < residual.size(); ++e)
    scores.push_back(std::abs(residual[e]) / std::sqrt(variance[e] + law.at(all[e]) * noise[e]));
  std::sort(scores.begin(), scores.end());
  std::vector<double> few;  // at most 2000 of them, evenly
  for (std::size_t k = 0, count = std::min<std::size_t>(scores.size(), 2000); k < count; ++k)
    few.push_back(scores[count < 2 ? 0 : k * (scores.size() - 1) / (count - 1)]);
  m.conformal_ = std::move(few);
}

}  // namespace cartan::functional
