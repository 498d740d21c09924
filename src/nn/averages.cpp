// Global norms and moving averages of lists of arrays.
#include <cmath>

#include "cartan/nn/optimizer.hpp"
#include "nn/chunks.hpp"

namespace cartan::nn {
namespace {

// Sixteen float64 strands, which vectorise, joined in a fixed order.
template <class T>
double sum_of_squares(const T* x, Index n) {
  constexpr Index strands = 16;
  double s[strands] = {};
  Index i = 0;
  for (; i + strands <= n; i += strands)
    for (Index k = 0; k < strands; ++k) s[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  for (; i < n; ++i) s[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (Index width = strands / 2; width > 0; width /= 2)
    for (Index k = 0; k < width; ++k) s[k] += s[k + width];
  return s[0];
}

template <class F>
void with_real_type(const Array& a, F&& f) {
  is_double(a) ? f(double{}) : f(float{});
}

}  // namespace

double global_norm(const Arrays& arrays) {
  for (const Array& a : arrays)
    require(is_real(a.dtype()) || is_complex(a.dtype()), "[global_norm] of an array of ", a.dtype());
  const auto chunks = chunks_of(arrays);
  std::vector<double> parts(chunks.size());
  for_chunks(chunks, [&](std::size_t n, const Chunk& c) {
    with_real_type(arrays[c.tensor], [&]<class T>(T) {
      parts[n] = sum_of_squares(static_cast<const T*>(arrays[c.tensor].raw()) + c.begin, c.end - c.begin);
    });
  });
  return std::sqrt(deterministic_sum(parts.data(), static_cast<Index>(parts.size())));
}

double clip_scale(double norm, double max_norm) {
  require(max_norm >= 0, "[clip] the largest norm ", max_norm, " must not be negative");
  return max_norm > 0 && norm + 1e-6 > max_norm ? max_norm / (norm + 1e-6) : 1.0;
}

double clip_gradients(Arrays& gradients, double max_norm) {
  const double norm = global_norm(gradients), factor = clip_scale(norm, max_norm);
  if (!std::isfinite(norm) || factor == 1) return norm;
  const auto out = writable(gradients);
  for_chunks(chunks_of(gradients), [&](std::size_t, const Chunk& c) {
    with_real_type(gradients[c.tensor], [&]<class T>(T) {
      T* x = static_cast<T*>(out[c.tensor]);
      for (Index i = c.begin; i < c.end; ++i) x[i] *= static_cast<T>(factor);
    });
  });
  return norm;
}

Ema::Ema(const ParameterRefs& parameters, double decay, bool warm_up) : decay_(decay), warm_up_(warm_up) {
  require(decay >= 0 && decay < 1, "[Ema] decay ", decay, " is not in [0, 1)");
  for (const auto& p : parameters) {
    require(is_real(p.value->dtype()) || is_complex(p.value->dtype()), "[Ema] '", p.name, "' is ",
            p.value->dtype());
    names_.push_back(p.name);
    Array a = p.value->with_node(nullptr);
    a.mutable_raw();  // memory of its own now, not at the first step
    average_.push_back(std::move(a));
  }
}

void Ema::update(const ParameterRefs& parameters) {
  require(parameters.size() == average_.size(), "[Ema] ", parameters.size(), " parameters, expected ",
          average_.size());
  for (std::size_t k = 0; k < average_.size(); ++k)
    require_same("Ema", parameters[k].name, *parameters[k].value, average_[k]);
  const double t = static_cast<double>(updates_++);
  const double decay = warm_up_ ? std::min(decay_, (1 + t) / (10 + t)) : decay_;
  const auto average = writable(average_);
  for_chunks(chunks_of(average_), [&](std::size_t, const Chunk& c) {
    with_real_type(average_[c.tensor], [&]<class T>(T) {
      const T* __restrict p = static_cast<const T*>(parameters[c.tensor].value->raw());
      T* __restrict e = static_cast<T*>(average[c.tensor]);
      const T weight = static_cast<T>(1 - decay);
      for (Index i = c.begin; i < c.end; ++i) e[i] += weight * (p[i] - e[i]);
    });
  });
}

void Ema::swap(const ParameterRefs& parameters) {
  require(parameters.size() == average_.size(), "[Ema] ", parameters.size(), " parameters, expected ",
          average_.size());
  for (std::size_t k = 0; k < average_.size(); ++k) {
    require_same("Ema", parameters[k].name, *parameters[k].value, average_[k]);
    require(!parameters[k].value->tracked(), "[Ema] '", parameters[k].name, "' is tracked; detach it first");
  }
  for (std::size_t k = 0; k < average_.size(); ++k) std::swap(*parameters[k].value, average_[k]);
}

void Ema::save(data::Group& group) const {
  group.attributes["updates"] = updates_;
  save_named(names_, average_, group["average"]);
}

void Ema::load(const data::Group& group) {
  const std::int64_t updates = group.integer("updates");
  if (updates < 0) throw FormatError(group.file(), "ema", text("updates is ", updates));
  load_parameters(named(names_, average_), group.group("average"));
  updates_ = updates;
}

}  // namespace cartan::nn
