// Canonical decomposition of dense tensors by alternating least squares.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/als.hpp"
#include "cartan/linalg/modes.hpp"
#include "core/dispatch.hpp"
#include "linalg/canonical.hpp"
#include "linalg/format.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/kernels.hpp"
#include "linalg/scaling.hpp"

namespace cartan::linalg {
namespace {

template <class T>
class Iteration {
 public:
  Iteration(const Array& x, std::vector<Matrix> factors) : x_(x), u_(std::move(factors)), rank_(u_[0].cols) {
    for (const Matrix& u : u_) gram_.push_back(product(u, u, true, false));
  }

  /// Every mode once; returns ||Y||^2 - 2 <X, Y>.
  double sweep() {
    const int d = x_.ndim();
    if (d == 1) {
      update(Array::from(product(matrix_of(x_, x_.size(), 1), ones(rank_), false, false).data,
                         {x_.size(), rank_})
                 .as(x_.dtype()),
             0);
      return change_;
    }
    const int half = (d + 1) / 2;
    descend(contracted_behind(half), 0, half);
    descend(contracted_before(half), half, d);
    return change_;
  }
  const std::vector<Matrix>& factors() const { return u_; }
  const std::vector<double>& weights() const { return w_; }

 private:
  static Matrix ones(Index n) {
    Matrix m(1, n);
    std::fill(m.data.begin(), m.data.end(), 1.0);
    return m;
  }
  Array khatri_rao_of(int first, int last) const {
    std::vector<Array> part;
    for (int k = first; k < last; ++k) part.push_back(array_of(u_[static_cast<std::size_t>(k)], x_.dtype()));
    return khatri_rao(part);
  }
  Shape extents(int first, int last) const {
    Shape s(x_.shape().begin() + first, x_.shape().begin() + last);
    s.push_back(rank_);
    return s;
  }
  /// z[modes before `half`, r] = sum of x prod of the factors behind, and the reverse.
  Array contracted_behind(int half) const {
    const Array k = khatri_rao_of(half, x_.ndim());
    Array z = Array::uninitialized(extents(0, half), x_.dtype());
    const Index inner = k.dim(0), rows = x_.size() / inner;
    if (inner <= 4096)  // the factor stays in cache
      project_rows<T>(x_.data<T>(), rows, matrix_of(k), z.mutable_data<T>(), Residual::none);
    else
      gemm<T>(rows, rank_, inner, {x_.data<T>(), inner}, {k.data<T>(), rank_}, z.mutable_data<T>(), rank_);
    return z;
  }
  Array contracted_before(int half) const {
    const Array k = khatri_rao_of(0, half);
    Array z = Array::uninitialized(extents(half, x_.ndim()), x_.dtype());
    const Index inner = k.dim(0), rows = x_.size() / inner;
    contract_rows<T>(x_.data<T>(), inner, rows, k.data<T>(), rank_, z.mutable_data<T>());
    return z;
  }

  /// z (n_first, ..., n_{last-1}, R) is contracted in every other mode.
  void descend(const Array& z, int first, int last) {
    if (last - first == 1) return update(z, first);
    const int middle = (first + last + 1) / 2;
    {
      const Array k = khatri_rao_of(middle, last);
      Array front = Array::uninitialized(extents(first, middle), x_.dtype());
      const Index inner = k.dim(0), rows = front.size() / rank_;
      contract_right<T>(z.data<T>(), {rows, inner, rank_}, k.data<T>(), front.mutable_data<T>());
      descend(front, first, middle);
    }
    const Array k = khatri_rao_of(first, middle);
    Array back = Array::uninitialized(extents(middle, last), x_.dtype());
    contract_left<T>(z.data<T>(), {k.dim(0), back.size() / rank_, rank_}, k.data<T>(),
                     back.mutable_data<T>());
    descend(back, middle, last);
  }

  void update(const Array& z, int mode) {
    const std::size_t m = static_cast<std::size_t>(mode);
    const Matrix right = matrix_of(z);
    Matrix normal(rank_, rank_);
    std::fill(normal.data.begin(), normal.data.end(), 1.0);
    for (std::size_t k = 0; k < u_.size(); ++k)
      if (k != m)
        for (std::size_t i = 0; i < normal.data.size(); ++i) normal.data[i] *= gram_[k].data[i];
    Matrix u = solve_symmetric(normal, right);
    const Matrix square = product(u, u, true, false);
    change_ = 0;
    for (std::size_t i = 0; i < normal.data.size(); ++i) change_ += normal.data[i] * square.data[i];
    for (std::size_t i = 0; i < u.data.size(); ++i) change_ -= 2 * u.data[i] * right.data[i];
    w_ = column_norms(u);
    std::vector<double> inverse;
    for (double w : w_) inverse.push_back(w > 0 ? 1 / w : 0.0);
    scale_columns(u, inverse);
    gram_[m] = product(u, u, true, false);
    u_[m] = std::move(u);
  }

  Array x_;
  std::vector<Matrix> u_, gram_;
  std::vector<double> w_;
  Index rank_;
  double change_ = 0;
};

/// Columns beyond the given ones, and all for a random start: normal draws of the mode's stream, normalized.
Matrix start_factor(const Matrix& known, Index n, Index rank, std::uint64_t seed, int mode) {
  const Random draws(seed, static_cast<std::uint64_t>(mode));
  Matrix u(n, rank);
  for (Index i = 0; i < n; ++i)
    for (Index r = 0; r < rank; ++r)
      u(i, r) = r < known.cols ? known(i, r) : draws.normal(static_cast<std::uint64_t>(i * rank + r));
  std::vector<double> inverse;
  for (double s : column_norms(u)) inverse.push_back(s > 0 ? 1 / s : 0.0);
  scale_columns(u, inverse);
  return u;
}

/// ||x - y||^2, formed block by block.
template <class T>
double residual_square(const Array& x, const std::vector<Matrix>& u, const std::vector<double>& w) {
  const Index n = x.dim(0), rest = x.size() / n, rank = u[0].cols;
  std::vector<Array> other;
  for (std::size_t k = 1; k < u.size(); ++k) other.push_back(array_of(u[k], x.dtype()));
  const Array right = other.empty() ? Array::full({1, rank}, 1, x.dtype()) : khatri_rao(other);
  std::vector<T> left(static_cast<std::size_t>(n * rank));
  for (Index i = 0; i < n; ++i)
    for (Index r = 0; r < rank; ++r)
      left[static_cast<std::size_t>(i * rank + r)] =
          static_cast<T>(u[0](i, r) * w[static_cast<std::size_t>(r)]);
  constexpr Index width = 512, height = 128;
  const Index across = (rest + width - 1) / width, down = (n + height - 1) / height;
  std::vector<double> part(static_cast<std::size_t>(across * down));
  parallel_for(across * down, 1, [&](Index begin, Index end) {
    std::vector<T> y(static_cast<std::size_t>(width * height));
    for (Index t = begin; t < end; ++t) {
      const Index i0 = t / across * height, j0 = t % across * width;
      const Index rows = std::min(height, n - i0), columns = std::min(width, rest - j0);
      gemm_serial<T>(rows, columns, rank, {left.data() + i0 * rank, rank},
                     {right.data<T>() + j0 * rank, rank, true}, y.data(), columns);
      double sum = 0;
      for (Index i = 0; i < rows; ++i) {
        const T* from = x.data<T>() + (i0 + i) * rest + j0;
        T line = 0;
        for (Index j = 0; j < columns; ++j) {
          const T e = from[j] - y[static_cast<std::size_t>(i * columns + j)];
          line += e * e;
        }
        sum += static_cast<double>(line);
      }
      part[static_cast<std::size_t>(t)] = sum;
    }
  });
  return deterministic_sum(part.data(), static_cast<Index>(part.size()));
}

}  // namespace

Result<Canonical> cp_als(const Array& input, Index rank, Start start, const IterationOptions& options) {
  HosvdOptions first;
  refuse_tracked("cp_als", input);
  check_options("cp_als", input.shape(), input.dtype(), first);
  require(rank >= 1, "[cp_als] rank ", rank, "; ranks start at 1");
  require(options.max_iterations >= 1, "[cp_als] ", options.max_iterations, " iterations");
  require(options.change >= 0, "[cp_als] change ", options.change);
  Result<Canonical> result;
  dispatch_real("cp_als", input.dtype(), [&]<class T>(T) {
    const auto [x, scale, square] = with_safe_squares<T>("cp_als", input);
    result.report.ranks = {rank};
    result.report.method = "als";
    std::vector<Matrix> u;
    if (start == Start::hosvd && scale != 0) {
      first.ranks = std::vector<Index>(input.shape().size(), rank);
      first.seed = options.seed;
      const Result<Tucker> tucker = st_hosvd(x, first);
      for (int k = 0; k < x.ndim(); ++k)
        u.push_back(start_factor(matrix_of(tucker.tensor.factors[static_cast<std::size_t>(k)]), x.dim(k),
                                 rank, options.seed, k));
    } else {
      for (int k = 0; k < x.ndim(); ++k) u.push_back(start_factor({}, x.dim(k), rank, options.seed, k));
    }
    if (scale == 0) {
      std::vector<Index> all(static_cast<std::size_t>(rank));
      std::iota(all.begin(), all.end(), Index{0});
      result.tensor = terms_of(std::vector<double>(all.size(), 0.0), u, all, input.dtype());
      return;
    }
    Iteration<T> iteration(x, std::move(u));
    double last = 1;
    result.report.converged = false;
    while (result.report.iterations < options.max_iterations && !result.report.converged) {
      const double error = std::sqrt(std::max(0.0, square + iteration.sweep()) / square);
      ++result.report.iterations;
      result.report.converged = settled(last, error, options.change, input.dtype());
      last = error;
    }
    result.report.relative_error =
        std::sqrt(residual_square<T>(x, iteration.factors(), iteration.weights()) / square);
    std::vector<double> w = iteration.weights();
    for (double& v : w) v *= scale;
    std::vector<Index> all(w.size());
    std::iota(all.begin(), all.end(), Index{0});
    result.tensor = normalized(terms_of(w, iteration.factors(), all, input.dtype()));
  });
  return result;
}

}  // namespace cartan::linalg
