#pragma once
// Positions in operands that broadcast or are permuted, from a position in the result.

#include <initializer_list>
#include <vector>

#include "cartan/core/array.hpp"
#include "cartan/core/error.hpp"

namespace cartan::primitives {

// Extents of the result and the strides of up to two operands, as a kernel's argument.
struct Walk {
  static constexpr int most = 8;
  int axes = 0;
  Index extent[most], first[most], second[most];

  Walk(const char* op, const std::vector<Index>& extents, const std::vector<Index>& a,
       const std::vector<Index>& b)
      : axes(static_cast<int>(extents.size())) {
    if (axes > most)
      throw DeviceError(
          text("[", op, "] the CUDA kernel goes over at most ", int{most}, " axes, not ", axes));
    for (int k = 0; k < axes; ++k) extent[k] = extents[k], first[k] = a[k], second[k] = b[k];
  }

  __device__ void find(Index i, Index& a, Index& b) const {
    a = b = 0;
    for (int k = axes - 1; k >= 0; --k) {
      const Index rest = i / extent[k], at = i - rest * extent[k];
      a += at * first[k];
      b += at * second[k];
      i = rest;
    }
  }
};

}  // namespace cartan::primitives
