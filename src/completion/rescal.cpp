// Non-negative RESCAL of relational tensors.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "cartan/completion/select.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "linalg/matrix.hpp"

namespace cartan::completion {

using linalg::Matrix;

namespace {

// Slices X_t of a tensor whose last axis is t.
std::vector<Matrix> slices_of(const char* caller, const Array& x) {
  require(x.ndim() == 3 && x.dim(0) == x.dim(1) && !x.empty() && !is_complex(x.dtype()), "[", caller,
          "] a tensor of shape ", x.shape(), "; expected real numbers (n, n, m)");
  const std::vector<double> all = x.to_vector<double>();
  for (const double v : all)
    require(v >= 0 && std::isfinite(v), "[", caller, "] an entry is ", v,
            "; expected finite numbers, none negative");
  const Index n = x.dim(0), m = x.dim(2);
  std::vector<Matrix> out(static_cast<std::size_t>(m), Matrix(n, n));
  for (Index i = 0; i < n * n; ++i)
    for (Index t = 0; t < m; ++t)
      out[static_cast<std::size_t>(t)].data[static_cast<std::size_t>(i)] =
          all[static_cast<std::size_t>(i * m + t)];
  return out;
}

double square(const std::vector<Matrix>& x) {
  double s = 0;
  for (const Matrix& slice : x)
    for (const double v : slice.data) s += v * v;
  return s;
}

double residual(const std::vector<Matrix>& x, const Matrix& a, const std::vector<Matrix>& r) {
  double s = 0;
  for (std::size_t t = 0; t < x.size(); ++t) {
    const Matrix y = product(product(a, r[t]), a, false, true);
    for (std::size_t i = 0; i < y.data.size(); ++i) s += std::pow(x[t].data[i] - y.data[i], 2);
  }
  return s;
}

void multiply(Matrix& m, const Matrix& up, const Matrix& down) {
  for (std::size_t i = 0; i < m.data.size(); ++i)
    m.data[i] = down.data[i] > 0 ? m.data[i] * up.data[i] / down.data[i] : 0;
}

void add(Matrix& to, const Matrix& m) {
  for (std::size_t i = 0; i < to.data.size(); ++i) to.data[i] += m.data[i];
}

// A step of A that is taken back in part where it does not pay: A stands on both sides, so that the
// multiplicative update alone is no majorant's minimum; the geometric mean with the old A is.
void update_a(const std::vector<Matrix>& x, Matrix& a, const std::vector<Matrix>& r, double& error) {
  Matrix up(a.rows, a.cols), down(a.rows, a.cols);
  const Matrix g = product(a, a, true, false);
  for (std::size_t t = 0; t < x.size(); ++t) {
    add(up, product(product(x[t], a), r[t], false, true));
    add(up, product(product(x[t], a, true, false), r[t]));
    add(down, product(a, product(product(r[t], g), r[t], false, true)));
    add(down, product(a, product(product(r[t], g, true, false), r[t])));
  }
  for (double power = 1; power > 0.1; power /= 2) {
    Matrix next = a;
    for (std::size_t i = 0; i < next.data.size(); ++i)
      next.data[i] *= down.data[i] > 0 ? std::pow(up.data[i] / down.data[i], power) : 0;
    const double e = residual(x, next, r);
    if (e > error) continue;
    a = std::move(next), error = e;
    return;
  }
}

}  // namespace

Array Rescal::full() const {
  const Index n = a.dim(0), k = a.dim(1), m = r.dim(2);
  Array out = Array::zeros({n, n, m}, DType::f64);
  double* y = out.mutable_data<double>();
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      for (Index p = 0; p < k; ++p)
        for (Index q = 0; q < k; ++q) {
          const double w = a.data<double>()[i * k + p] * a.data<double>()[j * k + q];
          for (Index t = 0; t < m; ++t) y[(i * n + j) * m + t] += w * r.data<double>()[(p * k + q) * m + t];
        }
  return out;
}

Fitted<Rescal> rescal(const Array& input, const RescalOptions& o, const StopFlag* stop) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Matrix> x = slices_of("rescal", input);
  require(o.rank >= 1 && o.rank <= input.dim(0), "[rescal] rank ", o.rank, " of ", input.dim(0), " units");
  require(o.max_iterations >= 1 && o.restarts >= 1 && o.tolerance >= 0, "[rescal] ", o.max_iterations,
          " iterations, ", o.restarts, " restarts, tolerance ", o.tolerance);
  const double whole = square(x);
  const Index n = input.dim(0), k = o.rank, m = input.dim(2);
  Fitted<Rescal> best;
  double least = INFINITY;
  for (int start = 0; start < o.restarts; ++start) {
    const Random draws(o.seed, 300 + static_cast<std::uint64_t>(start));
    Matrix a(n, k);
    std::vector<Matrix> r(x.size(), Matrix(k, k));
    std::uint64_t at = 0;
    for (double& v : a.data) v = draws.uniform(at++);
    for (Matrix& slice : r)
      for (double& v : slice.data) v = draws.uniform(at++);
    Summary s;
    s.converged = whole == 0;
    double error = residual(x, a, r);
    for (int it = 0; it < o.max_iterations && !s.converged; ++it) {
      stop_if_set(stop);
      const Matrix g = product(a, a, true, false);
      for (std::size_t t = 0; t < x.size(); ++t)
        multiply(r[t], product(product(a, x[t], true, false), a), product(product(g, r[t]), g));
      error = residual(x, a, r);
      update_a(x, a, r, error);
      s.objective.push_back(error), ++s.iterations;
      const std::size_t back = s.objective.size();
      s.converged =
          back > 10 && std::sqrt(s.objective[back - 11] / whole) - std::sqrt(error / whole) <= o.tolerance;
    }
    s.relative_error = whole > 0 ? std::sqrt(error / whole) : 0;
    if (start > 0 && !(error < least)) continue;
    least = error;
    std::vector<double> sums(static_cast<std::size_t>(k), 0.0);
    for (Index i = 0; i < n; ++i)
      for (Index p = 0; p < k; ++p) sums[static_cast<std::size_t>(p)] += a(i, p);
    Array rs = Array::uninitialized({k, k, m}, DType::f64);
    for (Index p = 0; p < k; ++p)
      for (Index q = 0; q < k; ++q)
        for (Index t = 0; t < m; ++t)
          rs.mutable_data<double>()[(p * k + q) * m + t] = r[static_cast<std::size_t>(t)](p, q) *
                                                           sums[static_cast<std::size_t>(p)] *
                                                           sums[static_cast<std::size_t>(q)];
    for (double& v : sums) v = v > 0 ? 1 / v : 0;
    linalg::scale_columns(a, sums);
    best = {{linalg::array_of(a, DType::f64), rs}, std::move(s)};
  }
  Summary& s = best.summary;
  s.method = "rescal", s.ranks = {o.rank};
  s.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return best;
}

RankChoice stable_rescal_rank(const Array& x, const std::vector<Index>& ranks,
                              const StabilityOptions& options, const StopFlag* stop) {
  slices_of("stable_rescal_rank", x);
  return stable_rank(
      SparseTensor::from_dense(x), ranks,
      [&](const SparseTensor& copy, Index rank, std::uint64_t seed) {
        RescalOptions o;
        o.rank = rank, o.seed = seed, o.restarts = 2;
        const Fitted<Rescal> made = rescal(copy.dense(0), o, stop);
        return Components{{made.tensor.a}, made.summary.relative_error};
      },
      options, stop);
}

}  // namespace cartan::completion
