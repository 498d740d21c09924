// Other formats to tensor trains.
#include <algorithm>
#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/format.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/randomized.hpp"
#include "linalg/scaling.hpp"
#include "linalg/tensor_train.hpp"

namespace cartan::linalg {
namespace {
constexpr double most_entries = 1 << 27;  // of a matrix of R n x R for a canonical tensor
}

Result<TensorTrain> to_tensor_train(const Array& x, double tolerance, const std::vector<Index>& max_ranks) {
  HosvdOptions options;
  options.tolerance = tolerance;
  refuse_tracked("to_tensor_train", x);
  check_options("to_tensor_train", x.shape(), x.dtype(), options);
  check_ranks("to_tensor_train", x.shape(), tolerance, max_ranks);
  const int d = x.ndim();
  const double floor = rounding_floor(x.dtype(), x.shape());
  const double target = std::max(tolerance, floor);
  Result<TensorTrain> result;
  result.tensor.cores.resize(static_cast<std::size_t>(d));
  dispatch_real("to_tensor_train", x.dtype(), [&]<class T>(T) {
    const auto [safe, scale, square] = with_safe_squares<T>("to_tensor_train", x);
    // From the last bond to the first: rows are all modes in front, columns mode k and the bond behind it.
    Array left = safe;
    double lost = 0;
    Index after = 1;
    bool sketched = false;
    for (int k = d - 1; k > 0; --k) {
      const Index n = x.dim(k), columns = n * after;
      const ModeView v{left.size() / columns, columns, 1};
      const double budget = std::max(0.0, target * target * square - lost) / k;
      const Index cap = max_ranks.empty() ? columns : max_ranks[static_cast<std::size_t>(k - 1)];
      Matrix u;
      Array next;
      if (left.size() >= least_randomized && target > 20 * floor) {
        const double allowed = std::sqrt(budget / std::max(square - lost, 1e-300));
        auto c = compress<T>(left.reshaped({v.left, columns}), allowed, cap,
                             {options.oversampling, options.seed, 1});
        if (c) {
          note_method(result.report, name_of(Method::randomized));
          u = std::move(c->u);
          next = std::move(c->y);
          lost += c->sums.residual;
          sketched = true;
        }
      }
      if (u.cols == 0) {
        Range r = leading_range<T>(left.reshaped({v.left, columns}), 1, gram_or_lq(target / std::sqrt(d)),
                                   std::min(cap, std::min(v.left, columns)), [&](double) { return budget; });
        note_method(result.report, name_of(r.method));
        u = std::move(r.u);
        next = std::move(r.y);
        lost += r.residual;
      }
      after = u.cols;
      result.tensor.cores[static_cast<std::size_t>(k)] =
          array_of(transposed(u), {u.cols, n, columns / n}, x.dtype());
      left = std::move(next);
    }
    result.tensor.cores[0] = multiplied(left, scale == 0 ? 1 : scale).reshaped({1, x.dim(0), after});
    if (sketched && scale != 0) {  // exact truncation of the train, to the least ranks
      Train t = wide_train(result.tensor);
      orthogonalize(t, d - 1);
      const Rounding rest =
          truncate(t, std::sqrt(std::max(0.0, target * target * square - lost) / (square - lost)), max_ranks);
      lost += rest.lost * (square - lost);
      result.tensor = narrow_train(t, x.dtype());
    }
    result.report.ranks = result.tensor.ranks();
    options.ranks = max_ranks;
    finish_report(result.report, square > 0 ? std::sqrt(lost / square) : 0, options, floor);
  });
  return result;
}

Result<TensorTrain> to_tensor_train(const Canonical& x, double tolerance,
                                    const std::vector<Index>& max_ranks) {
  x.check("to_tensor_train");
  check_ranks("to_tensor_train", x.shape(), tolerance, max_ranks);
  const std::size_t d = x.factors.size();
  const Index terms = x.rank();
  const Shape shape = x.shape();
  const double largest = static_cast<double>(*std::max_element(shape.begin(), shape.end()));
  if (static_cast<double>(terms) * static_cast<double>(terms) * largest >
      most_entries) {  // through a small core
    check_options("to_tensor_train", shape, x.dtype(), {});
    HosvdOptions half;
    half.tolerance = tolerance / 2;
    const Result<Tucker> tucker = to_tucker(x, half);
    Result<TensorTrain> result = to_tensor_train(tucker.tensor, half.tolerance, max_ranks);
    result.report.error_kind = ErrorKind::bound;
    half.tolerance = tolerance;
    half.ranks = max_ranks;
    finish_report(result.report, tucker.report.relative_error + result.report.relative_error, half,
                  2 * rounding_floor(x.dtype(), shape));
    return result;
  }
  // What is carried holds, for every term, its first modes in an orthonormal basis: cores of R^2 n are never
  // formed in front of the QR decompositions.
  Train t;
  Matrix carried = matrix_of(x.weights, 1, terms);
  for (std::size_t k = 0; k < d; ++k) {
    const Matrix a = matrix_of(x.factors[k]);
    const bool end = k + 1 == d;
    Matrix next(carried.rows * a.rows, end ? 1 : terms);
    for (Index p = 0; p < carried.rows; ++p)
      for (Index i = 0; i < a.rows; ++i)
        for (Index r = 0; r < terms; ++r) next(p * a.rows + i, end ? 0 : r) += carried(p, r) * a(i, r);
    if (end) {
      t.push_back({std::move(next), a.rows});
    } else {
      QR f = qr(next);
      t.push_back({std::move(f.q), a.rows});
      carried = std::move(f.r);
    }
  }
  return finish_train(t, tolerance, max_ranks, x.dtype());
}

Result<TensorTrain> to_tensor_train(const Tucker& x, double tolerance, const std::vector<Index>& max_ranks) {
  x.check("to_tensor_train");
  check_ranks("to_tensor_train", x.shape(), tolerance, max_ranks);
  // A train of the core with orthonormal factors; the factors go into the cores, which keeps norms and
  // errors.
  std::vector<Matrix> q;
  Tucker y{x.core.as(DType::f64), {}};
  for (const Array& f : x.factors) y.factors.push_back(f.as(DType::f64));
  y = orthogonalized(y);
  const double floor = rounding_floor(x.dtype(), x.shape());
  Result<TensorTrain> result = to_tensor_train(y.core, std::max(tolerance, floor), max_ranks);
  for (int k = 0; k < x.order(); ++k) {
    Array& core = result.tensor.cores[static_cast<std::size_t>(k)];
    const Matrix u = matrix_of(y.factors[static_cast<std::size_t>(k)]);
    const Index before = core.dim(0), after = core.dim(2);
    Matrix wide(before * u.rows, after);
    for (Index p = 0; p < before; ++p)
      gemm_serial<double>(u.rows, after, u.cols, u.view(), {core.data<double>() + p * u.cols * after, after},
                          wide.row(p * u.rows), after);
    core = array_of(wide, {before, u.rows, after}, x.dtype());
  }
  HosvdOptions asked;
  asked.tolerance = tolerance;
  asked.ranks = max_ranks;
  finish_report(result.report, result.report.relative_error, asked, floor);
  return result;
}

}  // namespace cartan::linalg
