#include "cartan/linalg/hosvd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autodiff/refuse_tracked.hpp"
#include "core/dispatch.hpp"
#include "linalg/basis.hpp"
#include "linalg/hosvd.hpp"
#include "linalg/randomized.hpp"
#include "linalg/scaling.hpp"

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
  constexpr double rounding = 1e-12;  // of errors that are the tolerance itself
  report.relative_error = error;
  report.converged =
      error <= (1 + rounding) * std::max(o.tolerance, floor) || (o.tolerance == 0 && !o.ranks.empty());
}

std::vector<int> mode_order(const Shape& shape, const HosvdOptions& o, bool largest_first) {
  if (!o.order.empty()) return o.order;
  std::vector<int> order(shape.size());
  std::iota(order.begin(), order.end(), -1);  // of equal extents the last first: its fibres are contiguous
  order[0] = static_cast<int>(shape.size()) - 1;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const Index m = shape[static_cast<std::size_t>(a)], n = shape[static_cast<std::size_t>(b)];
    return largest_first ? m > n : m < n;
  });
  return order;
}

void note_method(Report& report, const char* method) {
  if (report.method.find(method) == std::string::npos)
    report.method += (report.method.empty() ? "" : "+") + std::string(method);
}

Steps::Steps(Shape of, double tol, std::vector<int> order) : shape(std::move(of)), tolerance(tol) {
  tensor.factors.resize(shape.size());
  report.order = std::move(order);
}

double Steps::budget(std::size_t left) const {
  return std::max(0.0, tolerance * tolerance * square - spent) / static_cast<double>(left);
}

void Steps::take(int mode, Matrix u, Array y, double residual) {
  spent += residual;
  x = std::move(y);
  Array& factor = tensor.factors[static_cast<std::size_t>(mode)];
  factor = array_of(factor.ndim() == 2 ? product(matrix_of(factor), u) : u, DType::f64);
}

namespace {

template <class T>
void exact_step(Steps& s, int mode, std::size_t left, Index cap, Method asked) {
  const Method method =
      asked == Method::gram || asked == Method::lq ? asked : gram_or_lq(s.tolerance / std::sqrt(s.x.ndim()));
  Range r = leading_range<T>(
      s.x, mode, method, cap,
      [&](double square) {
        if (s.square < 0) s.square = square;
        return s.budget(left);
      },
      {}, s.turn);
  note_method(s.report, name_of(r.method));
  s.take(mode, std::move(r.u), std::move(r.y), r.residual);
}

/// False where a sketch does not pay.
template <class T>
bool randomized_step(Steps& s, int mode, std::size_t left, Index cap, const HosvdOptions& o) {
  const double allowed = s.square < 0 ? s.tolerance / std::sqrt(left)
                                      : std::sqrt(s.budget(left) / std::max(s.square - s.spent, 1e-300));
  std::optional<Compression> c = compress<T>(s.x, allowed, cap, {o.oversampling, o.seed, mode});
  if (!c) return false;
  note_method(s.report, name_of(Method::randomized));
  if (s.square < 0) s.square = c->sums.square;
  if (!in_range<T>(s.square, size_of(s.shape))) return true;  // the caller looks closer
  s.report.iterations = std::max(s.report.iterations, c->passes);
  s.take(mode, std::move(c->u), std::move(c->y), c->sums.residual);
  return true;
}

template <class T>
Steps decompose(const Array& x, const HosvdOptions& o, double tolerance) {
  const bool sketches = o.method == Method::randomized ||
                        (o.method == Method::automatic && x.size() >= least_randomized &&
                         (tolerance > 20 * rounding_floor(x.dtype(), x.shape()) || !o.ranks.empty()));
  Steps s(x.shape(), tolerance, mode_order(x.shape(), o, sketches));
  s.x = x;
  truncate_rest<T>(s, 0, o, sketches, false);
  return s;
}

}  // namespace

template <class T>
void truncate_rest(Steps& s, std::size_t done, const HosvdOptions& o, bool sketches, bool sketched) {
  const std::vector<int> order = s.report.order;
  for (std::size_t left = order.size() - done; left > 0; --left) {
    const int mode = order[order.size() - left];
    const Index cap = largest_rank(o, s.shape, mode);
    if (sketches && randomized_step<T>(s, mode, left, cap, o))
      sketched = true;
    else
      exact_step<T>(s, mode, left, cap, o.method);
    if (!in_range<T>(s.square, size_of(s.shape))) return;  // the caller looks closer
  }
  if (!sketched) return;
  const std::string method = s.report.method;
  for (std::size_t left = order.size(); left > 0; --left) {
    const int mode = order[order.size() - left];
    exact_step<T>(s, mode, left, largest_rank(o, s.shape, mode), Method::automatic);
  }
  s.report.method = method;
}
template void truncate_rest<float>(Steps&, std::size_t, const HosvdOptions&, bool, bool);
template void truncate_rest<double>(Steps&, std::size_t, const HosvdOptions&, bool, bool);

Result<Tucker> finished(Steps s, const HosvdOptions& o, DType dtype, double scale) {
  Result<Tucker> result{std::move(s.tensor), std::move(s.report)};
  for (Array& f : result.tensor.factors) f = f.as(dtype);
  result.tensor.core = multiplied(s.x, scale);
  result.report.ranks = result.tensor.ranks();
  finish_report(result.report, std::sqrt(s.spent / s.square), o, rounding_floor(dtype, s.shape));
  return result;
}

bool settled(double last, double error, double change, DType dtype) {
  const double eps = dtype == DType::f32 ? static_cast<double>(std::numeric_limits<float>::epsilon())
                                         : std::numeric_limits<double>::epsilon();
  return std::abs(last - error) <= change || std::abs(last * last - error * error) <= 8 * eps;
}

Result<Tucker> zero_tucker(const Shape& shape, DType dtype) {
  Result<Tucker> zero;
  zero.tensor.core = Array::zeros(Shape(shape.size(), 1), dtype);
  for (Index n : shape) {
    Matrix u(n, 1);
    u(0, 0) = 1;
    zero.tensor.factors.push_back(array_of(u, dtype));
  }
  zero.report.ranks = zero.tensor.ranks();
  zero.report.method = "zero tensor";
  return zero;
}

Result<Tucker> st_hosvd(const Array& x, const HosvdOptions& o) {
  refuse_tracked("st_hosvd", x);
  check_options("st_hosvd", x.shape(), x.dtype(), o);
  const double floor = rounding_floor(x.dtype(), x.shape());
  Result<Tucker> result;
  dispatch_real("st_hosvd", x.dtype(), [&]<class T>(T) {
    double scale = 1;
    Steps s = decompose<T>(x, o, std::max(o.tolerance, floor));
    if (!in_range<T>(s.square, x.size())) {  // squares overflow or vanish, or the entries are not finite
      const Scaled safe = with_safe_squares<T>("st_hosvd", x);
      if (safe.scale == 0) {
        result = zero_tucker(x.shape(), x.dtype());
        return;
      }
      scale = safe.scale;
      s = decompose<T>(safe.array, o, std::max(o.tolerance, floor));
    }
    result = finished(std::move(s), o, x.dtype(), scale);
  });
  return result;
}

}  // namespace cartan::linalg
