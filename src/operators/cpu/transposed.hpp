#pragma once
// Transposition of matrices in registers.

#include "operators/cpu/pairs.hpp"
#include "operators/cpu/panel.hpp"

namespace cartan::operators {

// to (n, rows) = from (rows, n) transposed. Rows of `to` lie padded<T>(rows) apart, the rest of each is
// zero. A block of as many rows as a register has lanes is turned by perfect shuffles: each moves the
// highest bit of the number of the register to the end of that of the lane.
template <class T>
inline void transpose(const T* from, Index stride, Index rows, Index n, T* to) {
  using V = Register<T>;
  constexpr int lanes = register_lanes<T>;
  using All = std::make_integer_sequence<int, lanes>;
  const Index wide = padded<T>(rows);
  for (Index j = 0; j < n; j += lanes) {
    const int columns = static_cast<int>(std::min<Index>(lanes, n - j));
    for (Index i = 0; i < rows; i += lanes) {
      const int some = static_cast<int>(std::min<Index>(lanes, rows - i));
      const T* block = from + i * stride + j;
      V a[lanes], b[lanes];
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r)
        a[r] = r >= some          ? V{}
               : columns == lanes ? load<V>(block + r * stride)
                                  : Part<T>{static_cast<unsigned>(columns)}.load(block + r * stride);
#pragma GCC unroll 4
      for (int step = 1; step < lanes; step *= 2) {
#pragma GCC unroll 8
        for (int r = 0; r < lanes / 2; ++r) {
          b[2 * r] = zip_low<V, lanes>(a[r], a[r + lanes / 2], All{});
          b[2 * r + 1] = zip_high<V, lanes>(a[r], a[r + lanes / 2], All{});
        }
#pragma GCC unroll 16
        for (int r = 0; r < lanes; ++r) a[r] = b[r];
      }
      for (int c = 0; c < columns; ++c) store<V>(to + (j + c) * wide + i, a[c]);
    }
  }
}

}  // namespace cartan::operators
