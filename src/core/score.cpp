#include "cartan/core/score.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"

namespace cartan {

Score score(const Array& mean, const Array& y) {
  require(mean.ndim() == 1 && mean.shape() == y.shape() && y.size() >= 1, "[score] predictions of shape ",
          mean.shape(), " of values of shape ", y.shape(), "; expected lists of one length, 1 at least");
  Score s;
  s.n = y.size();
  s.nll = s.coverage_90 = NAN;
  const Array a = mean.as(DType::f64), b = y.as(DType::f64);
  double square = 0, absolute = 0;
  for (Index i = 0; i < s.n; ++i) {
    const double e = b.data<double>()[i] - a.data<double>()[i];
    square += e * e, absolute += std::abs(e);
  }
  s.rmse = std::sqrt(square / static_cast<double>(s.n)), s.mae = absolute / static_cast<double>(s.n);
  return s;
}

Score joined(const std::vector<Score>& scores) {
  Score all;
  for (const Score& s : scores) {
    const double n = static_cast<double>(s.n);
    all.n += s.n, all.rmse += n * s.rmse * s.rmse, all.mae += n * s.mae;
    all.nll += n * s.nll, all.coverage_90 += n * s.coverage_90;
  }
  const double n = static_cast<double>(all.n);
  all.rmse = std::sqrt(all.rmse / n), all.mae /= n, all.nll /= n, all.coverage_90 /= n;
  return all;
}

double conformal_factor(const std::vector<double>& scores, double coverage, Index count) {
  const double n = static_cast<double>(count > 0 ? count : static_cast<Index>(scores.size()));
  const double place = std::ceil((n + 1) * coverage);  // the place-th of n, from 1
  if (scores.empty() || place > n) return std::numeric_limits<double>::infinity();
  const double k = static_cast<double>(scores.size());
  const double at = n > 1 ? (place - 1) / (n - 1) * (k - 1) : 0;  // never to the narrow side
  return scores[static_cast<std::size_t>(std::min(std::ceil(at - 1e-9), k - 1))];
}

}  // namespace cartan
