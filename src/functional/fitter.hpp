#pragma once
// The course of a fit: main effects, products one at a time, what goes again.

#include <string>
#include <vector>

#include "functional/builder.hpp"

namespace cartan::functional {

class Fitter {
 public:
  Fitter(const Prepared& data, const std::vector<Mode>& modes, const FitOptions& options, Index outputs);

  /// Main effects and products, each found in few sweeps.
  Variational build();
  /// To convergence, and terms that are not needed go.
  void finish(Variational& state);
  /// The main effects alone after a few sweeps.
  Variational main(int sweeps);

  std::vector<double> elbo;
  int sweeps = 0;
  bool converged = false;

 private:
  bool stop() const { return o_.stop && *o_.stop; }
  Component component(const std::vector<int>& modes) const;
  std::vector<Component> main_effects() const;
  std::vector<std::vector<Kernel>> kernels(const std::vector<Component>& components, bool main) const;
  Variational state_of(const std::vector<Component>& components, bool main) const;
  bool grow(Variational& state, const Component& product);
  void start(Variational& state, int component, int number) const;
  void climb(Variational& state, int most, double tolerance);
  void tell(const Variational& state) const;
  bool dispensable(const Variational& state, int component, Variational& trial) const;
  void prune(Variational& state, int first);

  static constexpr int first_sweeps = 40, starts = 3, trial_sweeps = 5, grow_sweeps = 10;
  std::vector<bool> refused_;
  const Prepared& data_;
  const std::vector<Mode>& modes_;
  const FitOptions& o_;
  Index outputs_;
  int all_ = 0;
  std::vector<int> order_;
};

/// For every output the scale on which main effects alone have the greatest bound: the values, or logarithms
/// above a floor or below a ceiling. No logarithms where many values are the least one, or where predictions
/// of data kept back have larger errors. Rows without a value are left out, at most 20000 rows are looked at.
std::vector<Warp> propose_warps(const Array& x, const Array& y, const std::vector<Mode>& modes,
                                const FitOptions& options);

/// fit() where the logarithms to try are known; empty: sought.
Fit fit_with(const Array& x, const Array& y, std::vector<Mode> modes, const FitOptions& options,
             std::vector<std::string> outputs, const std::vector<Warp>& scales);

}  // namespace cartan::functional
