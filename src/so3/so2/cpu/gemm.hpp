#pragma once
// The products of an SO(2) convolution: rows are the edges of a block, one pair of matrices an order m.
//
// Left factors lie in strips of `depth` columns, [strip][row][depth], so that the rows of a tile are at
// constant distances; right factors (weights) in panels, [panel][k][32]. A tile of 12 x 32 results stays in
// registers. For m > 0 the product of complex matrices takes three real ones:
//   z'_+ = W1 (z_+ + z_-) - (W1 + W2) z_-,   z'_- = W1 (z_+ + z_-) + (W2 - W1) z_+.

#include "core/simd.hpp"
#include "core/workspace.hpp"
#include "so3/so2/shape.hpp"

namespace cartan::so3 {

inline constexpr Index tile_rows = 12;

template <class T>
inline constexpr Index depth = 768 / sizeof(T);

// c (12 x 32, rows ldc apart) = or += a b over k columns; a: rows depth<T> apart, b: rows of one panel.
// `next` is fetched meanwhile, a cache line every four columns: weights come from beyond the second-level
// cache.
template <class T>
void multiply_tile(const T* a, const T* b, Index k, T* c, Index ldc, bool add_to, const char* next) {
  using V = typename vector_of<T>::type;
  constexpr Index lanes = 64 / sizeof(T), wide = panel / lanes;
  constexpr int rows = 12 / (wide / 2);  // 24 accumulators
  for (int half = 0; half < 12; half += rows, a += rows * depth<T>, c += rows * ldc, next += k * 16) {
    V sum[rows][wide] = {};
    for (Index j = 0; j < k; ++j) {
      V right[wide];
      __builtin_prefetch(next + j * 16, 0, 2);
#pragma GCC unroll 4
      for (int w = 0; w < wide; ++w) right[w] = load<V>(b + j * panel + w * lanes);
#pragma GCC unroll 12
      for (int i = 0; i < rows; ++i) {
        const T left = a[i * depth<T> + j];
#pragma GCC unroll 4
        for (int w = 0; w < wide; ++w) sum[i][w] += left * right[w];
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
      for (int w = 0; w < wide; ++w) {
        T* to = c + i * ldc + w * lanes;
        store(to, add_to ? V(load<V>(to) + sum[i][w]) : sum[i][w]);
      }
  }
}

// c (8 x 32, rows ldc apart) += g^T x over the rows of a block: g (rows, ldg), x rows depth<T> apart.
template <class T>
void add_outer_tile(const T* g, Index ldg, const T* x, Index rows, T* c, Index ldc) {
  using V = typename vector_of<T>::type;
  constexpr Index lanes = 64 / sizeof(T), wide = panel / lanes;
  constexpr int step = 8 / (wide / 2);
  for (int half = 0; half < 8; half += step, g += step, c += step * ldc) {
    V sum[step][wide] = {};
    for (Index e = 0; e < rows; ++e) {
      V right[wide];
#pragma GCC unroll 4
      for (int w = 0; w < wide; ++w) right[w] = load<V>(x + e * depth<T> + w * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < step; ++i)
#pragma GCC unroll 4
        for (int w = 0; w < wide; ++w) sum[i][w] += g[e * ldg + i] * right[w];
    }
#pragma GCC unroll 8
    for (int i = 0; i < step; ++i)
#pragma GCC unroll 4
      for (int w = 0; w < wide; ++w) {
        T* to = c + i * ldc + w * lanes;
        store(to, V(load<V>(to) + sum[i][w]));
      }
  }
}

// A left factor: `rows` rows (rounded up to whole tiles; those beyond are zero) of `columns`.
template <class T>
struct Left {
  T* data;
  Index rows, columns;
  static Index size(Index rows, Index columns) { return round_up(columns, depth<T>) * rows; }
  T* at(Index row, Index column) const {
    return data + (column / depth<T> * rows + row) * depth<T> + column % depth<T>;
  }
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
