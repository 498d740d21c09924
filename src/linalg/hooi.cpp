// Tucker decomposition with given ranks by alternating least squares.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/linalg/als.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/scaling.hpp"

namespace cartan::linalg {
namespace {

template <class T>
class Iteration {
 public:
  Iteration(const Array& x, Shape ranks, std::vector<Matrix> u)
      : x_(x), ranks_(std::move(ranks)), u_(std::move(u)) {}

  /// Every mode once; returns the squared norm of the core.
  double sweep() {
    std::vector<int> all(u_.size());
    std::iota(all.begin(), all.end(), 0);
    descend(x_, all);
    return core_square_;
  }
  const std::vector<Matrix>& factors() const { return u_; }

 private:
  /// y is contracted in every mode but `modes`. One half of them is contracted for the other's sake, and the
  /// reverse.
  void descend(const Array& y, const std::vector<int>& modes) {
    if (modes.size() == 1) return update(y, modes[0]);
    const auto middle = modes.begin() + static_cast<std::ptrdiff_t>((modes.size() + 1) / 2);
    const std::vector<int> front(modes.begin(), middle), back(middle, modes.end());
    descend(contracted(y, back), front);
    descend(contracted(y, front), back);
  }

  Array contracted(Array y, const std::vector<int>& modes) const {
    for (std::size_t i = modes.size(); i-- > 0;) {
      const int mode = modes[i];
      const Matrix& u = u_[static_cast<std::size_t>(mode)];
      Shape shape = y.shape();
      shape[static_cast<std::size_t>(mode)] = u.cols;
      Array next = Array::uninitialized(shape, y.dtype());
      project<T>(y.data<T>(), view_of(y.shape(), mode), u, next.mutable_data<T>(), Residual::none);
      y = std::move(next);
    }
    return y;
  }

  void update(const Array& y, int mode) {
    const Basis basis = basis_of(y.data<T>(), view_of(y.shape(), mode), Method::gram);
    const Index rank = ranks_[static_cast<std::size_t>(mode)];
    u_[static_cast<std::size_t>(mode)] = first_columns(basis.u, rank);
    core_square_ = 0;
    for (Index i = rank; i-- > 0;) core_square_ += std::pow(basis.s[static_cast<std::size_t>(i)], 2);
  }

  Array x_;
  Shape ranks_;
  std::vector<Matrix> u_;
  double core_square_ = 0;
};

}  // namespace

Result<Tucker> hooi(const Array& input, const std::vector<Index>& ranks, const IterationOptions& options) {
  refuse_tracked("hooi", input);
  require(options.max_iterations >= 0, "[hooi] ", options.max_iterations, " iterations");
  require(options.change >= 0, "[hooi] change ", options.change);
  HosvdOptions start;
  start.ranks = ranks;
  start.seed = options.seed;
  require(!ranks.empty(), "[hooi] no ranks");
  Result<Tucker> result = st_hosvd(input, start);
  if (result.report.method == "zero tensor") return result;
  note_method(result.report, "hooi");
  result.report.converged = false;
  dispatch_real("hooi", input.dtype(), [&]<class T>(T) {
    const auto [x, scale, square] = with_safe_squares<T>("hooi", input);
    std::vector<Matrix> u;
    for (const Array& f : result.tensor.factors) u.push_back(qr(matrix_of(f)).q);
    Iteration<T> iteration(x, result.tensor.ranks(), std::move(u));
    double last = result.report.relative_error;
    int sweeps = 0;
    while (sweeps < options.max_iterations && !result.report.converged) {
      const double core = iteration.sweep();
      const double error = std::sqrt(std::max(0.0, square - core) / square);
      result.report.converged = settled(last, error, options.change, input.dtype());
      last = error;
      ++sweeps;
    }
    // The core, and the error as a residual.
    Array y = x;
    double lost = 0;
    for (int k = input.ndim(); k-- > 0;) {
      const Matrix& f = iteration.factors()[static_cast<std::size_t>(k)];
      Shape shape = y.shape();
      shape[static_cast<std::size_t>(k)] = f.cols;
      Array next = Array::uninitialized(shape, y.dtype());
      lost += project<T>(y.data<T>(), view_of(y.shape(), k), f, next.mutable_data<T>(), Residual::by_norms)
                  .residual;
      y = std::move(next);
      result.tensor.factors[static_cast<std::size_t>(k)] = array_of(f, x.dtype());
    }
    result.tensor.core = multiplied(y, scale);
    result.report.relative_error = std::sqrt(lost / square);
    result.report.iterations = sweeps;
  });
  return result;
}

}  // namespace cartan::linalg
