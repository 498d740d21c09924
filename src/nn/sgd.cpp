#include "cartan/nn/sgd.hpp"

#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

template <class T>
struct Factors {
  T scale, momentum, keep, rate;
};

template <class T, bool nesterov>
void advance(const Factors<T>& f, const T* __restrict g, T* __restrict p, T* __restrict m, Index n) {
  for (Index i = 0; i < n; ++i) {
    const T gi = g[i] * f.scale;
    const T mi = f.momentum * m[i] + gi;
    m[i] = mi;
    p[i] = f.keep * p[i] - f.rate * (nesterov ? gi + f.momentum * mi : mi);
  }
}

}  // namespace

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
  const Arrays& gradients = step.gradients;
  const auto m = writable(state(0));
  std::vector<void*> p;
  for (const auto& parameter : step.parameters) p.push_back(parameter.value->mutable_raw());
  for_chunks(chunks_of(gradients), [&](std::size_t, const Chunk& c) {
    const std::size_t k = c.tensor;
    const double rate = step.learning_rate * rate_factor(k);
    const double keep = 1 - rate * weight_decay(k, options_.weight_decay);
    auto run = [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      const Factors<T> f{to(step.gradient_scale), to(options_.momentum), to(keep), to(rate)};
      auto at = [&](void* base) { return static_cast<T*>(base) + c.begin; };
      const T* g = static_cast<const T*>(gradients[k].raw()) + c.begin;
      if (options_.nesterov)
        advance<T, true>(f, g, at(p[k]), at(m[k]), c.end - c.begin);
      else
        advance<T, false>(f, g, at(p[k]), at(m[k]), c.end - c.begin);
    };
    is_double(gradients[k]) ? run(double{}) : run(float{});
  });
}

std::unique_ptr<Optimizer> make_optimizer(const SgdOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::make_unique<Sgd>(parameters, options, groups);
}

}  // namespace cartan::nn
