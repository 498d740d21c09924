#pragma once
// Blocks of points side by side in the lanes of a vector: one vector a quantity, and the transposes between
// such blocks and row-major arrays.

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/simd.hpp"

namespace cartan::so3 {

namespace detail {
template <class T, int N>
struct small_vector {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
}  // namespace detail

// A register; two where one holds less than the four numbers that transposes move.
template <class T>
inline constexpr int lane_count = std::max(register_bytes, 32) / static_cast<int>(sizeof(T));
template <class T>
using PointLanes = typename detail::small_vector<T, lane_count<T>>::type;

namespace detail {

typedef small_vector<double, 4>::type Double4;
typedef small_vector<float, 4>::type Float4;
typedef small_vector<double, 2>::type Double2;

// Two pieces of 16 bytes side by side.
inline Double4 load_two(const double* low, const double* high) {
  return __builtin_shufflevector(load<Double2>(low), load<Double2>(high), 0, 1, 2, 3);
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
    const Double4 a = load_two(in + h, in + 2 * si + h), b = load_two(in + si + h, in + 3 * si + h);
    store(out + h * so, __builtin_shufflevector(a, b, 0, 4, 2, 6));
    store(out + (h + 1) * so, __builtin_shufflevector(a, b, 1, 5, 3, 7));
  }
}
#ifdef __AVX512F__
// The same for all lanes: pieces of 16 bytes are put in their lanes as they are loaded, which
// leaves exchanges inside the lanes.
inline void transpose_lanes(const float* in, Index si, float* out, Index so) {
  for (int h = 0; h < 16; h += 4) {
    const auto four = [&](Index first) {
      const float* p = in + first * si + h;
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
      v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 4 * si), 1);
      v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 8 * si), 2);
      return _mm512_insertf32x4(v, _mm_loadu_ps(p + 12 * si), 3);
    };
    const __m512 a = four(0), b = four(1), c = four(2), d = four(3);
    const __m512 e = _mm512_unpacklo_ps(a, b), f = _mm512_unpackhi_ps(a, b), g = _mm512_unpacklo_ps(c, d),
                 i = _mm512_unpackhi_ps(c, d);
    float* o = out + h * so;
    _mm512_storeu_ps(o, _mm512_shuffle_ps(e, g, 0x44));
    _mm512_storeu_ps(o + so, _mm512_shuffle_ps(e, g, 0xee));
    _mm512_storeu_ps(o + 2 * so, _mm512_shuffle_ps(f, i, 0x44));
    _mm512_storeu_ps(o + 3 * so, _mm512_shuffle_ps(f, i, 0xee));
  }
}
inline void transpose_lanes(const double* in, Index si, double* out, Index so) {
  for (int h = 0; h < 8; h += 2) {
    const auto four = [&](Index first) {
      const double* p = in + first * si + h;
      const auto piece = [&](Index k) { return _mm_castpd_ps(_mm_loadu_pd(p + k * si)); };
      __m512 v = _mm512_castps128_ps512(piece(0));
      v = _mm512_insertf32x4(v, piece(2), 1);
      v = _mm512_insertf32x4(v, piece(4), 2);
      return _mm512_castps_pd(_mm512_insertf32x4(v, piece(6), 3));
    };
    const __m512d a = four(0), b = four(1);
    _mm512_storeu_pd(out + h * so, _mm512_unpacklo_pd(a, b));
    _mm512_storeu_pd(out + (h + 1) * so, _mm512_unpackhi_pd(a, b));
  }
}
#else
template <class T>
inline void transpose_lanes(const T* in, Index si, T* out, Index so) {
  constexpr Index n = lane_count<T>;
  for (Index i = 0; i < n; i += 4)
    for (Index j = 0; j < n; j += 4) transpose4(in + i * si + j, si, out + j * so + i, so);
}
#endif

}  // namespace detail

/// rows[p * k + j] = block[j][p] for all lanes p and j < k.
template <class T>
inline void block_to_rows(const PointLanes<T>* block, Index k, T* rows) {
  constexpr int n = lane_count<T>;
  const T* in = reinterpret_cast<const T*>(block);
  Index j = 0;
  for (; j + n <= k; j += n) detail::transpose_lanes(in + j * n, n, rows + j, k);
  for (; j + 4 <= k; j += 4)
    for (int p = 0; p < n; p += 4) detail::transpose4(in + j * n + p, n, rows + p * k + j, k);
  for (; j < k; ++j)
    for (int p = 0; p < n; ++p) rows[p * k + j] = in[j * n + p];
}

/// block[j][p] = rows[p * k + j] for all lanes p and j < k.
template <class T>
inline void rows_to_block(const T* rows, Index k, PointLanes<T>* block) {
  constexpr int n = lane_count<T>;
  T* out = reinterpret_cast<T*>(block);
  Index j = 0;
  for (; j + n <= k; j += n) detail::transpose_lanes(rows + j, k, out + j * n, n);
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
  PointLanes<T> x, y, z;
};

template <class T>
inline Point<T> load_points(const T* xyz) {
  using V = PointLanes<T>;
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

/// Whether a comparison holds in every lane.
template <class Mask>
inline bool all_true(const Mask& mask) {
  constexpr int n = sizeof(Mask) / sizeof(long long);
  const auto a = reinterpret_cast<typename detail::small_vector<long long, n>::type>(mask);
  const auto b = [&] {
    if constexpr (n == 8)
      return __builtin_shufflevector(a, a, 0, 1, 2, 3) & __builtin_shufflevector(a, a, 4, 5, 6, 7);
    else
      return a;
  }();
  const auto c = __builtin_shufflevector(b, b, 0, 1) & __builtin_shufflevector(b, b, 2, 3);
  return (c[0] & c[1]) == -1;
}

}  // namespace cartan::so3
