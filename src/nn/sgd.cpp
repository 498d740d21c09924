#include "cartan/nn/sgd.hpp"

#include "nn/updates.hpp"

namespace cartan::nn {
void describe(config::Fields& f, SgdOptions& o) {
  f("momentum", o.momentum, "part of the last step's direction that is kept").from(0).below(1);
  f("nesterov", o.nesterov, "look ahead along the momentum");
  f("weight_decay", o.weight_decay, "part of a weight that a step takes away, times the learning rate")
      .from(0);
}

Sgd::Sgd(const ParameterRefs& parameters, const SgdOptions& options, const ParameterGroups& groups)
    : Optimizer(SgdOptions::kind, "Sgd", parameters, groups), options_(options) {
  config::validate("Sgd", options);
  add_state("momentum");
}

void Sgd::update(const Step& step) {
  std::vector<Array*> written;
  for (const auto& p : step.parameters) written.push_back(p.value);
  for (Array& m : state(0)) written.push_back(&m);
  SgdUpdate update;
  update.scale = step.gradient_scale;
  update.momentum = options_.momentum;
  update.nesterov = options_.nesterov;
  for (std::size_t k = 0; k < step.gradients.size(); ++k) {
    const double rate = step.learning_rate * rate_factor(k);
    update.tensors.push_back({rate, 1 - rate * weight_decay(k, options_.weight_decay)});
  }
  apply(update, written, step.gradients);
}

std::unique_ptr<Optimizer> make_optimizer(const SgdOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::make_unique<Sgd>(parameters, options, groups);
}

}  // namespace cartan::nn
