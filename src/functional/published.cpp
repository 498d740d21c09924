#include "functional/published.hpp"

#include <numeric>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"

namespace cartan::functional {

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

}  // namespace cartan::functional
