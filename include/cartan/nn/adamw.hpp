#pragma once
/// AdamW: steps scaled by the running mean and mean square of the gradient, weight decay apart from both.

#include <cartan/nn/optimizer.hpp>

namespace cartan::nn {

struct AdamWOptions {
  static constexpr const char* kind = "adamw";
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decay_vectors = true;  ///< false: parameters of rank 0 and 1 (biases, norms) are not decayed
  bool amsgrad = true;        ///< torch leaves it off
};
void describe(config::Fields& f, AdamWOptions& options);

/// Loshchilov, Hutter, arXiv:1711.05101, as in torch: with gradient g, step number t and learning rate l
///   p *= 1 - l weight_decay
///   m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2
///   p -= l/(1-b1^t) m / (sqrt(u)/sqrt(1-b2^t) + eps),  u = v, with amsgrad the largest v so far.
/// State is in the parameter's type; one pass over each parameter.
class AdamW final : public Optimizer {
 public:
  AdamW(const ParameterRefs& parameters, const AdamWOptions& options = {},
        const ParameterGroups& groups = {});
  const AdamWOptions& options() const { return options_; }
  std::unique_ptr<Optimizer> clone() const override { return std::make_unique<AdamW>(*this); }

 private:
  void update(const Step& step) override;
  AdamWOptions options_;
};

std::unique_ptr<Optimizer> make_optimizer(const AdamWOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups);

}  // namespace cartan::nn
