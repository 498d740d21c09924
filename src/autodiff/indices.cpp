#include "cartan/autodiff/indices.hpp"

#include <limits>

#include "cartan/core/error.hpp"

namespace cartan {

Indices::Indices(std::vector<std::int32_t> rows, Index extent) {
  constexpr Index most = Index{std::numeric_limits<std::int32_t>::max()} + 1;
  require(extent >= 0 && extent <= most, "[Indices] extent ", extent, " is outside [0, ", most, "]");
  auto state = std::make_shared<State>();
  state->extent = extent;
  state->inverse_begin.assign(static_cast<std::size_t>(extent) + 1, 0);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    require(rows[k] >= 0 && rows[k] < extent, "[Indices] entry ", k, " is ", rows[k], ", outside [0, ",
            extent, ")");
    ++state->inverse_begin[static_cast<std::size_t>(rows[k]) + 1];
  }
  for (std::size_t r = 0; r < static_cast<std::size_t>(extent); ++r)
    state->inverse_begin[r + 1] += state->inverse_begin[r];
  state->inverse.resize(rows.size());
  std::vector<Index> next(state->inverse_begin.begin(), state->inverse_begin.end());
  for (std::size_t k = 0; k < rows.size(); ++k)
    state->inverse[static_cast<std::size_t>(next[static_cast<std::size_t>(rows[k])]++)] =
        static_cast<std::int32_t>(k);
  state->rows = std::move(rows);
  state_ = std::move(state);
}

}  // namespace cartan
