#include "cartan/autodiff/indices.hpp"

#include <limits>
#include <map>
#include <mutex>

#include "cartan/core/error.hpp"

namespace cartan {

struct Indices::Copies {
  std::mutex mutex;
  std::map<std::pair<Device::Kind, int>, OnDevice> of;  // entries stay in place
};

Indices::Indices(std::vector<std::int32_t> rows, Index extent) {
  constexpr Index most = Index{std::numeric_limits<std::int32_t>::max()} + 1;
  require(extent >= 0 && extent <= most, "[Indices] extent ", extent, " is outside [0, ", most, "]");
  auto state = std::make_shared<State>();
  state->extent = extent;
  state->inverse_begin.assign(static_cast<std::size_t>(extent) + 1, 0);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    require(rows[k] >= 0 && rows[k] < extent, "[Indices] entry ", k, " is ", rows[k], ", outside [0, ",
            extent, ")");
    ++state->inverse_begin[rows[k] + 1];
  }
  for (Index r = 0; r < extent; ++r) state->inverse_begin[r + 1] += state->inverse_begin[r];
  state->inverse.resize(rows.size());
  std::vector<Index> next(state->inverse_begin.begin(), state->inverse_begin.end());
  for (std::size_t k = 0; k < rows.size(); ++k)
    state->inverse[next[rows[k]]++] = static_cast<std::int32_t>(k);
  state->rows = std::move(rows);
  state->copies = std::make_shared<Copies>();
  state_ = std::move(state);
}

const Indices::OnDevice& Indices::on(Device device) const {
  static const Indices none({}, 0);
  const State& state = state_ ? *state_ : *none.state_;
  Copies& copies = *state.copies;
  std::lock_guard lock(copies.mutex);
  const auto key = std::pair{device.kind, device.index};
  if (const auto found = copies.of.find(key); found != copies.of.end()) return found->second;
  OnDevice copy{Array::from(state.rows).to(device), Array::from(state.inverse).to(device),
                Array::from(state.inverse_begin).to(device)};
  return copies.of.emplace(key, std::move(copy)).first->second;
}

}  // namespace cartan
