#include "cartan/functional/fit.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "functional/builder.hpp"
#include "functional/tucker.hpp"

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

// A kernel within the scaled coordinates. Words without numbers leave length and variance to the fit.
Kernel kernel_of(const Mode& m, const FitOptions& o, bool main) {
  const double length = main ? 0.1 : 0.3, variance = main ? 0.5 : 1;
  if (m.kind == ModeKind::categorical) return Kernel::independent(variance);
  if (m.kernel.empty() && m.kind == ModeKind::periodic) return Kernel::periodic(1, 1, variance, 4);
  const std::string& words = m.kernel.empty() ? o.kernel : m.kernel;
  const Kernel k = Kernel::parse(words);
  if (words.find('(') != std::string::npos) return k.rescaled(m.shift, m.scale);
  std::vector<double> p = k.parameters();
  const std::vector<std::string> names = k.parameter_names();
  for (std::size_t j = 0; j < p.size(); ++j)
    p[j] = names[j].find("length") != std::string::npos     ? length
           : names[j].find("variance") != std::string::npos ? variance
                                                            : 1;
  return k.with(p);
}

class Fitter {
 public:
  Fitter(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& options, Index outputs)
      : data_(data), modes_(modes), o_(options), outputs_(outputs) {
    all_ = static_cast<int>(data.coordinates.size());
    order_.resize(static_cast<std::size_t>(all_));
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](int a, int b) { return data.entries->size(a) > data.entries->size(b); });
  }

  Variational run() {
    VariationalOptions v;
    v.student = o_.noise == Noise::student;
    std::vector<Component> main;
    for (int k = 0; k < static_cast<int>(modes_.size()) && o_.main_effects; ++k)
      for (Index m = 0; m < (outputs_ > 1 ? outputs_ : 1); ++m) {
        Component c;
        c.active.assign(static_cast<std::size_t>(all_), false);
        c.active[static_cast<std::size_t>(k)] = true;
        if (outputs_ > 1) c.output = static_cast<int>(m);
        main.push_back(c);
      }
    std::vector<Component> products;
    const auto add = [&](const std::vector<int>& modes, Index rank) {
      for (Index r = 0; r < rank; ++r) {
        Component c;
        c.active.assign(static_cast<std::size_t>(all_), false);
        for (const int k : modes) c.active[static_cast<std::size_t>(k)] = true;
        products.push_back(c);
      }
    };
    if (modes_.size() > 1) {
      for (int a = 0; a < static_cast<int>(modes_.size()) && modes_.size() > 2; ++a)
        for (int b = a + 1; b < static_cast<int>(modes_.size()); ++b)
          add(outputs_ > 1 ? std::vector<int>{a, b, all_ - 1} : std::vector<int>{a, b}, o_.pair_rank);
    }
    if (all_ > 1) add(order_, o_.rank);
    require(!main.empty() || !products.empty(), "[fit] a model of rank 0 without main effects has no terms");
    Variational state;
    if (!main.empty()) {
      state = Variational(data_.entries, data_.coordinates, main, kernels(main, true), data_.group, v);
      climb(state, products.empty() ? o_.max_sweeps : std::min(o_.max_sweeps, 40),
            products.empty() ? o_.tolerance : 1e-4);
    }
    for (const Component& c : products) {
      if (stop() || !grow(state, c, v)) continue;
    }
    if (!products.empty()) climb(state, o_.max_sweeps, o_.tolerance);
    if (o_.prune) prune(state, static_cast<int>(main.size()));
    return state;
  }

  std::vector<double> elbo;
  int sweeps = 0;
  bool converged = false;
  bool stop() const { return o_.stop && *o_.stop; }

 private:
  std::vector<std::vector<Kernel>> kernels(const std::vector<Component>& components, bool main) const {
    std::vector<std::vector<Kernel>> out(static_cast<std::size_t>(all_));
    for (int k = 0; k < all_; ++k)
      for (std::size_t a = 0; a < components.size(); ++a)
        out[static_cast<std::size_t>(k)].push_back(
            k < static_cast<int>(modes_.size()) ? kernel_of(modes_[static_cast<std::size_t>(k)], o_, main)
                                                : Kernel::independent(1));
    return out;
  }

  // One product more: of a few starts the one of the greatest bound after some sweeps. Factors of a start are
  // low-order polynomials of the place of a coordinate among the others, of a degree of its own for each
  // mode; the mode with the most coordinates, updated first, then finds what goes with them. Such a start
  // cannot fall to zero where there is anything to find. False where no start has a greater bound than what
  // there was.
  bool grow(Variational& state, const Component& product, const VariationalOptions& options) {
    const bool empty = state.modes() == 0;
    const auto same = empty ? 0
                            : std::count_if(state.components().begin(), state.components().end(),
                                            [&](const Component& c) { return c.active == product.active; });
    if (refused_ == product.active) return false;
    Variational best;
    for (int trial = 0; trial < starts && !stop(); ++trial) {
      Variational v = empty ? Variational(data_.entries, data_.coordinates, {product},
                                          kernels({product}, false), data_.group, options)
                            : state.with({product}, kernels({product}, false));
      start(v, static_cast<int>(v.components().size()) - 1,
            static_cast<int>(same) + trial + (o_.main_effects ? 1 : 0));
      for (int s = 0; s < trial_sweeps; ++s) v.sweep(order_), ++sweeps;
      if (best.modes() == 0 || v.elbo() > best.elbo()) best = std::move(v);
    }
    if (best.modes() == 0) return false;
    for (int s = 0; s < grow_sweeps && !stop(); ++s) {
      best.sweep(order_), ++sweeps;
      tell(best);
    }
    if (!empty && o_.prune && !(best.elbo() > state.elbo())) {
      refused_ = product.active;
      return false;
    }
    state = std::move(best);
    elbo.push_back(state.elbo());
    return true;
  }
  void start(Variational& state, int component, int number) const {
    const Component& c = state.components()[static_cast<std::size_t>(component)];
    std::vector<int> active;
    for (const int k : order_)
      if (c.active[static_cast<std::size_t>(k)]) active.push_back(k);
    const std::vector<int> degree = degrees(static_cast<int>(active.size()) - 1, number);
    for (std::size_t j = 1; j < active.size(); ++j) {
      const int k = active[j];
      const Random random(o_.seed, static_cast<std::uint64_t>(1000 + 64 * number + k));
      const auto n = static_cast<std::size_t>(data_.entries->size(k));
      const bool category = k >= static_cast<int>(modes_.size()) ||
                            modes_[static_cast<std::size_t>(k)].kind == ModeKind::categorical;
      std::vector<double> values(n);
      double square = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double t = n > 1 ? 2 * static_cast<double>(i) / static_cast<double>(n - 1) - 1 : 0;
        values[i] = (category ? random.normal(100000 + i) : std::cos(degree[j - 1] * std::acos(t))) +
                    0.1 * random.normal(i);
        square += values[i] * values[i];
      }
      for (double& x : values) x /= std::sqrt(square / static_cast<double>(n)) + 1e-12;
      state.set_function(k, component, values, 0.05);
    }
  }
  // The tuple of `count` degrees of this number, by rising sum.
  static std::vector<int> degrees(int count, int number) {
    std::vector<int> d(static_cast<std::size_t>(std::max(count, 0)), 0);
    if (count <= 0) return d;
    for (int total = 0;; ++total) {
      std::vector<int> t(static_cast<std::size_t>(count), 0);
      t[0] = total;
      while (true) {
        if (number-- == 0) return t;
        // next composition of `total`
        int last = count - 1;
        const int tail = t[static_cast<std::size_t>(last)];
        int k = last - 1;
        while (k >= 0 && t[static_cast<std::size_t>(k)] == 0) --k;
        if (k < 0) break;
        t[static_cast<std::size_t>(last)] = 0;
        --t[static_cast<std::size_t>(k)];
        t[static_cast<std::size_t>(k + 1)] = tail + 1;
      }
    }
  }

  void climb(Variational& state, int most, double tolerance) {
    const double n = static_cast<double>(state.size());
    double before = -INFINITY;
    int small = 0;
    converged = false;
    for (int s = 0; s < most && !stop(); ++s) {
      const double value = state.sweep(order_);
      elbo.push_back(value);
      ++sweeps;
      tell(state);
      small = value - before <= tolerance * n ? small + 1 : 0;
      before = value;
      if (small >= 3) {
        converged = true;
        return;
      }
    }
  }
  void tell(const Variational& state) const {
    if (!o_.progress) return;
    char words[120];
    std::snprintf(words, sizeof words, "bound %.6g, noise %.3g, %d terms", state.elbo(),
                  1 / std::sqrt(state.precision()), static_cast<int>(state.components().size()));
    o_.progress({sweeps, 0, words});
  }

  // Backward elimination: a product goes where, after some sweeps without it, the bound is not lower.
  void prune(Variational& state, int first) {
    const bool done = converged;
    for (bool changed = true; changed && !stop();) {
      changed = false;
      std::vector<int> candidates;
      for (int c = first; c < static_cast<int>(state.components().size()); ++c) candidates.push_back(c);
      std::stable_sort(candidates.begin(), candidates.end(),
                       [&](int a, int b) { return state.power(a) < state.power(b); });
      for (const int c : candidates) {
        if (state.components().size() == 1 || stop()) break;
        Variational trial = state.without(c);
        double value = 0;
        const double floor = state.elbo();
        for (int s = 0; s < 12; ++s) {
          const double last = value;
          value = trial.sweep(order_);
          if (value >= floor) break;
          // no hope: at this rate it would not come back
          if (s >= 3 && value + 8 * (value - last) < floor) break;
        }
        if (value < floor) continue;
        state = std::move(trial);
        climb(state, std::max(20, o_.max_sweeps / 4), o_.tolerance);
        changed = true;
        break;
      }
    }
    converged = done;
  }

  static constexpr int starts = 3, trial_sweeps = 5, grow_sweeps = 10;
  std::vector<bool> refused_;
  const Prepared& data_;
  const std::vector<Mode>& modes_;
  const FitOptions& o_;
  Index outputs_;
  int all_ = 0;
  std::vector<int> order_;
};

// FunBaT in CP format (S. Fang, X. Yu, Z. Wang, S. Li, M. Kirby, S. Zhe, Functional Bayesian Tucker
// decomposition for continuous-indexed tensor data, ICLR 2024): fixed Matern kernels of nu = 1/2, damped
// messages, Gamma(1, 1) noise, random start.
Fit published_cp(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& o,
                 Variational& state) {
  require(o.rank >= 1, "[fit] funbat_cp of rank ", o.rank, "; expected at least 1");
  const auto all = data.coordinates.size();
  std::vector<Component> components(static_cast<std::size_t>(o.rank));
  for (Component& c : components) c.active.assign(all, true);
  std::vector<std::vector<Kernel>> kernels(all);
  for (std::size_t k = 0; k < all; ++k)
    kernels[k].assign(components.size(), k < modes.size() && modes[k].kind != ModeKind::categorical
                                             ? Kernel::matern(0.5, o.length, o.variance)
                                             : Kernel::independent(o.variance));
  VariationalOptions v;
  v.learn = false, v.damping = o.damping, v.noise_damping = o.noise_damping;
  v.prior_shape = v.prior_rate = 1;
  state = Variational(data.entries, data.coordinates, components, kernels, data.group, v);
  for (std::size_t k = 0; k < all; ++k)
    for (std::size_t r = 0; r < components.size(); ++r) {
      const Random random(o.seed, 64 * r + k);
      std::vector<double> values(data.coordinates[k].size());
      // one draw for all coordinates: draws for each would mean out over a coordinate's observations
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = random.normal(0) + 0.1 * random.normal(i + 1);
      state.set_function(static_cast<int>(k), static_cast<int>(r), values, 1);
    }
  for (std::size_t k = 0; k < all && o.site_prior > 0; ++k) {
    const std::size_t n = data.coordinates[k].size(), c = components.size();
    Base base{std::vector<double>(n * c * c, 0.0), std::vector<double>(n * c, 0.0)};
    for (std::size_t i = 0; i < n * c; ++i) base.precision[i * c + i % c] = o.site_prior;
    state.set_prior(static_cast<int>(k), std::move(base));
  }
  state.options().damping = 0;  // there are no messages yet
  std::vector<int> order(all);
  std::iota(order.begin(), order.end(), 0);
  Fit out;
  for (int e = 0; e < o.epochs && !(o.stop && *o.stop); ++e) {
    out.elbo.push_back(state.sweep(order));
    state.options().damping = o.damping;
    ++out.sweeps;
    if (o.progress) o.progress({e + 1, o.epochs, text("bound ", out.elbo.back())});
  }
  out.converged = true;
  return out;
}

}  // namespace

Fit fit(const Array& x, const Array& y, std::vector<Mode> modes, const FitOptions& options,
        std::vector<std::string> outputs) {
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

  // every output has mean 0 and variance 1 within
  std::vector<double> offset, scale;
  const Array values = y.as(DType::f64);
  for (Index j = 0; j < m; ++j) {
    double count = 0, sum = 0, square = 0;
    for (Index i = 0; i < n; ++i) {
      const double v = values.data<double>()[i * m + j];
      require(!std::isinf(v), "[fit] row ", i, ": ", outputs[static_cast<std::size_t>(j)], " is ", v,
              "; expected a number, or NaN where it is missing");
      if (!std::isnan(v)) count += 1, sum += v;
    }
    require(count >= 2, "[fit] ", outputs[static_cast<std::size_t>(j)], " has ", count,
            count == 1 ? " value" : " values", "; a fit needs two at least");
    for (Index i = 0; i < n; ++i) {
      const double v = values.data<double>()[i * m + j] - sum / count;
      if (!std::isnan(v)) square += v * v;
    }
    offset.push_back(sum / count);
    scale.push_back(square > 0 ? std::sqrt(square / count) : std::max(1e-12, std::abs(sum / count)));
  }

  const Prepared data = Builder::prepare(modes, x, y, offset, scale);
  Fit result;
  Variational state;
  if (options.method == Method::funbat) {
    result = published_tucker(data, modes, options, outputs, offset, scale);
  } else if (options.method == Method::funbat_cp) {
    result = published_cp(data, modes, options, state);
    result.model = Builder::model(state, modes, outputs, offset, scale);
  } else {
    Fitter fitter(data, modes, options, m);
    state = fitter.run();
    result.elbo = std::move(fitter.elbo);
    result.sweeps = fitter.sweeps, result.converged = fitter.converged;
    result.model = Builder::model(state, modes, outputs, offset, scale);
  }
  result.stopped = options.stop && *options.stop;
  if (result.stopped) result.converged = false;
  if (!result.converged)
    result.message =
        result.stopped ? "stopped" : text("the bound still rises after ", result.sweeps, " sweeps");
  result.rank = result.model.rank();
  if (options.method != Method::funbat && (options.calibrate || options.conformal) &&
      data.entries->size() >= 20 && !result.stopped) {
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
  const Prepared data =
      Builder::prepare(Builder::modes(model), x, y, Builder::offset(model), Builder::scale(model));
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
