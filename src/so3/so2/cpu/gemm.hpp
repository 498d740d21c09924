#pragma once
// The products of an SO(2) convolution: rows are the edges of a block, one pair of matrices an order m.
//
// Left factors lie in strips of `depth` columns, [strip][row][depth], so that the rows of a tile are at
// constant distances; right factors (weights) in panels, [panel][k][32]. A tile of 12 x 32 results stays in
// registers. For m > 0 the product of complex matrices takes three real ones:
//   z'_+ = W1 (z_+ + z_-) - (W1 + W2) z_-,   z'_- = W1 (z_+ + z_-) + (W2 - W1) z_+.

#include <algorithm>

#include "core/simd.hpp"
#include "core/workspace.hpp"
#include "so3/so2/shape.hpp"

namespace cartan::so3 {

inline constexpr Index tile_rows = 12;

template <class T>
inline constexpr Index depth = 768 / sizeof(T);

// A register that was loaded stays one: GCC would load it again for each of its uses, which are then twice as
// many loads as there are units for.
template <class V>
inline void keep(V& v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#else
  static_cast<void>(v);
#endif
}

// Registers of a row of results that are summed at once, and rows: three quarters of all registers.
template <class T>
inline constexpr int wide = std::min<int>(panel / register_lanes<T>, register_count / 8);
template <class T>
inline constexpr int high = register_count * 3 / 4 / wide<T>;

// c (12 x 32, rows ldc apart) = or += a b over k columns; a: rows depth<T> apart, b: rows of one panel.
// `next` is fetched meanwhile, four numbers for every column: weights come from beyond the second-level
// cache.
template <class T>
void multiply_tile(const T* a, const T* b, Index k, T* c, Index ldc, bool add_to, const char* next) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>, strip = wide<T> * lanes;
  static_assert(tile_rows % high<T> == 0 && panel % strip == 0);
  constexpr Index parts = tile_rows / high<T> * (panel / strip), ahead = 4 * sizeof(T) / parts;
  for (Index part = 0; part < parts; ++part, next += k * ahead) {
    const Index row = part / (panel / strip) * high<T>, column = part % (panel / strip) * strip;
    const T *left = a + row * depth<T>, *right = b + column;
    V sum[high<T>][wide<T>] = {};
    for (Index j = 0; j < k; ++j) {
      V y[wide<T>];
      __builtin_prefetch(next + j * ahead, 0, 2);
#pragma GCC unroll 4
      for (int w = 0; w < wide<T>; ++w) y[w] = load<V>(right + j * panel + w * lanes);
#pragma GCC unroll 12
      for (int i = 0; i < high<T>; ++i) {
        const T x = left[i * depth<T> + j];
#pragma GCC unroll 4
        for (int w = 0; w < wide<T>; ++w) sum[i][w] += x * y[w];
      }
    }
    T* to = c + row * ldc + column;
#pragma GCC unroll 12
    for (int i = 0; i < high<T>; ++i)
#pragma GCC unroll 4
      for (int w = 0; w < wide<T>; ++w) {
        T* place = to + i * ldc + w * lanes;
        store(place, add_to ? V(load<V>(place) + sum[i][w]) : sum[i][w]);
      }
  }
}

// c (8 x 32, in one piece) += g^T x over the rows of a block: g (rows, ldg), x rows depth<T> apart.
template <class T>
void add_outer_tile(const T* g, Index ldg, const T* x, Index rows, T* c) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>, strip = wide<T> * lanes;
  constexpr int step = register_count / 2 / wide<T>;
  static_assert(8 % step == 0);
  for (Index row = 0; row < 8; row += step)
    for (Index column = 0; column < panel; column += strip) {
      V sum[step][wide<T>] = {};
      const T *left = g + row, *right = x + column;
      for (Index e = 0; e < rows; ++e) {
        V y[wide<T>];
#pragma GCC unroll 4
        for (int w = 0; w < wide<T>; ++w) {
          y[w] = load<V>(right + e * depth<T> + w * lanes);
          keep(y[w]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < step; ++i)
#pragma GCC unroll 4
          for (int w = 0; w < wide<T>; ++w) sum[i][w] += left[e * ldg + i] * y[w];
      }
      T* to = c + row * panel + column;
#pragma GCC unroll 8
      for (int i = 0; i < step; ++i)
#pragma GCC unroll 4
        for (int w = 0; w < wide<T>; ++w) {
          T* place = to + i * panel + w * lanes;
          store(place, V(load<V>(place) + sum[i][w]));
        }
    }
}

// A left factor: `rows` rows (rounded up to whole tiles; those beyond are zero) of `columns`.
template <class T>
struct Left {
  T* data;
  Index rows, columns;
  static Index size(Index rows, Index columns) { return round_up(columns, depth<T>) * rows; }
  Index place(Index row, Index column) const {
    return (column / depth<T> * rows + row) * depth<T> + column % depth<T>;
  }
  T* at(Index row, Index column) const { return data + place(row, column); }
};

// A right factor (k, n).
template <class T>
struct Panels {
  Scratch<T> memory;
  Index k = 0, n = 0;  // n rounded up to whole panels
};

// c = or += a b for the first `rows` rows, whole tiles.
template <class T>
void multiply(const Left<T>& a, Index rows, const Panels<T>& b, T* c, bool add_to) {
  // b is one piece of memory in the order of use
  for (Index p = 0; p < b.n; p += panel)
    for (Index first = 0; first < b.k; first += depth<T>) {
      const Index k = std::min(depth<T>, b.k - first);
      const T* strip = b.memory.data() + p * b.k + first * panel;
      const char* next = reinterpret_cast<const char*>(strip + k * panel);
      for (Index row = 0; row < rows; row += tile_rows, next += k * 4 * static_cast<Index>(sizeof(T)))
        multiply_tile(a.at(row, first), strip, k, c + row * b.n + p, b.n, add_to || first > 0, next);
    }
}

}  // namespace cartan::so3
