#pragma once
// Products of a matrix of weights with a panel of points that lies in the caches: no packing, no copy.

#include "core/simd.hpp"

namespace cartan::operators {

// c (m, n) = [c +] a b for a matrix of weights a (m, k) with any strides and a tile b (k, n) of points: eight
// rows of a by three registers of points at a time, with b as it lies in the caches.
template <class T>
struct Weights {
  const T* data;
  Index row, column;  // strides
};
template <int rows, int registers, class T>
[[gnu::always_inline]] inline void strip(Index k, const Weights<T>& a, const T* b, Index b_stride, T* c,
                                         Index c_stride, bool add) {
  using V = typename vector_of<T>::type;
  constexpr Index lanes = 64 / sizeof(T);
  V sum[rows][registers];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < registers; ++s) sum[r][s] = add ? load<V>(c + r * c_stride + s * lanes) : V{};
  for (Index l = 0; l < k; ++l) {
    V x[registers];
#pragma GCC unroll 8
    for (int s = 0; s < registers; ++s) x[s] = load<V>(b + l * b_stride + s * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const T w = a.data[r * a.row + l * a.column];
#pragma GCC unroll 8
      for (int s = 0; s < registers; ++s) sum[r][s] += w * x[s];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int s = 0; s < registers; ++s) store(c + r * c_stride + s * lanes, sum[r][s]);
}
template <int registers, class T>
inline void strips(Index m, Index k, Weights<T> a, const T* b, Index b_stride, T* c, Index c_stride,
                   bool add) {
  Index i = 0;
  const auto from = [&] { return Weights<T>{a.data + i * a.row, a.row, a.column}; };
  if constexpr (registers <= 3)
    for (; i + 8 <= m; i += 8) strip<8, registers>(k, from(), b, b_stride, c + i * c_stride, c_stride, add);
  if constexpr (registers <= 3)
    for (; i + 4 <= m; i += 4) strip<4, registers>(k, from(), b, b_stride, c + i * c_stride, c_stride, add);
  for (; i < m; ++i) strip<1, registers>(k, from(), b, b_stride, c + i * c_stride, c_stride, add);
}
template <class T>
inline void multiply(Index m, Index n, Index k, const Weights<T>& a, const T* b, Index b_stride, T* c,
              Index c_stride, bool add) {
  constexpr Index lanes = 64 / sizeof(T);
  Index j = 0;
  if (m < 4)  // few rows: more points, or each sum waits for itself
    for (; j + 8 * lanes <= n; j += 8 * lanes) strips<8>(m, k, a, b + j, b_stride, c + j, c_stride, add);
  for (; j + 3 * lanes <= n; j += 3 * lanes) strips<3>(m, k, a, b + j, b_stride, c + j, c_stride, add);
  for (; j + lanes <= n; j += lanes) strips<1>(m, k, a, b + j, b_stride, c + j, c_stride, add);
  for (Index i = 0; j < n && i < m; ++i)
    for (Index p = j; p < n; ++p) {
      T sum = add ? c[i * c_stride + p] : T(0);
      for (Index l = 0; l < k; ++l) sum += a.data[i * a.row + l * a.column] * b[l * b_stride + p];
      c[i * c_stride + p] = sum;
    }
}

}  // namespace cartan::operators
