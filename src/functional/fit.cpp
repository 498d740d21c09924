#include "cartan/functional/fit.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/range.hpp"
#include "functional/fitter.hpp"
#include "functional/published.hpp"

namespace cartan::functional {

void describe(config::Fields& f, FitOptions& o) {
  f("method", o.method,
    {{"additive_cp", Method::additive_cp}, {"funbat_cp", Method::funbat_cp}, {"funbat", Method::funbat}},
    "main effects and products with all learned, or the published algorithms");
  f("rank", o.rank, "products of all modes, at most; of funbat: functions of a mode").from(0).to(40);
  f("pair_rank", o.pair_rank, "products of every two modes, besides").from(0).to(10);
  f("main_effects", o.main_effects, "functions of one mode alone");
  f("kernel", o.kernel, "of modes that name none");
  f("noise", o.noise, {{"gaussian", Noise::gaussian}, {"student", Noise::student}}, "of observations");
  f("scale", o.scale, {{"automatic", Scale::automatic}, {"linear", Scale::linear}, {"log", Scale::log}},
    "of the target, on which noise is of one size: logarithms are above a floor that is learned");
  f("prune", o.prune, "terms go whose absence does not lower the bound");
  f("max_sweeps", o.max_sweeps, "over all modes").from(1).to(100000);
  f("tolerance", o.tolerance, "change of the bound per observation at which the fit ends").above(0).below(1);
  f("calibrate", o.calibrate, "noise of predictions from what each fifth of the data is without it");
  f("conformal", o.conformal, "intervals by quantiles of residuals of data left out");
  f("seed", o.seed, "of the start");
  f("length", o.length, "published methods: of the kernel, over the range of the data").above(0).to(1e3);
  f("variance", o.variance, "published methods: of the kernel").above(0).to(1e6);
  f("site_prior", o.site_prior, "published methods: precision of one more prior, as in the public code")
      .from(0)
      .to(1e3);
  f("damping", o.damping, "published methods: of messages").from(0).below(1);
  f("noise_damping", o.noise_damping, "published methods: of the noise").from(0).below(1);
  f("epochs", o.epochs, "published methods: sweeps").from(1).to(100000);
}

namespace {

void scale_modes(std::vector<Mode>& modes, const Array& x) {
  const Array a = x.as(DType::f64);
  const Index n = a.dim(0), k = a.dim(1);
  for (Index j = 0; j < k; ++j) {
    Mode& m = modes[static_cast<std::size_t>(j)];
    double low = INFINITY, high = -INFINITY;
    for (Index i = 0; i < n; ++i) {
      const double v = a.data<double>()[i * k + j];
      require(std::isfinite(v), "[fit] row ", i, ": ", m.name, " is ", v, "; coordinates must be finite");
      low = std::min(low, v), high = std::max(high, v);
    }
    require(low < high, "[fit] ", m.name, " is ", low, " in all of ", n,
            " rows; a mode needs two coordinates at least: leave it out");
    m.shift = 0, m.scale = 1;
    if (m.kind == ModeKind::continuous) {
      m.shift = low, m.scale = high - low;
    } else if (m.kind == ModeKind::periodic) {
      require(m.period > 0 && std::isfinite(m.period), "[fit] the period of ", m.name, " is ", m.period,
              "; expected a positive number");
      m.scale = m.period;
    }
  }
}

// The log density that a warp adds to that of the standardised values.
double log_jacobian(const Array& y, const Targets& t) {
  const Array values = y.as(DType::f64);
  const Index m = static_cast<Index>(t.scale.size());
  double sum = 0;
  for (Index i = 0; i < values.size(); ++i) {
    const double v = values.data<double>()[i];
    const auto g = static_cast<std::size_t>(i % m);
    if (!std::isnan(v)) sum += (t.warp.empty() ? 0 : t.warp[g].log_slope(v)) - std::log(t.scale[g]);
  }
  return sum;
}

// Ours, on the linear scale of the targets or on the one proposed: whichever has the greater bound.
Fit learned(const Array& x, const Array& y, const std::vector<Mode>& modes, const FitOptions& options,
            const std::vector<std::string>& outputs, const std::vector<Warp>& scales, Variational& state) {
  std::vector<std::vector<Warp>> warps;
  Fit out;
  if (options.scale != Scale::log) warps.push_back({});
  if (options.scale != Scale::linear) {
    out.scales = scales.empty() ? propose_warps(x, y, modes, options) : scales;
    const bool any =
        std::any_of(out.scales.begin(), out.scales.end(), [](const Warp& w) { return w.side != 0; });
    if (any || warps.empty()) warps.push_back(out.scales);
  }
  struct Way {
    Targets targets;
    Prepared data;
    FitOptions options;
    std::unique_ptr<Fitter> fitter;
    Variational state;
    double bound = 0;
  };
  std::vector<Way> ways(warps.size());
  for (std::size_t which = 0; which < ways.size(); ++which) {
    Way& way = ways[which];
    way.targets = standardised(y, warps[which]);
    way.data =
        which ? Builder::prepare(ways[0].data, y, way.targets) : Builder::prepare(modes, x, y, way.targets);
  }
  parallel_for(static_cast<Index>(ways.size()), 1, [&](Index which, Index) {
    Way& way = ways[static_cast<std::size_t>(which)];
    way.options = options;
    if (static_cast<std::size_t>(which) + 1 < ways.size()) way.options.progress = {};  // one tells of itself
    way.fitter =
        std::make_unique<Fitter>(way.data, modes, way.options, static_cast<Index>(way.targets.scale.size()));
    way.state = way.fitter->build();
    way.bound = way.state.elbo() + log_jacobian(y, way.targets);
    way.state.rest();
  });
  Way& best = *std::max_element(ways.begin(), ways.end(),
                                [](const Way& a, const Way& b) { return a.bound < b.bound; });
  for (Way& way : ways)
    if (&way != &best) way.fitter.reset(), way.state = Variational(), way.data = Prepared();
  best.state.wake();
  best.options.progress = options.progress;
  best.fitter->finish(best.state);
  out.elbo = std::move(best.fitter->elbo);
  out.sweeps = best.fitter->sweeps, out.converged = best.fitter->converged;
  out.model = Builder::model(best.state, modes, outputs, best.targets);
  state = std::move(best.state);
  return out;
}

}  // namespace

Fit fit(const Array& x, const Array& y, std::vector<Mode> modes, const FitOptions& options,
        std::vector<std::string> outputs) {
  return fit_with(x, y, std::move(modes), options, std::move(outputs), {});
}

Fit fit_with(const Array& x, const Array& y, std::vector<Mode> modes, const FitOptions& options,
             std::vector<std::string> outputs, const std::vector<Warp>& scales) {
  config::validate("fit", options);
  require(x.ndim() == 2 && x.dim(1) >= 1 && x.dim(1) <= 30, "[fit] coordinates of shape ", x.shape(),
          "; expected (N, modes), 1 to 30 modes");
  const Index n = x.dim(0), k = x.dim(1);
  require((y.ndim() == 1 || y.ndim() == 2) && y.dim(0) == n, "[fit] values of shape ", y.shape(), " at ", n,
          " points; expected (", n, ") or (", n, ", outputs)");
  const Index m = y.ndim() == 2 ? y.dim(1) : 1;
  require(m >= 1 && m <= 64, "[fit] ", m, " outputs; expected 1 to 64");
  if (modes.empty())
    for (Index j = 0; j < k; ++j) modes.push_back({text("x", j + 1), ModeKind::continuous, 0, "", {}, 0, 1});
  require(static_cast<Index>(modes.size()) == k, "[fit] ", modes.size(), " modes for ", k, " columns");
  if (outputs.empty())
    for (Index j = 0; j < m; ++j) outputs.push_back(m > 1 ? text("y", j + 1) : "y");
  require(static_cast<Index>(outputs.size()) == m, "[fit] ", outputs.size(), " names for ", m, " outputs");
  require(n >= 2, "[fit] ", n, n == 1 ? " observation" : " observations", "; a fit needs two at least");
  scale_modes(modes, x);

  const Array values = y.as(DType::f64);
  for (Index j = 0; j < m; ++j) {
    Index count = 0;
    double largest = 0;
    for (Index i = 0; i < n; ++i) {
      const double v = values.data<double>()[i * m + j];
      if (!std::isnan(v)) largest = std::max(largest, std::abs(v));
      require(!std::isinf(v), "[fit] row ", i, ": ", outputs[static_cast<std::size_t>(j)], " is ", v,
              "; expected a number, or NaN where it is missing");
      count += std::isnan(v) ? 0 : 1;
    }
    require(count >= 2, "[fit] ", outputs[static_cast<std::size_t>(j)], " has ", count,
            count == 1 ? " value" : " values", "; a fit needs two at least");
    require_squares("fit", outputs[static_cast<std::size_t>(j)] + " has values of size", largest);
  }

  Fit result;
  Variational state;
  if (options.method == Method::funbat) {
    const Targets targets = standardised(y, {});
    result = published_tucker(Builder::prepare(modes, x, y, targets), modes, options, outputs, targets);
  } else if (options.method == Method::funbat_cp) {
    const Targets targets = standardised(y, {});
    result = published_cp(Builder::prepare(modes, x, y, targets), modes, options, state);
    result.model = Builder::model(state, modes, outputs, targets);
  } else {
    result = learned(x, y, modes, options, outputs, scales, state);
  }
  result.stopped = options.stop && *options.stop;
  if (result.stopped) result.converged = false;
  if (!result.converged)
    result.message =
        result.stopped ? "stopped" : text("the bound still rises after ", result.sweeps, " sweeps");
  result.rank = result.model.rank();
  if (options.method != Method::funbat && (options.calibrate || options.conformal) && !result.stopped &&
      state.size() >= 20) {
    std::vector<int> order(static_cast<std::size_t>(state.modes()));
    std::iota(order.begin(), order.end(), 0);
    // quantiles are of one output; several have the intervals of the noise
    Builder::calibrate(result.model, state, order, options.seed, options.conformal && m == 1);
  }
  return result;
}

Model update(const Model& model, const Array& x, const Array& y, int sweeps) {
  require(model.modes() > 0, "[update] there is no model");
  require(!model.has_core(), "[update] a model with a core is not updated; fit it again");
  const Index m = static_cast<Index>(model.outputs().size());
  require(x.ndim() == 2 && x.dim(1) == model.modes(), "[update] coordinates of shape ", x.shape(),
          "; expected (N, ", model.modes(), ")");
  require(y.size() == x.dim(0) * m && y.dim(0) == x.dim(0), "[update] values of shape ", y.shape(), " at ",
          x.dim(0), " points");
  require(sweeps >= 1, "[update] ", sweeps, " sweeps; expected at least 1");
  const Prepared data = Builder::prepare(Builder::modes(model), x, y, Builder::targets(model));
  if (data.entries->size() == 0) return model;
  Variational state = Builder::resume(model, data);
  std::vector<int> order(static_cast<std::size_t>(state.modes()));
  std::iota(order.begin(), order.end(), 0);
  double before = -INFINITY;
  for (int s = 0; s < sweeps; ++s) {
    const double value = state.sweep(order);
    if (value - before <= 1e-7 * static_cast<double>(state.size())) break;
    before = value;
  }
  return Builder::updated(model, state);
}

}  // namespace cartan::functional
