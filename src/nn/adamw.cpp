#include "cartan/nn/adamw.hpp"
#include "nn/updates.hpp"

namespace cartan::nn {
namespace {

enum Part : std::size_t { first, second, largest };  // of the state: m, v, largest v

}  // namespace

void describe(config::Fields& f, AdamWOptions& o) {
  f("beta1", o.beta1, "decay of the running mean of the gradient").from(0).below(1);
  f("beta2", o.beta2, "decay of the running mean of its square").from(0).below(1);
  f("eps", o.eps, "added to the root of the mean square").from(0);
  f("weight_decay", o.weight_decay, "part of a weight that a step takes away, times the learning rate")
      .from(0);
  f("decay_vectors", o.decay_vectors, "decay biases and norms too");
  f("amsgrad", o.amsgrad, "divide by the largest mean square so far");
}

AdamW::AdamW(const ParameterRefs& parameters, const AdamWOptions& options, const ParameterGroups& groups)
    : Optimizer(AdamWOptions::kind, "AdamW", parameters, groups), options_(options) {
  config::validate("AdamW", options);
  add_state("first");
  add_state("second");
  if (options.amsgrad) add_state("largest");
}

void AdamW::update(const Step& step) {
  std::vector<Array*> written;
  for (const auto& p : step.parameters) written.push_back(p.value);
  for (const std::size_t part : {first, second, largest})
    if (part != largest || options_.amsgrad)
      for (Array& a : state(part)) written.push_back(&a);
  AdamWUpdate update(options_, options_.amsgrad, step.number, step.gradient_scale);
  for (std::size_t k = 0; k < step.gradients.size(); ++k) {
    const double learning_rate = step.learning_rate * rate_factor(k);
    const bool decayed = options_.decay_vectors || step.gradients[k].ndim() >= 2;
    update.tensors.push_back({learning_rate / update.bias1,
                              decayed ? 1 - learning_rate * weight_decay(k, options_.weight_decay) : 1.0});
  }
  apply(update, written, step.gradients);
}

std::unique_ptr<Optimizer> make_optimizer(const AdamWOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::make_unique<AdamW>(parameters, options, groups);
}

}  // namespace cartan::nn
