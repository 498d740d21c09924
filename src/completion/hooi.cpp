// Tucker decomposition of a sparse tensor whose other entries are zero.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "cartan/completion/fibres.hpp"
#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/modes.hpp"
#include "completion/statistics.hpp"
#include "linalg/matrix.hpp"

namespace cartan::completion {

Fitted<linalg::Tucker> hooi(const SparseTensor& x, const std::vector<Index>& ranks, int max_iterations,
                            double tolerance, std::uint64_t seed) {
  using linalg::Matrix;
  const auto begin = std::chrono::steady_clock::now();
  require(x.order() >= 2 && !x.empty(), "[hooi] a tensor of order ", x.order(), " with ", x.size(),
          " entries");
  require(ranks.size() == x.shape().size(), "[hooi] ", ranks.size(), " ranks for ", x.order(), " modes");
  require(max_iterations >= 1 && tolerance >= 0, "[hooi] ", max_iterations, " iterations, tolerance ",
          tolerance);
  const int d = x.order();
  double size = 1;
  for (std::size_t k = 0; k < ranks.size(); ++k) {
    require(ranks[k] >= 1 && ranks[k] <= x.shape()[k], "[hooi] rank ", ranks[k], " of mode ", k,
            " of extent ", x.shape()[k]);
    size *= static_cast<double>(ranks[k]);
  }
  for (std::size_t k = 0; k < ranks.size(); ++k)
    require(static_cast<double>(ranks[k]) * static_cast<double>(ranks[k]) <= size && size <= 1e6,
            "[hooi] ranks ", ranks,
            ": each is to be at most the product of the others, and the core at most 1e6 numbers");
  const Fibres fibres(x);
  Fitted<linalg::Tucker> out;
  std::vector<Array> u;
  for (int k = 0; k < d; ++k) {
    const Index n = x.shape()[static_cast<std::size_t>(k)], r = ranks[static_cast<std::size_t>(k)];
    u.push_back(linalg::array_of(
        linalg::qr(
            linalg::matrix_of(random_normal({n, r}, DType::f64, Random(seed, static_cast<std::uint64_t>(k)))))
            .q,
        DType::f64));
  }
  const double square = square_of(x);
  Summary& s = out.summary;
  s.converged = false;
  double last = INFINITY;
  Array chain;
  while (s.iterations < max_iterations && !s.converged) {
    for (int k = 0; k < d; ++k) {
      std::vector<Array> others = u;
      others[static_cast<std::size_t>(k)] = {};
      chain = ttm_chain(fibres, others, k);
      const Index n = chain.dim(0), width = chain.size() / n, r = ranks[static_cast<std::size_t>(k)];
      const Matrix y = linalg::matrix_of(chain, n, width);
      // leading left singular vectors by the smaller Gram matrix: y v / s where rows are many
      Matrix leading;
      if (n <= width) {
        leading = linalg::first_columns(linalg::eigensystem(linalg::product(y, y, false, true)).vectors, r);
      } else {
        const Matrix v =
            linalg::first_columns(linalg::eigensystem(linalg::product(y, y, true, false)).vectors, r);
        leading = linalg::qr(linalg::product(y, v)).q;
      }
      u[static_cast<std::size_t>(k)] = linalg::array_of(leading, DType::f64);
    }
    // the core from the chain of the last mode
    const Array core = linalg::mode_product(chain, u.back(), 0, true);
    double kept = 0;
    for (Index i = 0; i < core.size(); ++i) kept += core.data<double>()[i] * core.data<double>()[i];
    s.objective.push_back(std::max(0.0, square - kept));
    s.relative_error = square > 0 ? std::sqrt(s.objective.back() / square) : 0;
    ++s.iterations;
    s.converged = std::isfinite(last) && last - s.relative_error <= tolerance;
    last = s.relative_error;
    // (r_d, r_1 .. r_(d-1)) -> (r_1 .. r_d)
    const Index rd = ranks.back(), rest = core.size() / rd;
    Array turned = Array::uninitialized(ranks, DType::f64);
    for (Index a = 0; a < rest; ++a)
      for (Index b = 0; b < rd; ++b)
        turned.mutable_data<double>()[a * rd + b] = core.data<double>()[b * rest + a];
    out.tensor = {turned, u};
  }
  s.method = "hooi", s.ranks = ranks;
  s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace cartan::completion
