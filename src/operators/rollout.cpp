#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/refuse_tracked.hpp"
#include "cartan/autodiff/fft.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/operators/losses.hpp"
#include "cartan/operators/training.hpp"

namespace cartan::operators {
namespace {

// exp(-36 (|k|/k_max)^order) along each axis, for the half spectrum of a grid.
Array filter_of(const Shape& grid, double order, DType dtype) {
  Shape half = grid;
  half.back() = half.back() / 2 + 1;
  std::vector<double> factor(static_cast<std::size_t>(size_of(half)));
  std::vector<Index> at(grid.size(), 0);
  for (double& value : factor) {
    value = 1;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const Index k = std::min(at[i], grid[i] - at[i]);
      value *= std::exp(-36 * std::pow(2 * static_cast<double>(k) / static_cast<double>(grid[i]), order));
    }
    for (std::size_t i = grid.size(); i-- > 0;) {
      if (++at[i] < half[i]) break;
      at[i] = 0;
    }
  }
  return Array::from(factor, half).as(dtype);
}

Array filtered(const Array& y, const Array& factor) {
  std::vector<int> axes;
  for (int axis = 2; axis < y.ndim(); ++axis) axes.push_back(axis);
  const Shape grid(y.shape().begin() + 2, y.shape().end());
  const Array series = rfft(y, axes);
  return irfft(series * cast(factor, series.dtype()), axes, grid);
}

}  // namespace

void describe(config::Fields& f, RolloutOptions& o) {
  f("steps", o.steps, "steps of the rollout").from(1).to(1000000);
  f("filter_order", o.filter_order, "order of the filter on high frequencies after each step (0: none)")
      .from(0)
      .to(64);
  f("alarm", o.alarm, "a sample is lost where its mean square exceeds the first one's so many times")
      .above(1);
}

Rollout roll_out(const Model& model, const Array& x, const RolloutOptions& o,
                 const ProgressCallback& progress, const StopFlag* stop) {
  refuse_tracked("roll_out", x);
  config::validate("roll_out", o);
  const OperatorConfig& c = model.config();
  require(x.ndim() >= 3 && x.dim(1) == c.in_channels, "[roll_out] fields of shape ", x.shape(),
          ", but the model takes ", c.in_channels, " channels");
  require(c.out_channels <= c.in_channels, "[roll_out] the model gives ", c.out_channels,
          " channels and takes ", c.in_channels, "; it must give no more than it takes");
  const Recording off(false);
  const Index n = x.dim(0), out = c.out_channels;
  const Shape grid(x.shape().begin() + 2, x.shape().end());
  Array state = x.as(c.dtype);
  Rollout r;
  Shape shape{n, o.steps * out};
  shape.insert(shape.end(), grid.begin(), grid.end());
  r.frames = Array::full(shape, std::numeric_limits<double>::quiet_NaN(), c.dtype);
  const Array factor = o.filter_order > 0 ? filter_of(grid, o.filter_order, c.dtype) : Array();
  std::vector<double> first(static_cast<std::size_t>(n), 0);
  std::vector<char> lost(static_cast<std::size_t>(n), 0);
  // Of the frames that the output follows on, normalised: what drifts in units of its deviation.
  const auto squares = [&](const Array& fields) {
    const Array s = mean(reshape(square(model.output.normalize(fields.as(c.dtype))), {n, -1}), -1);
    return s.to_vector<double>();
  };
  first = squares(slice(state, 1, c.in_channels - out, c.in_channels));
  for (double& v : first) v = std::max(v, 1.0);
  for (Index step = 0; step < o.steps; ++step) {
    stop_if_set(stop);
    Array y = model.predict(state);
    if (!factor.empty()) y = filtered(y, factor);
    const std::vector<double> now = squares(y);
    double sum = 0;
    Index kept = 0;
    for (Index i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (!lost[k] && !(now[k] <= o.alarm * first[k])) {
        lost[k] = 1;
        r.lost.push_back(i), r.lost_at.push_back(step);
      }
      if (lost[k]) continue;
      sum += now[k];
      ++kept;
    }
    r.stable = r.lost.empty();
    if (kept == 0) break;
    // Lost samples rest at zero, so that they disturb nothing.
    Array clean = Array::uninitialized(y.shape(), y.dtype());
    const std::size_t bytes = y.bytes() / static_cast<std::size_t>(n);
    const std::size_t all = r.frames.bytes() / static_cast<std::size_t>(n);
    char *to = static_cast<char*>(clean.mutable_raw()), *frames = static_cast<char*>(r.frames.mutable_raw());
    for (Index i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const char* from = static_cast<const char*>(y.raw()) + k * bytes;
      if (lost[k]) {
        std::fill(to + k * bytes, to + (k + 1) * bytes, char(0));
      } else {
        std::copy(from, from + bytes, to + k * bytes);
        std::copy(from, from + bytes, frames + k * all + static_cast<std::size_t>(step) * bytes);
      }
    }
    const std::vector<double> shells = spectrum(clean);
    double high = 0, total = 0;
    const double edge = static_cast<double>(*std::min_element(grid.begin(), grid.end())) / 4;
    for (std::size_t k = 1; k < shells.size(); ++k) {
      total += shells[k];
      if (static_cast<double>(k) > edge) high += shells[k];
    }
    r.mean_square.push_back(sum / static_cast<double>(kept));
    r.high_share.push_back(total > 0 ? high / total : 0);
    if (r.stable) r.steps = step + 1;
    state = c.in_channels == out ? clean : concatenate({slice(state, 1, out, c.in_channels), clean}, 1);
    if (progress) progress({step + 1, o.steps, ""});
  }
  return r;
}

}  // namespace cartan::operators
