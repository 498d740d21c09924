#include <cmath>

#include "cartan/nn/adamw.hpp"
#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

template <class T>
struct Factors {
  T scale, beta1, beta2, keep, rate, bias2, eps;  // bias2 = sqrt(1 - b2^t), rate = l/(1 - b1^t)
};

// One pass; `largest` is read and written with amsgrad alone.
template <class T, bool amsgrad>
void advance(const Factors<T>& f, const T* __restrict g, T* __restrict p, T* __restrict m, T* __restrict v,
             T* __restrict largest, Index n) {
  for (Index i = 0; i < n; ++i) {
    const T gi = g[i] * f.scale;
    const T mi = m[i] + (1 - f.beta1) * (gi - m[i]);
    const T vi = f.beta2 * v[i] + (1 - f.beta2) * (gi * gi);
    m[i] = mi;
    v[i] = vi;
    T u = vi;
    if constexpr (amsgrad) {
      u = largest[i] < vi ? vi : largest[i];
      largest[i] = u;
    }
    p[i] = f.keep * p[i] - f.rate * (mi / (std::sqrt(u) / f.bias2 + f.eps));
  }
}

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
  const Arrays& gradients = step.gradients;
  Arrays none;
  const auto m = writable(state(first)), v = writable(state(second)),
             u = writable(options_.amsgrad ? state(largest) : none);
  std::vector<void*> p;
  for (const auto& parameter : step.parameters) p.push_back(parameter.value->mutable_raw());
  const double t = static_cast<double>(step.number);
  const double bias1 = 1 - std::pow(options_.beta1, t), bias2 = std::sqrt(1 - std::pow(options_.beta2, t));
  const auto chunks = chunks_of(gradients);
  for_chunks(chunks, [&](std::size_t, const Chunk& c) {
    const std::size_t k = c.tensor;
    const double learning_rate = step.learning_rate * rate_factor(k);
    const bool decayed = options_.decay_vectors || gradients[k].ndim() >= 2;
    const double keep = decayed ? 1 - learning_rate * weight_decay(k, options_.weight_decay) : 1.0;
    auto run = [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      const Factors<T> f{to(step.gradient_scale),   to(options_.beta1), to(options_.beta2), to(keep),
                         to(learning_rate / bias1), to(bias2),          to(options_.eps)};
      auto at = [&](void* base) { return static_cast<T*>(base) + c.begin; };
      const T* g = static_cast<const T*>(gradients[k].raw()) + c.begin;
      if (options_.amsgrad)
        advance<T, true>(f, g, at(p[k]), at(m[k]), at(v[k]), at(u[k]), c.end - c.begin);
      else
        advance<T, false>(f, g, at(p[k]), at(m[k]), at(v[k]), nullptr, c.end - c.begin);
    };
    is_double(gradients[k]) ? run(double{}) : run(float{});
  });
}

std::unique_ptr<Optimizer> make_optimizer(const AdamWOptions& options, const ParameterRefs& parameters,
                                          const ParameterGroups& groups) {
  return std::make_unique<AdamW>(parameters, options, groups);
}

}  // namespace cartan::nn
