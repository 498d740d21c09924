#include "cartan/linalg/hosvd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/hosvd.hpp"

namespace cartan::linalg {

const char* name_of(Method method) {
  static constexpr const char* names[] = {"automatic", "gram", "lq", "randomized"};
  return names[static_cast<int>(method)];
}

const char* name_of(ErrorKind kind) {
  return kind == ErrorKind::exact ? "exact" : "bound";
}

double rounding_floor(DType dtype, const Shape& shape) {
  const double eps = dtype == DType::f32 ? static_cast<double>(std::numeric_limits<float>::epsilon())
                                         : std::numeric_limits<double>::epsilon();
  const Index n = shape.empty() ? 1 : *std::max_element(shape.begin(), shape.end());
  return 4 * eps * std::sqrt(static_cast<double>(std::max<Index>(n, 1)));
}

void check_options(const char* caller, const Shape& shape, DType dtype, const HosvdOptions& o) {
  require(is_real(dtype), "[", caller, "] elements are ", dtype, "; use float32 or float64");
  require(!shape.empty() && size_of(shape) > 0, "[", caller, "] a tensor of shape ", shape,
          " has no entries");
  require(o.tolerance >= 0 && o.tolerance < 1, "[", caller, "] tolerance ", o.tolerance, " is not in [0, 1)");
  require(o.ranks.empty() || o.ranks.size() == shape.size(), "[", caller, "] ", o.ranks.size(),
          " ranks for a tensor of order ", shape.size());
  for (Index r : o.ranks) require(r >= 1, "[", caller, "] rank ", r, "; ranks start at 1");
  std::vector<int> sorted = o.order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> modes(shape.size());
  std::iota(modes.begin(), modes.end(), 0);
  require(o.order.empty() || sorted == modes, "[", caller, "] `order` must name each mode once");
  require(o.oversampling >= 1, "[", caller, "] oversampling ", o.oversampling, "; at least 1");
}

Index largest_rank(const HosvdOptions& o, const Shape& shape, int mode) {
  const ModeView v = view_of(shape, mode);
  const Index possible = std::min(v.n, v.left * v.right);
  return o.ranks.empty() ? possible : std::min(possible, o.ranks[static_cast<std::size_t>(mode)]);
}

void finish_report(Report& report, double error, const HosvdOptions& o, double floor) {
  report.relative_error = error;
  report.converged = error <= std::max(o.tolerance, floor) || (o.tolerance == 0 && !o.ranks.empty());
}

namespace {

std::vector<int> order_by_cost(const Shape& shape, const HosvdOptions& o) {
  if (!o.order.empty()) return o.order;
  std::vector<int> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return shape[static_cast<std::size_t>(a)] < shape[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace

Result<Tucker> st_hosvd(const Array& input, const HosvdOptions& o) {
  check_options("st_hosvd", input.shape(), input.dtype(), o);
  Result<Tucker> result;
  dispatch_real("st_hosvd", input.dtype(), [&]<class T>(T) {
    const double square = sum_of_squares(input.data<T>(), input.size());
    require(std::isfinite(square), "[st_hosvd] the tensor holds numbers that are not finite");
    const double floor = rounding_floor(input.dtype(), input.shape());
    const double tolerance = std::max(o.tolerance, floor);
    result.report.order = order_by_cost(input.shape(), o);
    result.tensor.factors.resize(input.shape().size());
    Array x = input;
    double spent = 0;
    for (std::size_t step = 0; step < result.report.order.size(); ++step) {
      const int mode = result.report.order[step];
      const ModeView v = view_of(x.shape(), mode);
      const Method method = o.method == Method::gram || o.method == Method::lq
                                ? o.method
                                : gram_or_lq(tolerance / std::sqrt(x.ndim()), v.n);
      result.report.method = name_of(method);
      const Basis basis = basis_of(x.data<T>(), v, method);
      const double left = static_cast<double>(result.report.order.size() - step);
      const double allowed = std::sqrt(std::max(0.0, tolerance * tolerance * square - spent) / left);
      const Index rank = std::min(rank_of(basis.s, allowed), largest_rank(o, input.shape(), mode));
      const Matrix u = first_columns(basis.u, rank);
      Shape shape = x.shape();
      shape[static_cast<std::size_t>(mode)] = rank;
      Array y = Array::uninitialized(shape, x.dtype());
      spent += project(x.data<T>(), v, u, y.mutable_data<T>()).residual;
      x = std::move(y);
      result.tensor.factors[static_cast<std::size_t>(mode)] = array_of(u, x.dtype());
    }
    result.tensor.core = std::move(x);
    result.report.ranks = result.tensor.ranks();
    finish_report(result.report, square > 0 ? std::sqrt(spent / square) : 0, o, floor);
  });
  return result;
}

}  // namespace cartan::linalg
