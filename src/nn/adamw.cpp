#include <cmath>

#include "cartan/nn/optimizer.hpp"
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

Arrays zeros_like(const ParameterRefs& parameters) {
  Arrays out;
  for (const auto& p : parameters) out.push_back(Array::zeros(p.value->shape(), p.value->dtype()));
  return out;
}

}  // namespace

AdamW::AdamW(const ParameterRefs& parameters, const AdamWOptions& options)
    : options_(options), first_(zeros_like(parameters)), second_(zeros_like(parameters)) {
  require(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1 &&
              options.eps >= 0 && options.weight_decay >= 0,
          "[AdamW] needs 0 <= beta < 1, eps >= 0, weight_decay >= 0; got beta ", options.beta1, " and ",
          options.beta2, ", eps ", options.eps, ", weight_decay ", options.weight_decay);
  for (const auto& p : parameters) {
    require(is_real(p.value->dtype()) || is_complex(p.value->dtype()), "[AdamW] '", p.name, "' is ",
            p.value->dtype());
    names_.push_back(p.name);
  }
  if (options.amsgrad) largest_ = zeros_like(parameters);
}

void AdamW::step(const ParameterRefs& parameters, const Arrays& gradients, double learning_rate,
                 double gradient_scale) {
  require(parameters.size() == first_.size() && gradients.size() == first_.size(), "[AdamW] ",
          parameters.size(), " parameters and ", gradients.size(), " gradients, expected ", first_.size());
  std::vector<void*> p;
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    require_same("AdamW", parameters[k].name, *parameters[k].value, first_[k]);
    require_same("AdamW", "the gradient of " + parameters[k].name, gradients[k], first_[k]);
    p.push_back(parameters[k].value->mutable_raw());
  }
  const auto m = writable(first_), v = writable(second_), largest = writable(largest_);
  ++steps_;
  const double t = static_cast<double>(steps_);
  const double rate = learning_rate / (1 - std::pow(options_.beta1, t));
  const double bias2 = std::sqrt(1 - std::pow(options_.beta2, t));
  const auto chunks = chunks_of(first_);
  for_chunks(chunks, [&](std::size_t, const Chunk& c) {
    const std::size_t k = c.tensor;
    const bool decayed = options_.decay_vectors || first_[k].ndim() >= 2;
    const double keep = decayed ? 1 - learning_rate * options_.weight_decay : 1.0;
    auto run = [&]<class T>(T) {
      auto to = [](double x) { return static_cast<T>(x); };
      const Factors<T> f{to(gradient_scale), to(options_.beta1), to(options_.beta2), to(keep),
                         to(rate),           to(bias2),          to(options_.eps)};
      auto at = [&](void* base) { return static_cast<T*>(base) + c.begin; };
      const T* g = static_cast<const T*>(gradients[k].raw()) + c.begin;
      if (options_.amsgrad)
        advance<T, true>(f, g, at(p[k]), at(m[k]), at(v[k]), at(largest[k]), c.end - c.begin);
      else
        advance<T, false>(f, g, at(p[k]), at(m[k]), at(v[k]), nullptr, c.end - c.begin);
    };
    is_double(first_[k]) ? run(double{}) : run(float{});
  });
}

void AdamW::save(data::Group& group) const {
  group.attributes["steps"] = steps_;
  save_named(names_, first_, group["first"]);
  save_named(names_, second_, group["second"]);
  if (options_.amsgrad) save_named(names_, largest_, group["largest"]);
}

void AdamW::load(const data::Group& group) {
  const std::int64_t steps = group.integer("steps");
  if (steps < 0) throw FormatError(group.file(), "optimizer", text("steps is ", steps));
  // into copies first: nothing changes unless everything fits
  Arrays first = first_, second = second_, largest = largest_;
  load_parameters(named(names_, first), group.group("first"));
  load_parameters(named(names_, second), group.group("second"));
  if (options_.amsgrad) load_parameters(named(names_, largest), group.group("largest"));
  first_ = std::move(first);
  second_ = std::move(second);
  largest_ = std::move(largest);
  steps_ = steps;
}

}  // namespace cartan::nn
