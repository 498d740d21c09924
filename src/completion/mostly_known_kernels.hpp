#pragma once
// The loops of MostlyKnown over vectors of eight numbers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::completion::dense {

using V = EightDoubles;
constexpr Index lanes = 8;

inline Index whole(Index n) {
  return (n + lanes - 1) / lanes * lanes;
}
inline Index triangle(Index n) {
  return n * (n + 1) / 2;
}
inline Index at(Index i, Index j) {  // of a symmetric matrix in its lower triangle
  return i >= j ? triangle(i) + j : triangle(j) + i;
}
// Items worth a thread, where each takes so many operations.
inline Index grain_for(double operations) {
  return std::max<Index>(1, static_cast<Index>(4e5 / std::max(1.0, operations)));
}

// The lower triangles of v_l v_l^T, each in whole vectors.
inline std::vector<double> lifted(const double* v, Index rows, Index r) {
  const Index width = whole(triangle(r));
  std::vector<double> out(static_cast<std::size_t>(rows * width));
  parallel_for(rows, grain_for(static_cast<double>(width)), [&](Index begin, Index end) {
    for (Index l = begin; l < end; ++l) {
      const double* u = v + l * r;
      double* to = out.data() + l * width;
      for (Index i = 0; i < r; ++i)
        for (Index j = 0; j <= i; ++j) *to++ = u[i] * u[j];
    }
  });
  return out;
}

inline std::vector<double> column_sums(const std::vector<double>& a, Index width) {
  std::vector<double> sum(static_cast<std::size_t>(width), 0.0);
  for (std::size_t i = 0; i < a.size(); i += static_cast<std::size_t>(width))
    for (Index c = 0; c < width; ++c) sum[static_cast<std::size_t>(c)] += a[i + static_cast<std::size_t>(c)];
  return sum;
}

// w (r, n) += v^T x for L rows of x (L, n), v (L, r); n in whole vectors.
template <int L>
void add_rows(const double* x, Index n, const double* v, Index r, double* w) {
  for (Index c = 0; c < n; c += lanes) {
    V row[L];
    for (int l = 0; l < L; ++l) row[l] = load<V>(x + l * n + c);
    for (Index q = 0; q < r; ++q) {
      V sum = load<V>(w + q * n + c);
      for (int l = 0; l < L; ++l) sum += v[l * r + q] * row[l];
      store(w + q * n + c, sum);
    }
  }
}

// The same for any number of rows.
inline void add_all_rows(const double* x, Index n, const double* v, Index r, Index rows, double* w) {
  Index l = 0;
  for (; l + 8 <= rows; l += 8) add_rows<8>(x + l * n, n, v + l * r, r, w);
  for (; l < rows; ++l) add_rows<1>(x + l * n, n, v + l * r, r, w);
}

// Puts zeros where x is NaN, eight numbers; a bit for each of those.
inline unsigned zero_nans(double* x) {
#ifdef __AVX512F__
  const V v = load<V>(x);
  const __mmask8 bits = _mm512_cmp_pd_mask((__m512d)v, (__m512d)v, _CMP_UNORD_Q);
  store(x, (V)_mm512_maskz_mov_pd(static_cast<__mmask8>(~bits), (__m512d)v));
  return bits;
#elif defined(__AVX__)
  unsigned bits = 0;
  for (int half = 0; half < 2; ++half) {
    const __m256d v = _mm256_loadu_pd(x + 4 * half), nan = _mm256_cmp_pd(v, v, _CMP_UNORD_Q);
    _mm256_storeu_pd(x + 4 * half, _mm256_andnot_pd(nan, v));
    bits |= static_cast<unsigned>(_mm256_movemask_pd(nan)) << (4 * half);
  }
  return bits;
#else
  unsigned bits = 0;
  for (int e = 0; e < lanes; ++e) {
    const bool nan = std::isnan(x[e]);
    bits |= static_cast<unsigned>(nan) << e;
    if (nan) x[e] = 0;
  }
  return bits;
#endif
}

// Appends n plus the places of the bits that are set, without a branch that depends on them; the list has
// room for eight numbers more than it gets.
inline std::int32_t* append_bits(unsigned bits, std::int32_t n, std::int32_t* to) {
#ifdef __AVX512VL__
  const __m256i places = _mm256_add_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm256_maskz_compress_epi32(static_cast<__mmask8>(bits), places));
  return to + __builtin_popcount(bits);
#else
  for (std::int32_t e = 0; e < lanes; ++e) {
    *to = n + e;
    to += bits >> e & 1;
  }
  return to;
#endif
}

// The sum of the listed rows of x, `width` apart: four at a time, so that no sum waits for the one before.
inline V sum_of_rows(const double* x, Index width, const std::int32_t* first, const std::int32_t* last) {
  V sum[4] = {};
  for (; last - first >= 4; first += 4)
    for (int q = 0; q < 4; ++q) sum[q] += load<V>(x + first[q] * width);
  for (; first != last; ++first) sum[0] += load<V>(x + *first * width);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// horizontal_sum(), the same bits, in registers: through memory dots() takes half as long again.
template <class P>
inline double sum_of(P v) {
  if constexpr (register_lanes<double> == 8) {
    v += shuffle<4, 5, 6, 7, 0, 1, 2, 3>(v, v);
    v += shuffle<2, 3, 0, 1, 6, 7, 4, 5>(v, v);
    return v[0] + v[1];
  } else if constexpr (register_lanes<double> == 4) {
    Register<double> half = v.piece[0] + v.piece[1];
    half += shuffle<2, 3, 0, 1>(half, half);
    return half[0] + half[1];
  } else {
    return horizontal_sum<double>(v);
  }
}

// Of a register: zero but in the lanes whose bit is set.
inline Register<double> chosen(const Register<double>& v, std::int64_t bits) {
  typedef std::int64_t Bits __attribute__((vector_size(register_bytes)));
  Bits bit;
  for (int lane = 0; lane < register_lanes<double>; ++lane) bit[lane] = std::int64_t{1} << lane;
  return (Register<double>)((Bits)v & ((bit & bits) != 0));
}
template <int n>
inline Registers<double, n> chosen(const Registers<double, n>& v, std::int64_t bits) {
  return v.each([&](int k) { return chosen(v.piece[k], bits >> (k * register_lanes<double>)); });
}

// y (L, R) = x b^T for L rows of x (L, n), b (R, n).
template <int L, int R>
void dots(const double* x, Index n, const double* b, double* y) {
  V sum[L][R] = {};
  for (Index c = 0; c < n; c += lanes) {
    V row[R];
    for (int q = 0; q < R; ++q) row[q] = load<V>(b + q * n + c);
    for (int l = 0; l < L; ++l) {
      const V v = load<V>(x + l * n + c);
      for (int q = 0; q < R; ++q) sum[l][q] += v * row[q];
    }
  }
  for (int l = 0; l < L; ++l)
    for (int q = 0; q < R; ++q) y[l * R + q] = sum_of(sum[l][q]);
}

// The sum of squares of x - u b over the lanes that `known` has, u (r), b (r, n). R: r where it is known to
// the compiler, else 0.
template <int R>
double square_of_row(const double* x, const std::uint8_t* known, Index n, const double* u, const double* b,
                     Index r_) {
  const Index r = R ? R : r_;
  V sum{};
  for (Index c = 0; c < n; c += lanes) {
    V e = load<V>(x + c);
    for (Index q = 0; q < r; ++q) e -= u[q] * load<V>(b + q * n + c);
    e = chosen(e, known[c / lanes]);
    sum += e * e;
  }
  return sum_of(sum);
}

// a (rows, r) as (r, padded), zeros behind the rows
inline std::vector<double> across(const double* a, Index rows, Index r, Index padded) {
  std::vector<double> out(static_cast<std::size_t>(r * padded), 0.0);
  for (Index n = 0; n < rows; ++n)
    for (Index q = 0; q < r; ++q) out[static_cast<std::size_t>(q * padded + n)] = a[n * r + q];
  return out;
}

// For d (p, r): s (p (p + 1) / 2, width) with <s_ij, k> = d_i k d_j^T for any symmetric k, r x r, in its
// lower triangle of `width` numbers.
inline void forms_of(const double* d, Index p, Index r, Index width, double* s) {
  std::fill_n(s, triangle(p) * width, 0.0);
  for (Index i = 0; i < p; ++i)
    for (Index j = 0; j <= i; ++j, s += width) {
      double* to = s;
      for (Index a = 0; a < r; ++a) {
        for (Index c = 0; c < a; ++c) *to++ = d[i * r + a] * d[j * r + c] + d[i * r + c] * d[j * r + a];
        *to++ = d[i * r + a] * d[j * r + a];
      }
    }
}

// g[i] += the sum over `count` matrices k, `stride` apart, of <s_i, k>, for N forms of s, those of the next k
// `forms` numbers further on.
template <int N>
void add_forms(const double* s, Index forms, const double* k, Index stride, Index count, Index width,
               double* g) {
  V sum[N] = {};
  for (Index e = 0; e < count; ++e)
    for (Index c = 0; c < width; c += lanes) {
      const V of = load<V>(k + e * stride + c);
      for (int i = 0; i < N; ++i) sum[i] += load<V>(s + e * forms + i * width + c) * of;
    }
  for (int i = 0; i < N; ++i) g[i] += sum_of(sum[i]);
}

// b += d y for d (p, r)
inline void add_product(const double* d, const double* y, Index p, Index r, double* b) {
  for (Index i = 0; i < p; ++i)
    for (Index q = 0; q < r; ++q) b[i] += d[i * r + q] * y[q];
}

// g += d k d^T (lower triangle) for d (p, r), k a symmetric matrix in its lower triangle.
inline void add_form(Index p, Index r, const double* d, const double* k, double* g, double* row) {
  for (Index i = 0; i < p; ++i) {
    for (Index q = 0; q < r; ++q) {
      double s = 0;
      for (Index t = 0; t < r; ++t) s += d[i * r + t] * k[at(t, q)];
      row[q] = s;
    }
    for (Index j = 0; j <= i; ++j) {
      double s = 0;
      for (Index q = 0; q < r; ++q) s += row[q] * d[j * r + q];
      g[triangle(i) + j] += s;
    }
  }
}

}  // namespace cartan::completion::dense
