#pragma once
// The loops of MostlyKnown over vectors of eight numbers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"

namespace cartan::completion::dense {

using V = vector_of<double>::type;
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

// A bit for each of eight numbers that is NaN.
inline unsigned nan_lanes(const double* x) {
#ifdef __AVX512F__
  const __m512d v = _mm512_loadu_pd(x);
  return _mm512_cmp_pd_mask(v, v, _CMP_UNORD_Q);
#else
  unsigned bits = 0;
  for (unsigned e = 0; e < lanes; ++e) bits |= static_cast<unsigned>(std::isnan(x[e])) << e;
  return bits;
#endif
}

// horizontal_sum(), the same bits, in registers: through memory dots() takes half as long again.
inline double sum_of(V v) {
  v += shuffle<4, 5, 6, 7, 0, 1, 2, 3>(v, v);
  v += shuffle<2, 3, 0, 1, 6, 7, 4, 5>(v, v);
  return v[0] + v[1];
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
  typedef std::int64_t Bits __attribute__((vector_size(64)));
  constexpr Bits bit{1, 2, 4, 8, 16, 32, 64, 128};
  const Index r = R ? R : r_;
  V sum{};
  for (Index c = 0; c < n; c += lanes) {
    V e = load<V>(x + c);
    for (Index q = 0; q < r; ++q) e -= u[q] * load<V>(b + q * n + c);
    e = (V)((Bits)e & ((bit & static_cast<std::int64_t>(known[c / lanes])) != 0));
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

// g += d k d^T (lower triangle), b += d y for d (p, r), k a symmetric matrix in its lower triangle. P and R:
// p and r where they are known to the compiler, else 0.
template <int P, int R>
void add_fibre(Index p_, Index r_, const double* d, const double* y, const double* k, double* g, double* b,
               double* row) {
  const Index p = P ? P : p_, r = R ? R : r_;
  for (Index i = 0; i < p; ++i) {
    double right = 0;
    for (Index q = 0; q < r; ++q) {
      double s = 0;
      for (Index t = 0; t < r; ++t) s += d[i * r + t] * k[at(t, q)];
      row[q] = s, right += d[i * r + q] * y[q];
    }
    b[i] += right;
    for (Index j = 0; j <= i; ++j) {
      double s = 0;
      for (Index q = 0; q < r; ++q) s += row[q] * d[j * r + q];
      g[triangle(i) + j] += s;
    }
  }
}

}  // namespace cartan::completion::dense
