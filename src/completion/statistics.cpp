#include "completion/statistics.hpp"

#include <cmath>
#include <vector>

#include "cartan/core/parallel.hpp"

namespace cartan::completion {

double mean_of(const SparseTensor& x) {
  return x.empty() ? 0 : deterministic_sum(x.values().data(), x.size()) / static_cast<double>(x.size());
}

namespace {

// Of f(n), by fixed blocks, without a list of them all.
template <class F>
double sum_of(Index n, const F& f) {
  constexpr Index block = 4096;
  std::vector<double> parts(static_cast<std::size_t>((n + block - 1) / block));
  parallel_for(n, block, [&](Index b, Index e) {
    double s[8] = {};
    Index k = b;
    for (; k + 8 <= e; k += 8)
      for (Index lane = 0; lane < 8; ++lane) s[lane] += f(k + lane);
    for (; k < e; ++k) s[0] += f(k);
    parts[static_cast<std::size_t>(b / block)] = deterministic_sum(s, 8);
  });
  return deterministic_sum(parts.data(), static_cast<Index>(parts.size()));
}

}  // namespace

double square_of(const SparseTensor& x) {
  const double* v = x.values().data();
  return sum_of(x.size(), [&](Index n) { return v[n] * v[n]; });
}

double rmse_of(const SparseTensor& x, const Array& mean) {
  if (x.empty()) return 0;
  const double *v = x.values().data(), *m = mean.data<double>();
  const double sum = sum_of(x.size(), [&](Index n) { return (v[n] - m[n]) * (v[n] - m[n]); });
  return std::sqrt(sum / static_cast<double>(x.size()));
}

void finish(Summary& s, const std::string& method, const SparseTensor& train, const SparseTensor& validation,
            const std::function<Array(const SparseTensor&)>& predict) {
  s.method = method;
  const double rmse = rmse_of(train, predict(train)), square = square_of(train);
  s.relative_error = square > 0 ? rmse * std::sqrt(static_cast<double>(train.size()) / square) : 0;
  if (s.train_rmse.empty()) s.train_rmse.push_back(rmse);
  if (!validation.empty() && s.validation_rmse.empty())
    s.validation_rmse.push_back(rmse_of(validation, predict(validation)));
}

}  // namespace cartan::completion
