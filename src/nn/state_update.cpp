#include "cartan/nn/state_update.hpp"

#include <algorithm>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"

namespace cartan::nn {

const Array& StateUpdate::latest(const Array& array) const {
  for (const auto& [which, value] : found_)
    if (which == &array) return value;
  return array;
}

void StateUpdate::set(const Array& array, const Array& value) {
  require(value.shape() == array.shape() && value.dtype() == array.dtype(), "[StateUpdate] ", value.dtype(),
          " of shape ", value.shape(), " for an array of ", array.dtype(), " of shape ", array.shape());
  for (auto& [which, kept] : found_)
    if (which == &array) {
      kept = detach(value);
      return;
    }
  found_.emplace_back(&array, detach(value));
}

void StateUpdate::apply(const ParameterRefs& state) const {
  const auto place = [&](const Array* which) {
    return std::find_if(state.begin(), state.end(),
                        [which](const NamedParameter& p) { return p.value == which; });
  };
  for (const auto& [which, value] : found_)
    require(place(which) != state.end(), "[StateUpdate] an array of shape ", which->shape(),
            " is not in the state of ", state.size(), " arrays; apply it to the network that was trained");
  for (const auto& [which, value] : found_) *place(which)->value = value;
}

}  // namespace cartan::nn
