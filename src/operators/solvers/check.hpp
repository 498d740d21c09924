#pragma once
// What all solvers ask of their arguments and results.

#include <cmath>

#include "cartan/core/array.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {

inline void check_solver(const char* op, Index points, double step, double length) {
  require(points >= 4 && points <= (Index{1} << 17), "[", op, "] ", points,
          " points along an axis; from 4 to 131072 are possible");
  require(step > 0 && std::isfinite(step), "[", op, "] step ", step, "; a positive time is needed");
  require(length > 0 && std::isfinite(length), "[", op, "] length ", length, "; a positive one is needed");
}

inline bool finite(const double* x, Index n) {
  for (Index k = 0; k < n; ++k)
    if (!std::isfinite(x[k])) return false;
  return true;
}

}  // namespace cartan::operators
