// Both factors are packed into panels whose elements lie as the inner loop reads them, 32 bits a step: one
// float32, or two neighbours along k in bfloat16, which the processor multiplies and sums at once. A tile of
// `tile_rows` x 32 results stays in registers while a stretch of k goes by; the stretches follow each other
// in order, and tiles do not depend on threads.
#include "completion/neural/product.hpp"

#include <bit>
#include <cstring>
#include <vector>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "cartan/core/parallel.hpp"
#include "completion/neural/cpu/live.hpp"
#include "core/workspace.hpp"

namespace cartan::completion {

float rounded_to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return x;  // not a number
  return std::bit_cast<float>((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
}

namespace {

// Whatever the processor: core's product, of factors that were rounded.
void multiply_plainly(Products products, Index m, Index n, Index k, MatrixView<float> a, MatrixView<float> b,
                      float* c, const float* bias, bool rectify) {
  Scratch<float> round_a, round_b;
  const auto round = [](MatrixView<float>& x, Index rows, Index columns, Scratch<float>& memory) {
    if (x.transposed) std::swap(rows, columns);
    memory = Scratch<float>(rows * columns);
    parallel_for(rows, 64, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index j = 0; j < columns; ++j)
          memory[i * columns + j] = rounded_to_bfloat16(x.data[i * x.stride + j]);
    });
    x.data = memory.data();
    x.stride = columns;
  };
  if (products == Products::bf16) {
    round(a, m, k, round_a);
    round(b, k, n, round_b);
  }
  gemm_batched<float>({}, m, n, k, a, b, c, n, bias);
  if (!rectify) return;
  parallel_for(m, std::max<Index>(1, 16384 / std::max<Index>(1, n)), [&](Index begin, Index end) {
    for (Index i = begin * n; i < end * n; ++i) c[i] = c[i] > 0 ? c[i] : c[i] != c[i] ? c[i] : 0.0f;
  });
}

#ifdef __AVX512F__

constexpr Index tile_rows = 12, tile_columns = 32;  // 24 registers of sums
constexpr Index stretch = 512;                      // steps: a panel of b stays near, results pass seldom
constexpr Index block_rows = 8 * tile_rows, block_columns = 8 * tile_columns;  // the work of one thread

struct SingleStep {
  static constexpr Index depth = 1;
  static __m512 add(__m512 sum, __m512i a, __m512i b) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), sum);
  }
  static __m512i pack(__m512 x, __m512) { return _mm512_castps_si512(x); }
};

#ifdef __AVX512BF16__
struct BfloatStep {
  static constexpr Index depth = 2;
  static __m512 add(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  // x below y in every lane
  static __m512i pack(__m512 x, __m512 y) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(y));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
};
#endif

Index pieces(Index n, Index of) {
  return (n + of - 1) / of;
}
__mmask16 first_lanes(Index count) {
  return count >= 16  ? __mmask16(0xffff)
         : count <= 0 ? __mmask16(0)
                      : static_cast<__mmask16>((1u << count) - 1);
}

// The 16 x 16 transpose of 32-bit lanes.
[[gnu::always_inline]] inline void transpose_lanes(__m512i r[16]) {
  __m512i t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 16
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 8)
#pragma GCC unroll 16
    for (int j = 0; j < 4; ++j) {
      t[i + j] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0xdd);
    }
#pragma GCC unroll 16
  for (int j = 0; j < 8; ++j) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
    r[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd);
  }
}

// Sixteen steps along a row that lies densely, from element k; missing ones are 0.
template <class Step>
__m512i along_row(const float* row, Index k, Index end) {
  if constexpr (Step::depth == 1) {
    return _mm512_castps_si512(_mm512_maskz_loadu_ps(first_lanes(end - k), row + k));
  } else {
#ifdef __AVX512BF16__
    const __m512 low = _mm512_maskz_loadu_ps(first_lanes(end - k), row + k);
    const __m512 high = _mm512_maskz_loadu_ps(first_lanes(end - k - 16), row + k + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
#endif
  }
}

// One panel: `width` vectors of length k from `first` on, as [step][width] of 32 bits; missing ones are 0.
// Of x, vector i is row i.
template <class Step>
void pack_panel(MatrixView<float> x, Index first, Index count, Index width, Index k, std::uint32_t* out) {
  const Index steps = pieces(k, Step::depth);
  if (!x.transposed) {  // the vectors lie densely
    for (Index i = 0; i < width; i += 16) {
      const Index lanes = std::min<Index>(16, width - i);
      for (Index s = 0; s < steps; s += 16) {
        __m512i r[16];
#pragma GCC unroll 16
        for (Index j = 0; j < 16; ++j)
          r[j] = i + j < count ? along_row<Step>(x.data + (first + i + j) * x.stride, s * Step::depth, k)
                               : _mm512_setzero_si512();
        transpose_lanes(r);
        const Index left = std::min<Index>(16, steps - s);
#pragma GCC unroll 16
        for (Index j = 0; j < 16; ++j)
          if (j < left) _mm512_mask_storeu_epi32(out + (s + j) * width + i, first_lanes(lanes), r[j]);
      }
    }
    return;
  }
  for (Index s = 0; s < steps; ++s) {  // what lies densely are their elements of one number
    const float* row = x.data + s * Step::depth * x.stride + first;
    const float* next = Step::depth == 2 && s * 2 + 1 < k ? row + x.stride : nullptr;
    for (Index i = 0; i < width; i += 16) {
      const __mmask16 have = first_lanes(count - i);
      const __m512 low = _mm512_maskz_loadu_ps(have, row + i);
      const __m512 high = next ? _mm512_maskz_loadu_ps(have, next + i) : _mm512_setzero_ps();
      _mm512_mask_storeu_epi32(out + s * width + i, first_lanes(width - i), Step::pack(low, high));
    }
  }
}

struct Results {
  float* c;
  Index stride, rows, columns;  // of the tile that exist
  const float* bias;
  bool first, last, rectify;  // stretch of k
};

template <class Step>
void tile(Index steps, const std::uint32_t* a, const std::uint32_t* b, const Results& r) {
  __m512 sum[tile_rows][2];
#pragma GCC unroll 12
  for (int i = 0; i < tile_rows; ++i) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  for (Index s = 0; s < steps; ++s) {
    const __m512i left = _mm512_load_si512(b + s * tile_columns);
    const __m512i right = _mm512_load_si512(b + s * tile_columns + 16);
#pragma GCC unroll 12
    for (int i = 0; i < tile_rows; ++i) {
      const __m512i x = _mm512_set1_epi32(static_cast<int>(a[s * tile_rows + i]));
      sum[i][0] = Step::add(sum[i][0], x, left);
      sum[i][1] = Step::add(sum[i][1], x, right);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < tile_rows; ++i)
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      if (i >= r.rows) continue;
      const __mmask16 lanes = first_lanes(r.columns - 16 * half);
      float* out = r.c + i * r.stride + 16 * half;
      __m512 y = sum[i][half];
      if (!r.first) y = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, out), y);
      if (r.last) {
        if (r.bias) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes, r.bias + 16 * half));
        if (r.rectify) y = _mm512_max_ps(_mm512_setzero_ps(), y);  // of NaN: NaN
      }
      _mm512_mask_storeu_ps(out, lanes, y);
    }
}

template <class Step>
void multiply_tiles(Index m, Index n, Index k, MatrixView<float> a, MatrixView<float> b, float* c,
                    const float* bias, bool rectify) {
  const Index steps = pieces(k, Step::depth);
  const Index down = pieces(m, tile_rows), across = pieces(n, tile_columns);
  Scratch<std::uint32_t> left(down * steps * tile_rows), right(across * steps * tile_columns);
  const MatrixView<float> columns = transposed(b);
  parallel_for(down + across, 4, [&](Index begin, Index end) {
    for (Index p = begin; p < end; ++p) {
      if (p < across)
        pack_panel<Step>(columns, p * tile_columns, std::min(tile_columns, n - p * tile_columns),
                         tile_columns, k, right.data() + p * steps * tile_columns);
      else
        pack_panel<Step>(a, (p - across) * tile_rows, std::min(tile_rows, m - (p - across) * tile_rows),
                         tile_rows, k, left.data() + (p - across) * steps * tile_rows);
    }
  });
  const Index high = pieces(m, block_rows), wide = pieces(n, block_columns);
  parallel_for(high * wide, 1, [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      const Index i0 = block / wide * block_rows, j0 = block % wide * block_columns;
      const Index i1 = std::min(m, i0 + block_rows), j1 = std::min(n, j0 + block_columns);
      for (Index s = 0; s < steps; s += stretch) {
        const Index length = std::min(stretch, steps - s);
        for (Index j = j0; j < j1; j += tile_columns)
          for (Index i = i0; i < i1; i += tile_rows)
            tile<Step>(length, left.data() + (i / tile_rows * steps + s) * tile_rows,
                       right.data() + (j / tile_columns * steps + s) * tile_columns,
                       {c + i * n + j, n, i1 - i, j1 - j, bias ? bias + j : nullptr, s == 0,
                        s + length == steps, rectify});
      }
    }
  });
}

#endif

void multiply_all(Products products, Index m, Index n, Index k, MatrixView<float> a, MatrixView<float> b,
                  float* c, const float* bias, bool rectify) {
#ifdef __AVX512F__
  // Packing pays where every element is used many times.
  constexpr Index least = 8;
  if (k > 0 && m >= least && n >= least) {
    if (products == Products::f32) return multiply_tiles<SingleStep>(m, n, k, a, b, c, bias, rectify);
#ifdef __AVX512BF16__
    return multiply_tiles<BfloatStep>(m, n, k, a, b, c, bias, rectify);
#endif
  }
#endif
  multiply_plainly(products, m, n, k, a, b, c, bias, rectify);
}

}  // namespace

void multiply_float(Products products, Index m, Index n, Index k, MatrixView<float> a, MatrixView<float> b,
                    float* c, const float* bias, bool rectify) {
  if (m == 0 || n == 0) return;
  // With a bias nothing is left out: a prediction has the same bits whatever entries stand beside it.
  if (bias || m * n * k < 1 << 18) return multiply_all(products, m, n, k, a, b, c, bias, rectify);
  // the columns of a factor go along the results, or along what is summed
  const Live of_a =
                 a.transposed ? live_columns(a.data, k, m, a.stride) : live_columns(a.data, m, k, a.stride),
             of_b =
                 b.transposed ? live_columns(b.data, n, k, b.stride) : live_columns(b.data, k, n, b.stride);
  Live rows{m, true, {}}, columns{n, true, {}}, inner{k, true, {}};
  (a.transposed ? rows : inner) = of_a;
  if (b.transposed)
    inner = common(inner, of_b);
  else
    columns = of_b;
  const Selected left(a, a.transposed ? inner : rows, a.transposed ? rows : inner),
      right(b, b.transposed ? columns : inner, b.transposed ? inner : columns);
  if (rows.all && columns.all)
    return multiply_all(products, m, n, inner.count(), left.view, right.view, c, bias, rectify);
  Scratch<float> some(rows.count() * columns.count());
  if (some.size() > 0)
    multiply_all(products, rows.count(), columns.count(), inner.count(), left.view, right.view, some.data(),
                 nullptr, rectify);
  spread(some.data(), rows, columns, c);
}

}  // namespace cartan::completion
