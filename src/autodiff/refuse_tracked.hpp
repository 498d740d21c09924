#pragma once
// For functions that record no derivative.

#include "cartan/autodiff/primitive.hpp"
#include "cartan/core/error.hpp"

namespace cartan {

// Throws for a tracked array while recording is on: its gradient would be lost without a word.
inline void refuse_tracked(const char* caller, const Array& a) {
  require(!a.tracked() || !recording(), "[", caller, "] records no derivative, and the array of shape ",
          a.shape(), " is tracked: give it detach(x), or use differentiable ops");
}

}  // namespace cartan
