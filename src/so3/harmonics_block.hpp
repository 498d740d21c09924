#pragma once
// Blocks of points side by side in the lanes of a vector: one vector of 64 bytes a quantity, and the
// transposes between such blocks and row-major arrays.

#include <cstring>
#include <utility>

#include "core/simd.hpp"

namespace cartan::so3 {

template <class T>
using Lanes = typename vector_of<T>::type;
template <class T>
inline constexpr int lane_count = 64 / static_cast<int>(sizeof(T));

namespace detail {

template <class T, int N>
struct small_vector {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
typedef small_vector<float, 8>::type Float8;
typedef small_vector<double, 4>::type Double4;
typedef small_vector<float, 4>::type Float4;

// Two pieces of 16 bytes side by side.
template <class V, class T>
inline V load_two(const T* low, const T* high) {
  T both[32 / sizeof(T)];
  std::memcpy(both, low, 16);
  std::memcpy(both + 16 / sizeof(T), high, 16);
  return load<V>(both);
}

// out[j * so + i] = in[i * si + j], i, j < 4
inline void transpose4(const float* in, Index si, float* out, Index so) {
  const Float4 a = load<Float4>(in), b = load<Float4>(in + si), c = load<Float4>(in + 2 * si),
               d = load<Float4>(in + 3 * si);
  const Float4 p = __builtin_shufflevector(a, b, 0, 4, 1, 5), q = __builtin_shufflevector(a, b, 2, 6, 3, 7),
               r = __builtin_shufflevector(c, d, 0, 4, 1, 5), s = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(out, __builtin_shufflevector(p, r, 0, 1, 4, 5));
  store(out + so, __builtin_shufflevector(p, r, 2, 3, 6, 7));
  store(out + 2 * so, __builtin_shufflevector(q, s, 0, 1, 4, 5));
  store(out + 3 * so, __builtin_shufflevector(q, s, 2, 3, 6, 7));
}
inline void transpose4(const double* in, Index si, double* out, Index so) {
  for (int h = 0; h < 4; h += 2) {
    const Double4 a = load_two<Double4>(in + h, in + 2 * si + h),
                  b = load_two<Double4>(in + si + h, in + 3 * si + h);
    store(out + h * so, __builtin_shufflevector(a, b, 0, 4, 2, 6));
    store(out + (h + 1) * so, __builtin_shufflevector(a, b, 1, 5, 3, 7));
  }
}
// The same for i, j < 8, a half of the columns at a time.
inline void transpose8(const float* in, Index si, float* out, Index so) {
  for (int h = 0; h < 8; h += 4) {
    const float* p = in + h;
    const Float8 a = load_two<Float8>(p, p + 4 * si), b = load_two<Float8>(p + si, p + 5 * si),
                 c = load_two<Float8>(p + 2 * si, p + 6 * si), d = load_two<Float8>(p + 3 * si, p + 7 * si);
    const Float8 e = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13),
                 f = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15),
                 g = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13),
                 i = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    float* o = out + h * so;
    store(o, __builtin_shufflevector(e, g, 0, 1, 8, 9, 4, 5, 12, 13));
    store(o + so, __builtin_shufflevector(e, g, 2, 3, 10, 11, 6, 7, 14, 15));
    store(o + 2 * so, __builtin_shufflevector(f, i, 0, 1, 8, 9, 4, 5, 12, 13));
    store(o + 3 * so, __builtin_shufflevector(f, i, 2, 3, 10, 11, 6, 7, 14, 15));
  }
}

}  // namespace detail

/// rows[p * k + j] = block[j][p] for all lanes p and j < k.
template <class T>
inline void block_to_rows(const Lanes<T>* block, Index k, T* rows) {
  constexpr int n = lane_count<T>;
  const T* in = reinterpret_cast<const T*>(block);
  Index j = 0;
  if constexpr (sizeof(T) == 4)
    for (; j + 8 <= k; j += 8)
      for (int p = 0; p < n; p += 8) detail::transpose8(in + j * n + p, n, rows + p * k + j, k);
  for (; j + 4 <= k; j += 4)
    for (int p = 0; p < n; p += 4) detail::transpose4(in + j * n + p, n, rows + p * k + j, k);
  for (; j < k; ++j)
    for (int p = 0; p < n; ++p) rows[p * k + j] = in[j * n + p];
}

/// block[j][p] = rows[p * k + j] for all lanes p and j < k.
template <class T>
inline void rows_to_block(const T* rows, Index k, Lanes<T>* block) {
  constexpr int n = lane_count<T>;
  T* out = reinterpret_cast<T*>(block);
  Index j = 0;
  if constexpr (sizeof(T) == 4)
    for (; j + 8 <= k; j += 8)
      for (int p = 0; p < n; p += 8) detail::transpose8(rows + p * k + j, k, out + j * n + p, n);
  for (; j + 4 <= k; j += 4)
    for (int p = 0; p < n; p += 4) detail::transpose4(rows + p * k + j, k, out + j * n + p, n);
  for (; j < k; ++j)
    for (int p = 0; p < n; ++p) out[j * n + p] = rows[p * k + j];
}

namespace detail {

// Element i of the rows (x, y, z) is at 3 i + axis of three vectors a, b, c in a row. First those of a and b
// are brought to their lanes, then those of c.
template <int axis, class V, std::size_t... i>
inline V every_third(V a, V b, V c, std::index_sequence<i...>) {
  constexpr int n = sizeof...(i);
  const V t = __builtin_shufflevector(a, b, (3 * int(i) + axis < 2 * n ? 3 * int(i) + axis : 0)...);
  return __builtin_shufflevector(t, c,
                                 (3 * int(i) + axis < 2 * n ? int(i) : 3 * int(i) + axis - 2 * n + n)...);
}
// Vector `part` of the three that hold x, y, z interleaved.
template <int part, class V, std::size_t... i>
inline V interleave(V x, V y, V z, std::index_sequence<i...>) {
  constexpr int n = sizeof...(i);
  const V t = __builtin_shufflevector(
      x, y, ((part * n + int(i)) % 3 == 1 ? n + (part * n + int(i)) / 3 : (part * n + int(i)) / 3)...);
  return __builtin_shufflevector(t, z,
                                 ((part * n + int(i)) % 3 == 2 ? n + (part * n + int(i)) / 3 : int(i))...);
}

}  // namespace detail

template <class T>
struct Point {
  Lanes<T> x, y, z;
};

template <class T>
inline Point<T> load_points(const T* xyz) {
  using V = Lanes<T>;
  constexpr int n = lane_count<T>;
  constexpr auto lanes = std::make_index_sequence<n>();
  const V a = load<V>(xyz), b = load<V>(xyz + n), c = load<V>(xyz + 2 * n);
  return {detail::every_third<0>(a, b, c, lanes), detail::every_third<1>(a, b, c, lanes),
          detail::every_third<2>(a, b, c, lanes)};
}

template <class T>
inline void store_points(const Point<T>& p, T* xyz) {
  constexpr int n = lane_count<T>;
  constexpr auto lanes = std::make_index_sequence<n>();
  store(xyz, detail::interleave<0>(p.x, p.y, p.z, lanes));
  store(xyz + n, detail::interleave<1>(p.x, p.y, p.z, lanes));
  store(xyz + 2 * n, detail::interleave<2>(p.x, p.y, p.z, lanes));
}

}  // namespace cartan::so3
