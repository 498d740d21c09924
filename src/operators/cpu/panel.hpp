#pragma once
// Products of a matrix of weights with a panel of points that lies in the caches: no packing, no copy.

#include <algorithm>
#include <type_traits>

#include "core/simd.hpp"
#include "core/with_count.hpp"

namespace cartan::operators {

// n in whole registers.
template <class T>
inline Index padded(Index n) {
  constexpr Index lanes = register_lanes<T>;
  return (n + lanes - 1) / lanes * lanes;
}

// Results larger than the caches are stored past them: they would be read first, and drive out what is
// needed. True where rows of n numbers, one behind the other, are so large and begin on cache lines.
template <class T>
inline bool goes_past_caches([[maybe_unused]] Index rows, [[maybe_unused]] Index n) {
#ifdef __AVX__
  const Index bytes = n * static_cast<Index>(sizeof(T));
  return bytes % 64 == 0 && rows * bytes >= Index{16} << 20;
#else
  return false;
#endif
}
// Stores a register by `access`: a whole one past the caches.
template <class Access, class T, class V>
inline void store_past_caches(const Access& access, T* p, const V& v) {
#ifdef __AVX__
  if constexpr (std::is_same_v<Access, Whole<T>>) {
#ifdef __AVX512F__
    if constexpr (sizeof(T) == 4)
      _mm512_stream_ps(p, (__m512)v);
    else
      _mm512_stream_pd(p, (__m512d)v);
#else
    if constexpr (sizeof(T) == 4)
      _mm256_stream_ps(p, (__m256)v);
    else
      _mm256_stream_pd(p, (__m256d)v);
#endif
    return;
  }
#endif
  access.store(p, v);
}
// Other threads see what was stored past the caches after this.
inline void stores_are_done() {
#ifdef __AVX__
  _mm_sfence();
#endif
}

// Rows and registers of points that go together: their sums fill three quarters of the registers, and what is
// loaded for them has the rest.
constexpr int tall = register_count == 32 ? 8 : 6, across = register_count == 32 ? 3 : 2;

// Points of such a strip.
template <class T>
constexpr Index strip_points = across* register_lanes<T>;

// c (m, n) = [c +] a b for a matrix of weights a (m, k) with any strides and a tile b (k, n) of points:
// `tall` rows of a by `across` registers of points at a time, with b as it lies in the caches. Without `add`,
// sums begin with the numbers of `column` (m), or with nothing.
template <class T>
struct Weights {
  const T* data;
  Index row, column;  // strides
};
template <int rows, int registers, class T, class Last>
[[gnu::always_inline]] inline void strip(Index k, const Weights<T>& a, const T* b, Index b_stride, T* c,
                                         Index c_stride, bool add, const T* column, const Last& last) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  const auto read = [&](const T* p, int s) { return s + 1 == registers ? last.load(p) : load<V>(p); };
  V sum[rows][registers];
#pragma GCC unroll 9
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 9
    for (int s = 0; s < registers; ++s)
      sum[r][s] = add ? read(c + r * c_stride + s * lanes, s) : column ? V{} + column[r] : V{};
  for (Index l = 0; l < k; ++l) {
    V x[registers];
#pragma GCC unroll 9
    for (int s = 0; s < registers; ++s) x[s] = read(b + l * b_stride + s * lanes, s);
#pragma GCC unroll 9
    for (int r = 0; r < rows; ++r) {
      const T w = a.data[r * a.row + l * a.column];
#pragma GCC unroll 9
      for (int s = 0; s < registers; ++s) sum[r][s] += w * x[s];
    }
  }
#pragma GCC unroll 9
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 9
    for (int s = 0; s < registers; ++s)
      s + 1 == registers ? last.store(c + r * c_stride + s * lanes, sum[r][s])
                         : store(c + r * c_stride + s * lanes, sum[r][s]);
}
// The last of the registers may be one in part.
template <int registers, class T, class Last>
inline void strips(Index m, Index k, Weights<T> a, const T* b, Index b_stride, T* c, Index c_stride, bool add,
                   const T* column, const Last& last) {
  Index i = 0;
  const auto from = [&] { return Weights<T>{a.data + i * a.row, a.row, a.column}; };
  const auto start = [&] { return column ? column + i : nullptr; };
  const auto take = [&]<int rows>(std::integral_constant<int, rows>) {
    strip<rows, registers>(k, from(), b, b_stride, c + i * c_stride, c_stride, add, start(), last);
    i += rows;
  };
  if constexpr (registers <= across) {
    // a row by itself would wait for its own sums: the last two pieces share their rows
    while (m - i >= 2 * tall || m - i == tall) take(std::integral_constant<int, tall>{});
    if (m - i > tall) with_count<tall>((m - i + 1) / 2, take);
    with_count<tall>(m - i, take);
  } else {
    while (i < m) take(std::integral_constant<int, 1>{});
  }
}
template <class T>
inline void multiply(Index m, Index n, Index k, const Weights<T>& a, const T* b, Index b_stride, T* c,
                     Index c_stride, bool add, const T* column = nullptr) {
  constexpr Index lanes = register_lanes<T>;
  Index j = 0;
  const auto all = [&]<int registers, class Last>(std::integral_constant<int, registers>, const Last& last) {
    strips<registers>(m, k, a, b + j, b_stride, c + j, c_stride, add, column, last);
    j += registers * lanes;
  };
  if (m < 4)  // few rows: more points, or each sum waits for itself
    while (j + 8 * lanes <= n) all(std::integral_constant<int, 8>{}, Whole<T>{});
  while (j + across * lanes <= n) all(std::integral_constant<int, across>{}, Whole<T>{});
  if (j == n) return;
  const Part<T> part{static_cast<unsigned>((n - j) % lanes)};
  with_count<across>((n - j + lanes - 1) / lanes, [&](auto registers) {
    part.count == 0 ? all(registers, Whole<T>{}) : all(registers, part);
  });
}

// Long sums by halves: one after the other, float32 numbers of one sign lose a digit with every tenfold of
// terms. term_block of them are one product; `halvings` tiles are needed for the sums that wait.
constexpr Index term_block = 32;
inline Index halvings(Index terms) {
  Index count = 0;
  for (Index blocks = (terms + term_block - 1) / term_block; blocks > 1; blocks = (blocks + 1) / 2) ++count;
  return count;
}
// to (rows, n) = the sum of the terms first .. last - 1; part(first, last, to, stride) writes the one of a
// block to rows that lie `stride` apart.
// @param spare  halvings(last - first) tiles of rows * n numbers
template <class T, class Part>
inline void sum_by_halves(Index first, Index last, Index rows, Index n, T* to, Index stride, T* spare,
                          const Part& part) {
  const Index blocks = (last - first + term_block - 1) / term_block;
  if (blocks <= 1) return part(first, last, to, stride);
  const Index middle = first + (blocks + 1) / 2 * term_block;
  sum_by_halves(first, middle, rows, n, to, stride, spare, part);
  sum_by_halves(middle, last, rows, n, spare, n, spare + rows * n, part);
  for (Index r = 0; r < rows; ++r) {
    T* sum = to + r * stride;
    const T* other = spare + r * n;
    for (Index i = 0; i < n; ++i) sum[i] += other[i];
  }
}

}  // namespace cartan::operators
