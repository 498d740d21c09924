#include "completion/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::completion {

double mean_of(const SparseTensor& x) {
  return x.empty() ? 0 : deterministic_sum(x.values().data(), x.size()) / static_cast<double>(x.size());
}

namespace {

// Of the squares of f(n, V) over vectors V and single numbers, by fixed blocks.
template <class F>
double squares_of(Index n, const F& f) {
  using V = Register<double>;
  constexpr Index block = 4096, lanes = register_lanes<double>, strips = 4;
  const auto of = [&](Index b, Index e) {
    V s[strips] = {};
    double rest = 0;
    Index k = b;
    for (; k + strips * lanes <= e; k += strips * lanes)
      for (Index i = 0; i < strips; ++i) {
        const V v = f(k + i * lanes, V{});
        s[i] += v * v;
      }
    for (; k < e; ++k) {
      const double v = f(k, 0.0);
      rest += v * v;
    }
    return horizontal_sum<double>((s[0] + s[1]) + (s[2] + s[3])) + rest;
  };
  std::vector<double> parts(static_cast<std::size_t>((n + block - 1) / block));
  parallel_for(static_cast<Index>(parts.size()), 16, [&](Index b, Index e) {
    for (Index p = b; p < e; ++p)
      parts[static_cast<std::size_t>(p)] = of(p * block, std::min(n, (p + 1) * block));
  });
  return deterministic_sum(parts.data(), static_cast<Index>(parts.size()));
}

}  // namespace

double square_of(const SparseTensor& x) {
  const double* v = x.values().data();
  return squares_of(x.size(), [&]<class T>(Index n, T) { return load<T>(v + n); });
}

double rmse_of(const SparseTensor& x, const Array& mean) {
  if (x.empty()) return 0;
  const double *v = x.values().data(), *m = mean.data<double>();
  const double sum =
      squares_of(x.size(), [&]<class T>(Index n, T) { return load<T>(v + n) - load<T>(m + n); });
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
