#pragma once
// Mean-field inference of a sum of products of latent functions: q = prod_k q(u^k) prod_n q(omega_n) q(tau).
//
//   y_n = offset + sum_a prod_{k active in a} u_a^k(x_nk) + N(0, 1 / (tau_g omega_n)),   u_a^k ~ GP(kernel),
//   omega_n ~ Gamma(nu/2, nu/2) or 1,   tau_g ~ Gamma(a0, b0) for each group g of observations (an output).
//
// All functions of one mode are one block: their posterior is exact given the others (Chain). Each update is
// the best q of its block, kernel parameters go uphill in the evidence of a block, so the lower bound never
// falls.

#include <memory>
#include <string>
#include <vector>

#include "functional/chain.hpp"
#include "functional/entries.hpp"

namespace cartan::functional {

/// A product of functions of some modes. A main effect of one of several outputs is one for that output
/// alone.
struct Component {
  std::vector<bool> active;  // of every mode
  int output = -1;           // the category of the last mode outside of which it is zero
};

struct VariationalOptions {
  bool student = false;  // omega
  bool learn = true;     // kernel parameters, nu and the offset
  double damping = 0;    // of messages: new = damping * old + (1 - damping) * message
  double noise_damping = 0;
  double prior_shape = 1e-2, prior_rate = 1e-2;  // of tau
};

/// What was learned from earlier data, which is a prior now: messages of a mode, an output's noise.
struct Base {
  std::vector<double> precision, shift;
};

class Variational {
 public:
  struct Mode {
    std::vector<double> coordinates;
    std::vector<int> active;               // components
    std::vector<Kernel> kernels;           // of these
    std::vector<double> mean, covariance;  // (n, c), (n, c, c)
    std::vector<double> precision, shift;  // messages of the data
    std::vector<double> base_precision, base_shift;
    double base_evidence = 0, evidence = 0, divergence = 0;
    std::vector<double> step, slope;  // of the learning, by log parameter
    std::vector<Kernel> proposal;     // of the next update; empty: none
    Chain chain;
  };

  Variational() = default;
  /// Functions with mean and variance zero, but for means that set_function() gives before the first update.
  /// @param kernels  [mode][component], read where the component is active
  /// @param group    of every observation; empty: one group
  Variational(std::shared_ptr<const Entries> entries, std::vector<std::vector<double>> coordinates,
              std::vector<Component> components, const std::vector<std::vector<Kernel>>& kernels,
              std::vector<std::int32_t> group, const VariationalOptions& options);

  const std::vector<Component>& components() const { return components_; }
  const Mode& mode(int k) const { return modes_[static_cast<std::size_t>(k)]; }
  int modes() const { return static_cast<int>(modes_.size()); }
  Index size() const { return entries_->size(); }
  /// Mean and variance of function `component` of a mode, before updates.
  void set_function(int mode, int component, const std::vector<double>& mean, double variance);
  void set_base(int mode, Base base);
  /// The same, but functions stay what they are.
  void set_prior(int mode, Base base);
  /// Shape and rate to begin with: those of earlier data.
  void set_noise(std::vector<double> shape, std::vector<double> rate, double nu, double offset);

  void update(int mode);
  void update_noise();
  /// Every mode, in this order, then the noise. Returns elbo().
  double sweep(const std::vector<int>& order);
  double elbo() const { return elbo_; }
  /// Gives back what can be made again from the rest, while other states are tried; between rest() and wake()
  /// only with(), without(), elbo() and what was found may be asked for.
  void rest();
  void wake();

  /// What the model without some observations says of them: these are left out for `sweeps` sweeps without
  /// learning, on a copy. Mean and variance of f for those of which `mask` is not zero, the others as they
  /// come.
  void left_out(const std::vector<char>& mask, int sweeps, const std::vector<int>& order, double* mean,
                double* variance) const;
  const Entries& entries() const { return *entries_; }
  int group(Index e) const { return group_.empty() ? 0 : group_[static_cast<std::size_t>(e)]; }

  /// The same without a component, or with new ones.
  Variational without(int component) const;
  Variational with(const std::vector<Component>& more, const std::vector<std::vector<Kernel>>& kernels) const;

  /// E of the square of a component's term over the observations, about: the product of the modes' means.
  double power(int component) const;
  double precision(int group = 0) const {
    return shape_[static_cast<std::size_t>(group)] / rate_[static_cast<std::size_t>(group)];
  }
  const std::vector<double>& shape() const { return shape_; }
  const std::vector<double>& rate() const { return rate_; }
  double nu() const { return nu_; }
  double offset() const { return offset_; }
  int groups() const { return static_cast<int>(shape_.size()); }
  bool student() const { return options_.student; }
  VariationalOptions& options() { return options_; }
  double fixed(int component, int mode, Index i) const;
  const Moments2& table() const { return table_; }

 private:
  void refresh(int mode);
  void decide(Mode& m, const double* precision, const double* shift);
  static void propose(Mode& m, const std::vector<double>& slope);

  std::shared_ptr<const Entries> entries_;
  std::vector<Component> components_;
  std::vector<Mode> modes_;
  std::vector<std::int32_t> group_;
  VariationalOptions options_;
  Moments2 table_;
  std::vector<double> shape_, rate_, weight_;  // of tau; tau_g omega_n, empty where all are one
  std::vector<double> group_size_;
  double nu_ = 5, offset_ = 0, elbo_ = 0, squares_ = 0, quadratic_ = 0;
};

}  // namespace cartan::functional
