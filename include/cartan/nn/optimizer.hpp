#pragma once
/// What every optimiser is (the kinds: <cartan/nn/optimizers.hpp>), clipping by global norm, moving averages
/// of the weights. All work in place on arrays that are not tracked, in parallel and with the same bits for
/// any number of threads; a complex element counts as two real ones (for the cotangents of
/// <cartan/autodiff/primitive.hpp>).
///
/// State is saved exactly: loading it and going on gives the same bits as never having stopped.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/nn/layers.hpp>

namespace cartan::nn {

/// Parameters that are trained otherwise than the rest. `names` are patterns of whole names, in which *
/// stands for any characters: "*.bias", "head.*"; a parameter belongs to the first pattern that fits.
struct ParameterGroups {
  std::vector<std::string> names;
  std::vector<double> rates;          ///< factors on the learning rate, one a pattern; none: 1
  std::vector<double> weight_decays;  ///< instead of the optimiser's, one a pattern; none: the optimiser's
};
void describe(config::Fields& f, ParameterGroups& groups);

/// What the groups say of one parameter.
struct ParameterRule {
  double rate = 1;
  std::optional<double> weight_decay;
};
/// One rule a parameter. Throws std::invalid_argument for lists of other lengths than `names`, and for a
/// pattern that fits no parameter.
std::vector<ParameterRule> rules_for(const ParameterRefs& parameters, const ParameterGroups& groups);

/// An optimiser over a fixed list of parameters. A class derived from it names the arrays of its state in the
/// constructor and writes one step; checks, counting, saving and loading are here.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One step.
  /// @param parameters  those of the constructor, in the same order
  /// @param gradients   one for each parameter, of the same shape and type
  /// @param gradient_scale  factor on every gradient (clipping at no cost)
  void step(const ParameterRefs& parameters, const Arrays& gradients, double learning_rate,
            double gradient_scale = 1);
  std::int64_t steps() const { return steps_; }
  virtual std::unique_ptr<Optimizer> clone() const = 0;

  /// The kind, the number of steps, and one group of arrays for each part of the state.
  void save(data::Group& group) const;
  /// Throws FormatError unless the state fits kind and parameters; then nothing has changed.
  void load(const data::Group& group);

 protected:
  /// @param kind   name in run files and checkpoints
  /// @param title  name in errors
  Optimizer(const char* kind, const char* title, const ParameterRefs& parameters,
            const ParameterGroups& groups);
  Optimizer(const Optimizer&) = default;
  Optimizer& operator=(const Optimizer&) = default;

  /// Makes a part of the state: zeros like the parameters, saved under `name`.
  void add_state(const char* name);
  Arrays& state(std::size_t part) { return state_[part]; }

  /// All that a step needs; checked.
  struct Step {
    const ParameterRefs& parameters;
    const Arrays& gradients;
    double learning_rate, gradient_scale;
    std::int64_t number;  ///< from 1
  };
  virtual void update(const Step& step) = 0;

  double rate_factor(std::size_t parameter) const { return rules_[parameter].rate; }
  double weight_decay(std::size_t parameter, double otherwise) const {
    return rules_[parameter].weight_decay.value_or(otherwise);
  }

 private:
  const char* kind_;
  const char* title_;
  std::vector<std::string> names_;
  std::vector<ParameterRule> rules_;
  std::vector<Shape> shapes_;
  std::vector<DType> dtypes_;
  std::vector<Device> devices_;
  std::vector<std::string> state_names_;
  std::vector<Arrays> state_;
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
