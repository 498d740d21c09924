#include "cartan/operators/losses.hpp"

#include <cmath>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/autodiff/fft.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "operators/difference.hpp"

namespace cartan::operators {
namespace {

void check(const char* op, const Array& x, const Array& y) {
  require(x.shape() == y.shape(), "[", op, "] prediction of shape ", x.shape(), ", truth of shape ",
          y.shape(), "; they must be alike");
  require(x.ndim() >= 3 && x.ndim() <= 5, "[", op, "] fields of shape ", x.shape(),
          "; use (samples, channels, n1, ..) with one to three axes of the grid");
  require(is_real(x.dtype()) && x.dtype() == y.dtype(), "[", op, "] elements are ", x.dtype(), " and ",
          y.dtype(), "; use float32 or float64 on both sides");
  require(!x.empty(), "[", op, "] fields of shape ", x.shape(), " have no elements");
}

double length_of(const char* op, const NormOptions& o, const Array& x, int axis) {
  const auto d = static_cast<std::size_t>(x.ndim() - 2);
  require(o.lengths.empty() || o.lengths.size() == d, "[", op, "] ", o.lengths.size(), " lengths for ", d,
          " axes");
  const double length = o.lengths.empty() ? 1 : o.lengths[static_cast<std::size_t>(axis)];
  require(length > 0 && std::isfinite(length), "[", op, "] length ", length, "; positive ones are needed");
  return length;
}

// Sums over the grid: (samples, channels).
Array over_grid(const Array& a) {
  return sum(reshape(a, {a.dim(0), a.dim(1), -1}), -1);
}

// u^(1/p), with the derivative 0 where u is.
Array rooted(const Array& u, double p) {
  const double least = u.dtype() == DType::f32 ? 1e-36 : 1e-300;
  const Array above = maximum(u, Array::full({1}, least, u.dtype(), u.device()));
  return p == 2 ? sqrt(above) : p == 1 ? above : power(above, 1 / p);
}

Array finish(const Array& difference, const Array& truth, double p, double cell, const NormOptions& o) {
  if (!o.relative) {
    const Array weighted = scale(difference, cell);
    return o.root && p != 1 ? rooted(weighted, p) : weighted;
  }
  if (!o.root || p == 1) return difference / shift(truth, o.eps);
  return rooted(difference, p) / shift(rooted(truth, p), o.eps);
}

double cell_of(const char* op, const NormOptions& o, const Array& x) {
  double cell = 1;
  for (int axis = 0; axis < x.ndim() - 2; ++axis)
    cell *= length_of(op, o, x, axis) / static_cast<double>(x.dim(axis + 2));
  return cell;
}

}  // namespace

Array difference(const Array& u, int axis, double h, bool periodic) {
  require(axis >= -u.ndim() && axis < u.ndim(), "[difference] axis ", axis, " of an array of shape ",
          u.shape());
  const int at = axis < 0 ? axis + u.ndim() : axis;
  require(is_real(u.dtype()), "[difference] elements are ", u.dtype(), "; use float32 or float64");
  require(u.dim(at) >= (periodic ? 2 : 4), "[difference] ", u.dim(at), " points along axis ", axis,
          "; at least ", periodic ? 2 : 4, " are needed");
  require(h > 0 && std::isfinite(h), "[difference] distance ", h, "; a positive one is needed");
  return run(std::make_shared<Difference>(at, h, periodic, false), {u});
}

Array lp_error(const Array& x, const Array& y, double p, const NormOptions& o) {
  check("lp_error", x, y);
  require(p >= 1 && std::isfinite(p), "[lp_error] p is ", p, "; at least 1");
  const auto norm = [&](const Array& u) {
    return over_grid(p == 1 ? abs(u) : p == 2 ? square(u) : power(abs(u), p));
  };
  const double cell = cell_of("lp_error", o, x);
  return finish(norm(x - y), o.relative ? norm(y) : Array(), p, cell, o);
}

Array h1_error(const Array& x, const Array& y, const NormOptions& o) {
  check("h1_error", x, y);
  const auto d = static_cast<std::size_t>(x.ndim() - 2);
  require(o.periodic.empty() || o.periodic.size() == d, "[h1_error] ", o.periodic.size(),
          " marks of periodic axes for ", d, " axes");
  const auto norm = [&](const Array& u) {
    Array total = square(u);
    for (int axis = 0; axis < static_cast<int>(d); ++axis) {
      const double h = length_of("h1_error", o, x, axis) / static_cast<double>(x.dim(axis + 2));
      const bool periodic = o.periodic.empty() || o.periodic[static_cast<std::size_t>(axis)];
      total = total + square(difference(u, axis + 2, h, periodic));
    }
    return over_grid(total);
  };
  return finish(norm(x - y), o.relative ? norm(y) : Array(), 2, cell_of("h1_error", o, x), o);
}

Array h1_spectral_error(const Array& x, const Array& y, const NormOptions& o) {
  check("h1_spectral_error", x, y);
  const int d = x.ndim() - 2;
  std::vector<int> axes;
  Shape half(x.shape().begin() + 2, x.shape().end());
  Index points = 1;
  for (int axis = 0; axis < d; ++axis) {
    axes.push_back(axis + 2);
    points *= x.dim(axis + 2);
  }
  half.back() = half.back() / 2 + 1;
  // The squares of a half spectrum, counted twice where they stand for two.
  std::vector<double> weight(static_cast<std::size_t>(size_of(half)));
  std::vector<Index> at(static_cast<std::size_t>(d), 0);
  for (double& w : weight) {
    double square = 0;
    for (int i = 0; i < d; ++i) {
      const Index n = x.dim(i + 2), k = 2 * at[static_cast<std::size_t>(i)] > n
                                            ? at[static_cast<std::size_t>(i)] - n
                                            : at[static_cast<std::size_t>(i)];
      const double wave =
          2 * 3.14159265358979323846 * static_cast<double>(k) / length_of("h1_spectral_error", o, x, i);
      square += wave * wave * (2 * k == n ? 0.5 : 1);
    }
    const Index last = at.back(), n = x.dim(-1);
    w = (1 + square) * (last == 0 || 2 * last == n ? 1 : 2) * static_cast<double>(points);
    for (std::size_t i = at.size(); i-- > 0;) {
      if (++at[i] < half[i]) break;
      at[i] = 0;
    }
  }
  const Array weights = Array::from(weight, half).as(x.dtype()).to(x.device());
  const auto norm = [&](const Array& u) {
    const Array c = rfft(u, axes, {}, FftNorm::forward);
    return over_grid((square(real(c)) + square(imag(c))) * weights);
  };
  return finish(norm(x - y), o.relative ? norm(y) : Array(), 2, cell_of("h1_spectral_error", o, x), o);
}

Array vrmse(const Array& x, const Array& y, double eps) {
  check("vrmse", x, y);
  const double points = static_cast<double>(x.size() / (x.dim(0) * x.dim(1)));
  const Array flat = reshape(y, {y.dim(0), y.dim(1), -1});
  const Array centred = flat - mean(flat, -1, true);
  const Array variance = mean(square(centred), -1);
  return sqrt(scale(over_grid(square(x - y)), 1 / points) / shift(variance, eps));
}

std::vector<double> spectrum(const Array& u) {
  refuse_tracked("spectrum", u);
  check("spectrum", u, u);
  const int d = u.ndim() - 2;
  std::vector<int> axes;
  Shape half(u.shape().begin() + 2, u.shape().end());
  for (int axis = 0; axis < d; ++axis) axes.push_back(axis + 2);
  half.back() = half.back() / 2 + 1;
  const Array series = rfft(u.as(DType::f64).to(Device()), axes, {}, FftNorm::forward);
  const Index modes = size_of(half), fields = u.dim(0) * u.dim(1);
  std::vector<double> shells;
  std::vector<Index> at(static_cast<std::size_t>(d), 0);
  const auto* c = series.data<std::complex<double>>();
  for (Index m = 0; m < modes; ++m) {
    double square = 0;
    for (int i = 0; i < d; ++i) {
      const Index n = u.dim(i + 2), k = at[static_cast<std::size_t>(i)], f = 2 * k > n ? k - n : k;
      square += static_cast<double>(f * f);
    }
    const auto shell = static_cast<std::size_t>(std::llround(std::sqrt(square)));
    if (shell >= shells.size()) shells.resize(shell + 1, 0.0);
    const double count = at.back() == 0 || 2 * at.back() == u.dim(-1) ? 1 : 2;
    for (Index f = 0; f < fields; ++f)
      shells[shell] += count * std::norm(c[f * modes + m]) / static_cast<double>(fields);
    for (std::size_t i = at.size(); i-- > 0;) {
      if (++at[i] < half[i]) break;
      at[i] = 0;
    }
  }
  return shells;
}

}  // namespace cartan::operators
