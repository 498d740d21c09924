#include "functional/fitter.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "functional/side_by_side.hpp"

namespace cartan::functional {
namespace {

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

// The tuple of `count` degrees of this number, by rising sum.
std::vector<int> degrees(int count, int number) {
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

}  // namespace

Fitter::Fitter(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& options, Index outputs)
    : data_(data), modes_(modes), o_(options), outputs_(outputs) {
  all_ = static_cast<int>(data.coordinates.size());
  order_.resize(static_cast<std::size_t>(all_));
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](int a, int b) { return data.entries->size(a) > data.entries->size(b); });
}

Component Fitter::component(const std::vector<int>& modes) const {
  Component c;
  c.active.assign(static_cast<std::size_t>(all_), false);
  for (const int k : modes) c.active[static_cast<std::size_t>(k)] = true;
  return c;
}

std::vector<Component> Fitter::main_effects() const {
  std::vector<Component> main;
  for (int k = 0; k < static_cast<int>(modes_.size()); ++k)
    for (Index m = 0; m < (outputs_ > 1 ? outputs_ : 1); ++m) {
      main.push_back(component({k}));
      if (outputs_ > 1) main.back().output = static_cast<int>(m);
    }
  return main;
}

std::vector<std::vector<Kernel>> Fitter::kernels(const std::vector<Component>& components, bool main) const {
  std::vector<std::vector<Kernel>> out(static_cast<std::size_t>(all_));
  for (int k = 0; k < all_; ++k)
    for (std::size_t a = 0; a < components.size(); ++a)
      out[static_cast<std::size_t>(k)].push_back(
          k < static_cast<int>(modes_.size()) ? kernel_of(modes_[static_cast<std::size_t>(k)], o_, main)
                                              : Kernel::independent(1));
  return out;
}

Variational Fitter::state_of(const std::vector<Component>& components, bool main) const {
  VariationalOptions v;
  v.student = o_.noise == Noise::student;
  return {data_.entries, data_.coordinates, components, kernels(components, main), data_.group, v};
}

Variational Fitter::main(int most) {
  Variational state = state_of(main_effects(), true);
  for (int s = 0; s < most && !stop(); ++s) state.sweep(order_);
  return state;
}

Variational Fitter::build() {
  const std::vector<Component> main = o_.main_effects ? main_effects() : std::vector<Component>{};
  std::vector<Component> products;
  if (modes_.size() > 1) {
    for (int a = 0; a < static_cast<int>(modes_.size()) && modes_.size() > 2; ++a)
      for (int b = a + 1; b < static_cast<int>(modes_.size()); ++b)
        for (Index r = 0; r < o_.pair_rank; ++r)
          products.push_back(
              component(outputs_ > 1 ? std::vector<int>{a, b, all_ - 1} : std::vector<int>{a, b}));
  }
  for (Index r = 0; r < o_.rank && all_ > 1; ++r) products.push_back(component(order_));
  require(!main.empty() || !products.empty(), "[fit] a model of rank 0 without main effects has no terms");
  Variational state;
  if (!main.empty()) {
    state = state_of(main, true);
    climb(state, std::min(o_.max_sweeps, first_sweeps), products.empty() ? o_.tolerance : 1e-4);
  }
  for (const Component& c : products)
    if (!stop()) grow(state, c);
  return state;
}

void Fitter::finish(Variational& state) {
  const auto& all = state.components();
  const auto main = std::count_if(all.begin(), all.end(), [](const Component& c) {
    return std::count(c.active.begin(), c.active.end(), true) == 1;
  });
  const bool products = static_cast<std::size_t>(main) < all.size();
  if (products) {
    climb(state, o_.max_sweeps, o_.tolerance);
  } else if (!converged && o_.max_sweeps > first_sweeps) {
    climb(state, o_.max_sweeps - first_sweeps, o_.tolerance);
  }
  if (o_.prune) prune(state, static_cast<int>(main));
}

// One product more: of a few starts the one of the greatest bound after some sweeps. Factors of a start are
// low-order polynomials of the place of a coordinate among the others, of a degree of its own for each
// mode; the mode with the most coordinates, updated first, then finds what goes with them. Such a start
// cannot fall to zero where there is anything to find. False where no start has a greater bound than what
// there was.
bool Fitter::grow(Variational& state, const Component& product) {
  const bool empty = state.modes() == 0;
  const auto same = empty ? 0
                          : std::count_if(state.components().begin(), state.components().end(),
                                          [&](const Component& c) { return c.active == product.active; });
  if (refused_ == product.active) return false;
  state.rest();
  Variational best;
  Index first = starts;
  std::mutex guard;
  side_by_side(starts, [&](Index trial) {
    if (stop()) return;
    Variational v = empty ? state_of({product}, false) : state.with({product}, kernels({product}, false));
    start(v, static_cast<int>(v.components().size()) - 1,
          static_cast<int>(same) + static_cast<int>(trial) + (o_.main_effects ? 1 : 0));
    for (int s = 0; s < trial_sweeps; ++s) v.sweep(order_);
    const std::lock_guard<std::mutex> lock(guard);  // the greatest bound, of equal ones the first trial
    if (first < starts && (v.elbo() < best.elbo() || (v.elbo() == best.elbo() && first < trial))) return;
    v.rest();
    best = std::move(v), first = trial;
  });
  if (stop() || first == starts) {
    state.wake();
    return false;
  }
  best.wake();
  sweeps += starts * trial_sweeps;
  for (int s = 0; s < grow_sweeps && !stop(); ++s) {
    best.sweep(order_), ++sweeps;
    tell(best);
  }
  if (!empty && o_.prune && !(best.elbo() > state.elbo())) {
    refused_ = product.active;
    best = Variational();
    state.wake();
    return false;
  }
  state = std::move(best);
  elbo.push_back(state.elbo());
  return true;
}

void Fitter::start(Variational& state, int component, int number) const {
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
void Fitter::climb(Variational& state, int most, double tolerance) {
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
void Fitter::tell(const Variational& state) const {
  if (!o_.progress) return;
  char words[120];
  std::snprintf(words, sizeof words, "bound %.6g, noise %.3g, %d terms", state.elbo(),
                1 / std::sqrt(state.precision()), static_cast<int>(state.components().size()));
  o_.progress({sweeps, 0, words});
}

// The state without a product after some sweeps, and whether its bound is not lower.
bool Fitter::dispensable(const Variational& state, int component, Variational& trial) const {
  trial = state.without(component);
  const double floor = state.elbo();
  double value = 0;
  for (int s = 0; s < 12; ++s) {
    const double last = value;
    value = trial.sweep(order_);
    if (value >= floor) return true;
    // no hope: at this rate it would not come back
    if (s >= 3 && value + 8 * (value - last) < floor) break;
  }
  return false;
}

// Backward elimination: the first product, by rising power, that is dispensable goes. Often that is the
// first one; of the others as many are tried at a time as there are threads.
void Fitter::prune(Variational& state, int first) {
  const bool done = converged;
  for (bool changed = true; changed && !stop();) {
    changed = false;
    std::vector<int> candidates;
    for (int c = first; c < static_cast<int>(state.components().size()); ++c) candidates.push_back(c);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](int a, int b) { return state.power(a) < state.power(b); });
    for (std::size_t at = 0, some = 1; at < candidates.size() && !changed; at += some) {
      some = at == 0 ? 1 : static_cast<std::size_t>(team());
      if (state.components().size() == 1 || stop()) break;
      std::vector<Variational> trials(std::min(some, candidates.size() - at));
      std::vector<char> goes(trials.size(), 0);
      side_by_side(static_cast<Index>(trials.size()), [&](Index k) {
        const auto t = static_cast<std::size_t>(k);
        goes[t] = dispensable(state, candidates[at + t], trials[t]);
      });
      const auto found = std::find(goes.begin(), goes.end(), 1);
      if (found == goes.end()) continue;
      state = std::move(trials[static_cast<std::size_t>(found - goes.begin())]);
      changed = true;
    }
    if (changed) climb(state, std::max(20, o_.max_sweeps / 4), o_.tolerance);
  }
  converged = done;
}

}  // namespace cartan::functional
