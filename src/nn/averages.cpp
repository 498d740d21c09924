// Global norms and moving averages of lists of arrays.
#include <algorithm>
#include <cmath>

#include "cartan/nn/optimizer.hpp"
#include "nn/chunks.hpp"
#include "nn/updates.hpp"

namespace cartan::nn {
double global_norm(const Arrays& arrays) {
  for (const Array& a : arrays)
    require(is_real(a.dtype()) || is_complex(a.dtype()), "[global_norm] of an array of ", a.dtype());
  const auto found = std::find_if(arrays.begin(), arrays.end(), [](const Array& a) { return a.address(); });
  const Device device = found == arrays.end() ? Device::cpu : found->device();
  Array parts = Array::uninitialized({static_cast<Index>(chunks_of(arrays).size())}, DType::f64, device);
  apply(SquaresUpdate(), {&parts}, arrays);
  const Array host = parts.to(Device::cpu);
  return std::sqrt(deterministic_sum(host.data<double>(), host.size()));
}

double clip_scale(double norm, double max_norm) {
  require(max_norm >= 0, "[clip] the largest norm ", max_norm, " must not be negative");
  return max_norm > 0 && norm + 1e-6 > max_norm ? max_norm / (norm + 1e-6) : 1.0;
}

double clip_gradients(Arrays& gradients, double max_norm) {
  const double norm = global_norm(gradients), factor = clip_scale(norm, max_norm);
  if (!std::isfinite(norm) || factor == 1) return norm;
  apply(ScaleUpdate(factor), pointers_to(gradients), {});
  return norm;
}

Ema::Ema(const ParameterRefs& parameters, double decay, bool warm_up) : decay_(decay), warm_up_(warm_up) {
  require(decay >= 0 && decay < 1, "[Ema] decay ", decay, " is not in [0, 1)");
  for (const auto& p : parameters) {
    require(is_real(p.value->dtype()) || is_complex(p.value->dtype()), "[Ema] '", p.name, "' is ",
            p.value->dtype());
    names_.push_back(p.name);
    Array a = p.value->with_node(nullptr);
    a.mutable_address();  // memory of its own now, not at the first step
    average_.push_back(std::move(a));
  }
}

void Ema::update(const ParameterRefs& parameters) {
  require(parameters.size() == average_.size(), "[Ema] ", parameters.size(), " parameters, expected ",
          average_.size());
  for (std::size_t k = 0; k < average_.size(); ++k)
    require_same("Ema", parameters[k].name, *parameters[k].value, average_[k]);
  const double t = static_cast<double>(updates_);
  const double decay = warm_up_ ? std::min(decay_, (1 + t) / (10 + t)) : decay_;
  apply(AverageUpdate(1 - decay), pointers_to(average_), values_of(parameters));
  ++updates_;
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
