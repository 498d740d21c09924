#pragma once
// Numbers that are few as constants of the compiler, so that what they count stays in registers.

#include <type_traits>
#include <utility>

#include "cartan/core/array.hpp"

namespace cartan {

// f(integral_constant of n) for n in 1 .. most; nothing for others.
template <int most, class F>
inline void with_count(Index n, F&& f) {
  const auto one_of = [&]<int... k>(std::integer_sequence<int, k...>) {
    ((n == k + 1 ? f(std::integral_constant<int, k + 1>{}) : void()), ...);
  };
  one_of(std::make_integer_sequence<int, most>{});
}

}  // namespace cartan
