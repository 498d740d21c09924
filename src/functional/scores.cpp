#include "cartan/functional/scores.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cartan/core/error.hpp"
#include "core/gemm.hpp"
#include "functional/builder.hpp"
#include "functional/fitter.hpp"

namespace cartan::functional {

Score score(const Prediction& p, const Array& y) {
  Score s = score(p.mean, y);
  if (p.log_density.empty()) return s;
  s.nll = s.coverage_90 = 0;
  const Array values = y.as(DType::f64);
  for (Index i = 0; i < s.n; ++i) {
    const double v = values.data<double>()[i];
    s.nll -= p.log_density.data<double>()[i];
    s.coverage_90 += p.low.data<double>()[i] <= v && v <= p.high.data<double>()[i] ? 1 : 0;
  }
  s.nll /= static_cast<double>(s.n), s.coverage_90 /= static_cast<double>(s.n);
  return s;
}

namespace {

// Shrunk means of the observations at every coordinate of a mode.
struct GroupMeans {
  std::map<double, std::pair<double, double>> groups;  // sum, count
  double all = 0, shrink = 1, error = INFINITY;

  GroupMeans(const std::vector<double>& z, const double* y) {
    const std::size_t n = z.size();
    for (std::size_t i = 0; i < n; ++i) groups[z[i]].first += y[i], groups[z[i]].second += 1, all += y[i];
    all /= static_cast<double>(n);
    double within = 0, between = 0, squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto& g = groups[z[i]];
      within += (y[i] - g.first / g.second) * (y[i] - g.first / g.second);
    }
    for (const auto& [x, g] : groups) {
      between += g.second * (g.first / g.second - all) * (g.first / g.second - all);
      squares += g.second * g.second;
    }
    const double count = static_cast<double>(n), size = static_cast<double>(groups.size());
    if (count <= size) return;  // every observation alone
    within /= count - size;
    const double between_variance =
        std::max(1e-12 * (within + 1e-300), (between - (size - 1) * within) / (count - squares / count));
    shrink = within / between_variance;
    error = 0;
    for (std::size_t i = 0; i < n; ++i) {  // each from the others
      const auto& g = groups[z[i]];
      const double e = y[i] - (g.first - y[i] + shrink * all) / (g.second - 1 + shrink);
      error += e * e;
    }
  }
  double at(double z) const {
    const auto g = groups.find(z);
    return g == groups.end() ? all : (g->second.first + shrink * all) / (g->second.second + shrink);
  }
};

// Products of Chebyshev polynomials of the modes that are no categories.
class Ridge {
 public:
  Ridge(const std::vector<std::vector<double>>& z, const double* y, const std::vector<bool>& used) {
    for (std::size_t k = 0; k < used.size(); ++k)
      if (used[k]) modes_.push_back(k);
    for (degree_ = 4; degree_ > 1 && count() > 300; --degree_) {
    }
    std::vector<int> power(modes_.size(), 0);
    add(power, 0, degree_);
    const Index n = static_cast<Index>(z[0].size()), f = static_cast<Index>(powers_.size());
    std::vector<double> gram(static_cast<std::size_t>(f * f), 0.0), right(static_cast<std::size_t>(f), 0.0),
        rows;
    double square = 0;
    for (Index i = 0; i < n; ++i) mean_ += y[i] / static_cast<double>(n);
    for (Index begin = 0; begin < n; begin += 4096) {
      const Index end = std::min(n, begin + 4096);
      rows.resize(static_cast<std::size_t>((end - begin) * f));
      for (Index i = begin; i < end; ++i) {
        fill(z, static_cast<std::size_t>(i), rows.data() + (i - begin) * f);
        for (Index p = 0; p < f; ++p)
          right[static_cast<std::size_t>(p)] +=
              rows[static_cast<std::size_t>((i - begin) * f + p)] * (y[i] - mean_);
        square += (y[i] - mean_) * (y[i] - mean_);
      }
      const MatrixView<double> x{rows.data(), f, false};
      gemm<double>(f, f, end - begin, transposed(x), x, gram.data(), f, 1.0, 1.0);
    }
    double best = INFINITY;
    for (double lambda = 1e-8; lambda < 10; lambda *= 10) {
      std::vector<double> l = gram, solution, inverse_rows;
      for (Index p = 0; p < f; ++p) l[static_cast<std::size_t>(p * f + p)] += lambda * static_cast<double>(n);
      const double freedom = solve(l, gram, right, f, solution);
      if (!std::isfinite(freedom)) continue;
      double residual = square;
      for (Index p = 0; p < f; ++p) {
        double gw = 0;
        for (Index q = 0; q < f; ++q)
          gw += gram[static_cast<std::size_t>(p * f + q)] * solution[static_cast<std::size_t>(q)];
        residual += solution[static_cast<std::size_t>(p)] * (gw - 2 * right[static_cast<std::size_t>(p)]);
      }
      const double rest = 1 - std::min(0.999, freedom / static_cast<double>(n));
      const double gcv = residual / (rest * rest);
      if (gcv < best) best = gcv, weight_ = solution;
    }
    if (weight_.empty()) weight_.assign(static_cast<std::size_t>(f), 0.0);
  }
  double at(const std::vector<std::vector<double>>& z, std::size_t i) const {
    std::vector<double> row(powers_.size());
    fill(z, i, row.data());
    double sum = mean_;
    for (std::size_t p = 0; p < row.size(); ++p) sum += row[p] * weight_[p];
    return sum;
  }

 private:
  double count() const {  // binomial(modes + degree, degree)
    double c = 1;
    for (int d = 1; d <= degree_; ++d) c *= (static_cast<double>(modes_.size()) + d) / d;
    return c;
  }
  void add(std::vector<int>& power, std::size_t k, int left) {
    if (k == power.size()) {
      powers_.push_back(power);
      return;
    }
    for (int d = 0; d <= left; ++d) {
      power[k] = d;
      add(power, k + 1, left - d);
    }
    power[k] = 0;
  }
  void fill(const std::vector<std::vector<double>>& z, std::size_t i, double* row) const {
    double t[30][5];
    for (std::size_t k = 0; k < modes_.size(); ++k) {
      const double x = std::clamp(2 * z[modes_[k]][i] - 1, -1.0, 1.0);
      t[k][0] = 1, t[k][1] = x;
      for (int d = 2; d <= 4; ++d) t[k][d] = 2 * x * t[k][d - 1] - t[k][d - 2];
    }
    for (std::size_t p = 0; p < powers_.size(); ++p) {
      row[p] = 1;
      for (std::size_t k = 0; k < modes_.size(); ++k) row[p] *= t[k][powers_[p][k]];
    }
  }
  // (l l^T) solution = right for l given as its product; the trace of its inverse times gram.
  static double solve(std::vector<double>& l, const std::vector<double>& gram,
                      const std::vector<double>& right, Index f, std::vector<double>& solution) {
    const auto at = [f](Index i, Index j) { return static_cast<std::size_t>(i * f + j); };
    for (Index j = 0; j < f; ++j) {
      double d = l[at(j, j)];
      for (Index k = 0; k < j; ++k) d -= l[at(j, k)] * l[at(j, k)];
      if (!(d > 0)) return NAN;
      l[at(j, j)] = std::sqrt(d);
      for (Index i = j + 1; i < f; ++i) {
        double s = l[at(i, j)];
        for (Index k = 0; k < j; ++k) s -= l[at(i, k)] * l[at(j, k)];
        l[at(i, j)] = s / l[at(j, j)];
      }
    }
    const auto both = [&](std::vector<double>& v) {
      for (Index i = 0; i < f; ++i) {
        for (Index k = 0; k < i; ++k)
          v[static_cast<std::size_t>(i)] -= l[at(i, k)] * v[static_cast<std::size_t>(k)];
        v[static_cast<std::size_t>(i)] /= l[at(i, i)];
      }
      for (Index i = f; i-- > 0;) {
        for (Index k = i + 1; k < f; ++k)
          v[static_cast<std::size_t>(i)] -= l[at(k, i)] * v[static_cast<std::size_t>(k)];
        v[static_cast<std::size_t>(i)] /= l[at(i, i)];
      }
    };
    solution = right;
    both(solution);
    double trace = 0;
    for (Index j = 0; j < f; ++j) {
      std::vector<double> column(static_cast<std::size_t>(f));
      for (Index i = 0; i < f; ++i) column[static_cast<std::size_t>(i)] = gram[at(i, j)];
      both(column);
      trace += column[static_cast<std::size_t>(j)];
    }
    return trace;
  }

  std::vector<std::size_t> modes_;
  std::vector<std::vector<int>> powers_;
  std::vector<double> weight_;
  int degree_ = 4;
  double mean_ = 0;
};

}  // namespace

std::vector<Baseline> baselines(const Array& x, const Array& y, const std::vector<Mode>& modes,
                                const Array& x_test, const FitOptions& options,
                                const std::vector<Warp>& scales) {
  require(y.ndim() == 1 && all_finite(y) && y.size() >= 2, "[baselines] values of shape ", y.shape(),
          "; expected a list of finite numbers, 2 at least");
  FitOptions o = options;
  o.method = Method::additive_cp, o.rank = 0, o.pair_rank = 0, o.main_effects = true;
  o.calibrate = o.conformal = false;
  require(scales.size() <= 1, "[baselines] logarithms for ", scales.size(),
          " targets; expected those of one");
  const Fit additive = fit_with(x, y, modes, o, {}, scales);
  const std::vector<Mode> scaled = Builder::modes(additive.model);
  const Array yd = y.as(DType::f64);
  const double* values = yd.data<double>();
  const Index n = y.size(), m = x_test.dim(0);
  std::vector<std::vector<double>> z, zt;
  std::vector<bool> used;
  for (std::size_t k = 0; k < scaled.size(); ++k) {
    z.push_back(Builder::scaled(scaled[k], x, static_cast<int>(k)));
    zt.push_back(Builder::scaled(scaled[k], x_test, static_cast<int>(k)));
    used.push_back(scaled[k].kind != ModeKind::categorical);
  }
  std::vector<Baseline> out;
  double mean = 0;
  for (Index i = 0; i < n; ++i) mean += values[i] / static_cast<double>(n);
  out.push_back({"mean of all", Array::full({m}, mean, DType::f64)});
  double least = INFINITY;
  std::vector<double> best;
  std::string name;
  for (std::size_t k = 0; k < z.size(); ++k) {
    const GroupMeans g(z[k], values);
    if (!(g.error < least)) continue;
    least = g.error, name = "mean by " + scaled[k].name;
    best.clear();
    for (const double v : zt[k]) best.push_back(g.at(v));
  }
  if (!best.empty()) out.push_back({name, Array::from(best)});
  out.push_back({"additive model", additive.model.predict(x_test).mean});
  if (std::count(used.begin(), used.end(), true)) {
    const Ridge ridge(z, values, used);
    std::vector<double> at;
    for (Index i = 0; i < m; ++i) at.push_back(ridge.at(zt, static_cast<std::size_t>(i)));
    out.push_back({"ridge, Chebyshev", Array::from(at)});
  }
  return out;
}

}  // namespace cartan::functional
