#pragma once
// The largest of some errors, in which a NaN stays a NaN: std::max would lose it, or a value after it.

#include <cmath>

namespace cartan::testing {

inline double worst_of(double a, double b) {
  return std::isnan(a) || a >= b ? a : b;
}

}  // namespace cartan::testing
