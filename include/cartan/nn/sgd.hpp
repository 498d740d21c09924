#pragma once
/// Gradient descent with momentum.

#include <cartan/nn/optimizer.hpp>

namespace cartan::nn {

struct SgdOptions {
  static constexpr const char* kind = "sgd";
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 0;
};
void describe(config::Fields& f, SgdOptions& options);

/// With gradient g and learning rate l, as in torch but for the weight decay, which acts on the weights alone
/// as in AdamW (Loshchilov, Hutter, arXiv:1711.05101):
///   p *= 1 - l weight_decay
///   m = momentum m + g
///   p -= l m,  with nesterov l (g + momentum m) (Sutskever et al., ICML 2013).
/// State is in the parameter's type; one pass over each parameter.
class Sgd final : public Optimizer {
 public:
  Sgd(const ParameterRefs& parameters, const SgdOptions& options = {}, const ParameterGroups& groups = {});
  std::unique_ptr<Optimizer> clone() const override { return std::make_unique<Sgd>(*this); }

 private:
  void update(const Step& step) override;
  SgdOptions options_;
};

std::unique_ptr<Optimizer> make_optimizer(const SgdOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups);

}  // namespace cartan::nn
