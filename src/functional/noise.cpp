#include <algorithm>
#include <cmath>

#include "functional/builder.hpp"
#include "functional/special.hpp"

namespace cartan::functional {
namespace {

constexpr int table_size = 121;
constexpr double table_low = -6, table_high = 6;  // decimal logarithm of variance over noise

}  // namespace

NoiseMixture::NoiseMixture(double nu) {
  if (nu <= 0) {
    weight_ = {1}, scale_ = {1};
    return;
  }
  factor_ = nu > 2 ? nu / (nu - 2) : std::numeric_limits<double>::infinity();
  const double a = nu / 2;
  const double low = -36 / a - 12, high = std::log(1 + 12 / std::sqrt(a) + 40 / a);
  const int n = 160;
  double sum = 0;
  for (int k = 0; k < n; ++k) {
    const double log_omega = low + (high - low) * k / (n - 1);
    weight_.push_back(std::exp(a * (log_omega - std::exp(log_omega) + 1)));
    scale_.push_back(std::exp(-log_omega));
    sum += weight_.back();
  }
  for (double& w : weight_) w /= sum;
}

double NoiseMixture::log_density(double residual, double variance, double noise) const {
  double sum = 0, best = -std::numeric_limits<double>::infinity();
  const auto term = [&](std::size_t k) {
    const double v = variance + noise * scale_[k];
    return std::log(weight_[k]) - 0.5 * (std::log(2 * M_PI * v) + residual * residual / v);
  };
  for (std::size_t k = 0; k < scale_.size(); ++k) best = std::max(best, term(k));
  for (std::size_t k = 0; k < scale_.size(); ++k) sum += std::exp(term(k) - best);
  return best + std::log(sum);
}

double NoiseMixture::half_width(double coverage, double variance, double noise) const {
  if (scale_.size() == 1) return normal_quantile(0.5 + coverage / 2) * std::sqrt(variance + noise);
  const auto covered = [&](double h) {
    double sum = 0;
    for (std::size_t k = 0; k < scale_.size(); ++k)
      sum += weight_[k] * std::erf(h / std::sqrt(2 * (variance + noise * scale_[k])));
    return sum;
  };
  double low = 0, high = std::sqrt(variance + noise);
  while (covered(high) < coverage && high < 1e150) low = high, high *= 2;
  for (int k = 0; k < 60 && high - low > 1e-12 * high; ++k) {
    const double middle = (low + high) / 2;
    (covered(middle) < coverage ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::vector<double> NoiseMixture::half_width_table(double coverage) const {
  std::vector<double> table;
  for (int k = 0; k < table_size; ++k) {
    const double ratio = std::pow(10.0, table_low + (table_high - table_low) * k / (table_size - 1));
    table.push_back(half_width(coverage, ratio, 1) / std::sqrt(ratio + 1));
  }
  return table;
}

std::vector<double> NoiseMixture::nodes(int count) const {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (int k = 0; 2 * k < count; ++k) {  // symmetric: quantiles at the middles of `count` parts
    const double outer = 1 - (2 * k + 1.0) / count;
    out[static_cast<std::size_t>(count - 1 - k)] = outer > 0 ? half_width(outer, 0, 1) : 0;
    out[static_cast<std::size_t>(k)] = -out[static_cast<std::size_t>(count - 1 - k)];
  }
  return out;
}

double NoiseMixture::look_up(const std::vector<double>& table, double variance, double noise) {
  const double ratio = std::clamp(variance / noise, 1e-6, 1e6);
  const double at = (std::log10(ratio) - table_low) / (table_high - table_low) * (table_size - 1);
  const int k = std::clamp(static_cast<int>(at), 0, table_size - 2);
  const double part = at - k;
  return ((1 - part) * table[static_cast<std::size_t>(k)] + part * table[static_cast<std::size_t>(k) + 1]) *
         std::sqrt(variance + noise);
}

}  // namespace cartan::functional
