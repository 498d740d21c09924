#pragma once
/// Fitting functional tensor models to scattered data.

#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/functional/model.hpp>

namespace cartan::functional {

enum class Method {
  additive_cp,  ///< main effects and a sum of products, kernels and rank learned (ours, the default)
  funbat_cp,    ///< as published, below: CP format
  funbat        ///< as published: Tucker format
};
enum class Noise { gaussian, student };
/// On what scale of the target noise is of one size (Warp). `automatic`: whichever has the greater bound.
enum class Scale { automatic, linear, log };

struct FitOptions {
  Method method = Method::additive_cp;
  Index rank = 4;       ///< products of all modes; the largest where `prune`. Of funbat: of every mode
  Index pair_rank = 0;  ///< products of each pair of modes, besides
  bool main_effects = true;
  std::string kernel = "matern32";  ///< of the modes that name none, lengths and variances learned
  Noise noise = Noise::student;
  Scale scale = Scale::automatic;  ///< of the target; published methods: linear
  bool prune = true;               ///< terms go whose absence does not lower the bound
  int max_sweeps = 300;
  double tolerance = 3e-5;  ///< of the bound's change in a sweep, per observation
  bool calibrate = true;    ///< noise of predictions from what each fifth of the data is without it
  bool conformal = true;    ///< and intervals by the quantiles of these residuals (one output)
  std::uint64_t seed = 0;
  /// @name The published algorithm's constants (methods funbat_cp and funbat)
  ///@{
  double length = 0.01;  ///< of the Matern kernel of nu = 1/2, of the range of the data
  double variance = 1;
  double site_prior = 0;  ///< precision of one more normal prior of every number, which the public code has
  double damping = 0.5, noise_damping = 0.5;
  int epochs = 150;
  ///@}
  const StopFlag* stop = nullptr;
  ProgressCallback progress;
};
void describe(config::Fields& f, FitOptions& options);

struct Fit {
  Model model;
  std::vector<double> elbo;  ///< the lower bound after each sweep; never falls, but for the published methods
  int sweeps = 0;
  bool converged = false, stopped = false;
  Index rank = 0;            ///< terms of more than one mode that are left
  std::vector<Warp> scales;  ///< logarithms that were proposed for the targets; empty where none were sought
  std::string message;
};

/// Fits y (N) or (N, M) at x (N, K). NaN in y is a missing value; x must be finite. Rows may repeat, with the
/// same or other values. Throws std::invalid_argument for shapes that do not fit, a mode with one coordinate
/// alone (the message names it), no value at all.
Fit fit(const Array& x, const Array& y, std::vector<Mode> modes, const FitOptions& options = {},
        std::vector<std::string> outputs = {});

/// The model after more data: what it knows is the prior, each observation is seen once (streaming
/// variational Bayes). Kernels, terms and scales stay. Equal to one fit of everything where the model is
/// linear in the functions of one mode; otherwise an approximation.
Model update(const Model& model, const Array& x, const Array& y, int sweeps = 20);

}  // namespace cartan::functional
