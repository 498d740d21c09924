#pragma once
/// Optimisers: AdamW, clipping by global norm, moving averages of the weights. All work in place on arrays
/// that are not tracked, in parallel and with the same bits for any number of threads; a complex element
/// counts as two real ones (for the cotangents of <cartan/autodiff/primitive.hpp>).
///
/// State is saved exactly: loading it and going on gives the same bits as never having stopped.

#include <cstdint>

#include <cartan/nn/layers.hpp>

namespace cartan::nn {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decay_vectors = true;  ///< false: parameters of rank 0 and 1 (biases, norms) are not decayed
  bool amsgrad = false;
};

/// Loshchilov, Hutter, arXiv:1711.05101, as in torch: with gradient g, step number t and learning rate l
///   p *= 1 - l weight_decay
///   m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2
///   p -= l/(1-b1^t) m / (sqrt(u)/sqrt(1-b2^t) + eps),  u = v, with amsgrad the largest v so far.
/// State is in the parameter's type.
class AdamW {
 public:
  AdamW() = default;
  AdamW(const ParameterRefs& parameters, const AdamWOptions& options = {});

  /// One step, in one pass over each parameter.
  /// @param parameters  those of the constructor, in the same order
  /// @param gradients   one for each parameter, of the same shape and type
  /// @param gradient_scale  factor on every gradient (clipping at no cost)
  void step(const ParameterRefs& parameters, const Arrays& gradients, double learning_rate,
            double gradient_scale = 1);
  std::int64_t steps() const { return steps_; }
  const AdamWOptions& options() const { return options_; }

  void save(data::Group& group) const;
  void load(const data::Group& group);  ///< throws FormatError unless the state fits the parameters

 private:
  AdamWOptions options_;
  std::vector<std::string> names_;
  Arrays first_, second_, largest_;  // m, v, largest v
  std::int64_t steps_ = 0;
};

/// sqrt of the sum of squares of all elements, in float64. Not finite when an element is not.
double global_norm(const Arrays& arrays);
/// min(1, max_norm/(norm + 1e-6)), as in torch's clip_grad_norm_; 1 when max_norm is 0 (no clipping).
double clip_scale(double norm, double max_norm);
/// Multiplies all arrays by clip_scale(norm, max_norm); returns the norm from before. Arrays that hold
/// something not finite are left alone.
double clip_gradients(Arrays& gradients, double max_norm);

/// Exponential moving average of the weights: e += (1 - d_t) (p - e), d_t = min(decay, (1+t)/(10+t)) after
/// t updates, so that the average follows the fast early changes.
class Ema {
 public:
  Ema() = default;
  Ema(const ParameterRefs& parameters, double decay, bool warm_up = true);  ///< starts from the parameters

  void update(const ParameterRefs& parameters);
  /// Exchanges weights and averages; call it again to change back.
  void swap(const ParameterRefs& parameters);
  std::int64_t updates() const { return updates_; }

  void save(data::Group& group) const;
  void load(const data::Group& group);

 private:
  double decay_ = 0;
  bool warm_up_ = true;
  std::vector<std::string> names_;
  Arrays average_;
  std::int64_t updates_ = 0;
};

}  // namespace cartan::nn
