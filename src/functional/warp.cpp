#include "functional/warp.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/random.hpp"
#include "functional/fitter.hpp"
#include "functional/side_by_side.hpp"

namespace cartan::functional {
namespace {

// The logarithm above 0 between two ends, lines outside: of u, a distance from the origin.
double log_of(double u, double low, double high) {
  return u < low    ? std::log(low) + (u - low) / low
         : u > high ? std::log(high) + (u - high) / high
                    : std::log(u);
}
double exp_of(double z, double low, double high) {
  const double a = std::log(low), b = std::log(high);
  return z < a ? low + (z - a) * low : z > b ? high + (z - b) * high : std::exp(z);
}

}  // namespace

double Warp::forward(double y) const {
  return side == 0  ? y
         : side > 0 ? log_of(y - origin, low - origin, high - origin)
                    : -log_of(origin - y, origin - high, origin - low);
}

double Warp::inverse(double z) const {
  return side == 0  ? z
         : side > 0 ? origin + exp_of(z, low - origin, high - origin)
                    : origin - exp_of(-z, origin - high, origin - low);
}

double Warp::log_slope(double y) const {
  return side == 0 ? 0 : -std::log(std::abs(std::clamp(y, low, high) - origin));
}

Unwarped unwarped(const Warp& warp, double middle, double deviation, double noise,
                  const std::vector<double>& nodes) {
  // Gauss-Hermite, 5 nodes of the standard normal distribution
  static constexpr double at[] = {-2.856970013872806, -1.355626179974266, 0, 1.355626179974266,
                                  2.856970013872806};
  static constexpr double weight[] = {0.011257411327721, 0.222075922005613, 0.533333333333333,
                                      0.222075922005613, 0.011257411327721};
  const double count = static_cast<double>(nodes.size());
  double mean = 0, square = 0, within = 0;
  for (int g = 0; g < 5; ++g) {
    double first = 0, second = 0;
    const double base = warp.inverse(middle + deviation * at[g]);  // against cancellation
    for (const double e : nodes) {
      const double y = warp.inverse(middle + deviation * at[g] + noise * e) - base;
      first += y, second += y * y;
    }
    first /= count, second /= count;
    within += weight[g] * std::max(0.0, second - first * first);
    mean += weight[g] * (base + first), square += weight[g] * (base + first) * (base + first);
  }
  return {mean, std::max(0.0, square - mean * mean), within};
}

// Bounds of main effects with the logarithm, its floor some standard deviations below the least value (or
// its ceiling above the greatest), climb from a floor of a third of one. A floor far away is no warp: it has
// to be better by more than what chance gives.
std::vector<Warp> propose_warps(const Array& x, const Array& y, const std::vector<Mode>& modes,
                                const FitOptions& options) {
  constexpr Index most = 20000;
  constexpr int sweeps = 15;
  static constexpr double distances[] = {3, 1, 0.3, 0.1, 0.03};
  const Index n = y.dim(0), m = y.ndim() == 2 ? y.dim(1) : 1, k = x.dim(1);
  const Array xs = x.as(DType::f64), ys = y.as(DType::f64);
  const std::vector<Index> order = Random(options.seed, 55).permutation(n);
  FitOptions own = options;
  own.progress = {};
  std::vector<Warp> out(static_cast<std::size_t>(m));
  for (Index j = 0; j < m; ++j) {
    std::vector<double> points, values;
    for (Index i = 0; i < n && static_cast<Index>(values.size()) < most; ++i) {
      const Index row = order[static_cast<std::size_t>(i)];
      const double v = ys.data<double>()[row * m + j];
      if (std::isnan(v)) continue;
      values.push_back(v);
      points.insert(points.end(), xs.data<double>() + row * k, xs.data<double>() + (row + 1) * k);
    }
    double low = INFINITY, high = -INFINITY;
    for (Index i = 0; i < n; ++i) {
      const double v = ys.data<double>()[i * m + j];
      if (!std::isnan(v)) low = std::min(low, v), high = std::max(high, v);
    }
    const Array px = Array::from(points, {static_cast<Index>(values.size()), k}), py = Array::from(values);
    const double deviation = standardised(py, {}).scale[0];
    if (!(high - low > 1e-9 * deviation)) continue;  // a constant
    const auto warp = [&](int side, int at) {
      const double d = distances[at] * deviation;
      return side > 0 ? Warp{1, low - d, low, high} : side < 0 ? Warp{-1, high + d, low, high} : Warp{};
    };
    const auto bound = [&](const Warp& w) {
      const Targets targets = standardised(py, {w});
      const Prepared data = Builder::prepare(modes, px, py, targets);
      double sum = Fitter(data, modes, own, 1).main(sweeps).elbo();
      for (const double v : values) sum += w.log_slope(v) - std::log(targets.scale[0]);
      return sum;
    };
    double ends[2];
    side_by_side(2, [&](Index s) { ends[s] = bound(warp(s ? 1 : -1, 2)); });
    const int side = ends[1] > ends[0] ? 1 : -1;
    int at = 2;
    double best = std::max(ends[0], ends[1]);
    double beside[2];  // a floor further away, or nearer
    side_by_side(2, [&](Index s) { beside[s] = bound(warp(side, s == 0 ? 1 : 3)); });
    const bool moved = std::max(beside[0], beside[1]) > best;
    if (moved) {
      best = std::max(beside[0], beside[1]);
      at += beside[0] > beside[1] ? -1 : 1;
    }
    double rest[2];  // none, and one step on
    const int next = at == 1 ? 0 : 4;
    side_by_side(moved ? 2 : 1, [&](Index s) { rest[s] = bound(s ? warp(side, next) : Warp{}); });
    if (moved && rest[1] > best) best = rest[1], at = next;
    const Warp found = warp(side, at);
    Warp& chosen = out[static_cast<std::size_t>(j)];
    if (options.scale == Scale::log) {
      chosen = found;
      continue;
    }
    // A density has no bound where values repeat: censored or counted targets say nothing of a scale. And a
    // model is asked for means: these must not be worse.
    const double count = static_cast<double>(values.size());
    const double end = side > 0 ? low : high;
    const auto atoms = static_cast<double>(std::count(values.begin(), values.end(), end));
    if (count < 50 || !(best > rest[0] + 5 + 0.002 * count) || atoms > std::max(2.0, 0.02 * count)) continue;
    const Index kept = static_cast<Index>(0.8 * count), all = static_cast<Index>(values.size());
    const auto error = [&](const Warp& w) {
      const Array x_part = px.rows(0, kept), y_part = py.rows(0, kept);
      const Targets targets = standardised(y_part, {w});
      const Prepared data = Builder::prepare(modes, x_part, y_part, targets);
      const Variational state = Fitter(data, modes, own, 1).main(3 * sweeps);
      const Array mean = Builder::model(state, modes, {"y"}, targets).predict(px.rows(kept, all)).mean;
      double sum = 0;
      for (Index i = kept; i < all; ++i)
        sum += std::pow(mean.data<double>()[i - kept] - values[static_cast<std::size_t>(i)], 2);
      return sum;
    };
    double errors[2];
    side_by_side(2, [&](Index s) { errors[s] = error(s ? found : Warp{}); });
    if (errors[1] <= 1.02 * errors[0]) chosen = found;
  }
  return out;
}

}  // namespace cartan::functional
