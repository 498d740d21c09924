#include "completion/statistics.hpp"

#include <cmath>

#include "cartan/core/parallel.hpp"

namespace cartan::completion {

double mean_of(const SparseTensor& x) {
  return x.empty() ? 0 : deterministic_sum(x.values().data(), x.size()) / static_cast<double>(x.size());
}

double square_of(const SparseTensor& x) {
  std::vector<double> s(x.values().begin(), x.values().end());
  for (double& v : s) v *= v;
  return deterministic_sum(s.data(), x.size());
}

double rmse_of(const SparseTensor& x, const Array& mean) {
  if (x.empty()) return 0;
  std::vector<double> s(x.values().begin(), x.values().end());
  const double* m = mean.data<double>();
  for (std::size_t n = 0; n < s.size(); ++n) s[n] = (s[n] - m[n]) * (s[n] - m[n]);
  return std::sqrt(deterministic_sum(s.data(), x.size()) / static_cast<double>(x.size()));
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
