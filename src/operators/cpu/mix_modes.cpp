// Products of small matrices, one for every mode, with the modes fastest in memory: vectors run along them,
// sixteen complex numbers of float32 (eight of float64) at a time.
#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"
#include "operators/spectral.hpp"

namespace cartan::operators {
namespace {

// Real and imaginary parts of a register of complex numbers each.
template <class T>
struct Pair {
  typename vector_of<T>::type re, im;
};

template <class V, int... lanes>
inline V evens(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<(2 * lanes)...>(a, b);
}
template <class V, int... lanes>
inline V odds(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<(2 * lanes + 1)...>(a, b);
}
template <class V, int n, int... lanes>
inline V zip_low(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<((lanes % 2 == 0 ? 0 : n) + lanes / 2)...>(a, b);
}
template <class V, int n, int... lanes>
inline V zip_high(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<((lanes % 2 == 0 ? 0 : n) + n / 2 + lanes / 2)...>(a, b);
}

template <class T>
inline Pair<T> load_pair(const std::complex<T>* p) {
  using V = typename vector_of<T>::type;
  constexpr int n = 64 / sizeof(T);
  const T* t = reinterpret_cast<const T*>(p);
  const V a = load<V>(t), b = load<V>(t + n);
  using All = std::make_integer_sequence<int, n>;
  return {evens(a, b, All{}), odds(a, b, All{})};
}
template <class T>
inline void store_pair(std::complex<T>* p, const Pair<T>& v) {
  using V = typename vector_of<T>::type;
  constexpr int n = 64 / sizeof(T);
  T* t = reinterpret_cast<T*>(p);
  using All = std::make_integer_sequence<int, n>;
  store(t, zip_low<V, n>(v.re, v.im, All{}));
  store(t + n, zip_high<V, n>(v.re, v.im, All{}));
}

template <class T>
struct Product {
  Index i, j, l, k;  // extents
  const std::complex<T>*a, *b;
  std::complex<T>* out;
  Index ai, al, bl, bj, oi, oj;  // strides
  bool conj_a, conj_b;
};

// A tile of rows x columns results at one register of modes.
template <int rows, int columns, bool conj_a, bool conj_b, class T>
inline void tile(const Product<T>& p, Index i, Index j, Index k) {
  using V = typename vector_of<T>::type;
  V re[rows][columns] = {}, im[rows][columns] = {};
  const std::complex<T>*a = p.a + i * p.ai + k, *b = p.b + j * p.bj + k;
  for (Index l = 0; l < p.l; ++l, a += p.al, b += p.bl) {
    Pair<T> y[columns];
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) {
      y[c] = load_pair(b + c * p.bj);
      if (conj_b) y[c].im = -y[c].im;
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      Pair<T> x = load_pair(a + r * p.ai);
      if (conj_a) x.im = -x.im;
#pragma GCC unroll 4
      for (int c = 0; c < columns; ++c) {
        re[r][c] += x.re * y[c].re;
        re[r][c] -= x.im * y[c].im;
        im[r][c] += x.re * y[c].im;
        im[r][c] += x.im * y[c].re;
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c)
      store_pair(p.out + (i + r) * p.oi + (j + c) * p.oj + k, {re[r][c], im[r][c]});
}

template <bool conj_a, bool conj_b, class T>
void modes(const Product<T>& p, Index k_begin, Index k_end, Index j_begin, Index j_end) {
  constexpr Index lanes = 64 / sizeof(T);
  const Index whole = k_begin + (k_end - k_begin) / lanes * lanes;
  for (Index j = j_begin; j < j_end; j += 2) {
    const bool two = j + 1 < j_end;
    for (Index i = 0; i < p.i; i += 4)
      for (Index k = k_begin; k < whole; k += lanes) {
        switch (std::min<Index>(4, p.i - i) * 2 + two) {
          case 9:
            tile<4, 2, conj_a, conj_b>(p, i, j, k);
            break;
          case 8:
            tile<4, 1, conj_a, conj_b>(p, i, j, k);
            break;
          case 7:
            tile<3, 2, conj_a, conj_b>(p, i, j, k);
            break;
          case 6:
            tile<3, 1, conj_a, conj_b>(p, i, j, k);
            break;
          case 5:
            tile<2, 2, conj_a, conj_b>(p, i, j, k);
            break;
          case 4:
            tile<2, 1, conj_a, conj_b>(p, i, j, k);
            break;
          case 3:
            tile<1, 2, conj_a, conj_b>(p, i, j, k);
            break;
          default:
            tile<1, 1, conj_a, conj_b>(p, i, j, k);
            break;
        }
      }
  }
  for (Index j = j_begin; j < j_end; ++j)  // what is left of the modes
    for (Index i = 0; i < p.i; ++i) {
      std::complex<T> sum[lanes] = {};
      for (Index l = 0; l < p.l; ++l) {
        const std::complex<T>*a = p.a + i * p.ai + l * p.al, *b = p.b + l * p.bl + j * p.bj;
        for (Index k = whole; k < k_end; ++k) {
          const T xr = a[k].real(), xi = conj_a ? -a[k].imag() : a[k].imag();
          const T yr = b[k].real(), yi = conj_b ? -b[k].imag() : b[k].imag();
          sum[k - whole] += std::complex<T>(xr * yr - xi * yi, xr * yi + xi * yr);
        }
      }
      std::copy_n(sum, k_end - whole, p.out + i * p.oi + j * p.oj + whole);
    }
}

template <class T>
void multiply(const Product<T>& p) {
  // blocks of modes that keep what is read again in the caches; where the modes are few, columns are shared
  // out
  const Index block = 64, k_blocks = (p.k + block - 1) / block;
  const Index columns = k_blocks >= 32 ? p.j : std::max<Index>(2, (p.j * k_blocks / 32 + 1) / 2 * 2);
  const Index j_blocks = (p.j + columns - 1) / columns;
  parallel_for(k_blocks * j_blocks, 1, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index k = t / j_blocks * block, j = t % j_blocks * columns;
      const Index k_end = std::min(p.k, k + block), j_end = std::min(p.j, j + columns);
      if (p.conj_a)
        p.conj_b ? modes<true, true>(p, k, k_end, j, j_end) : modes<true, false>(p, k, k_end, j, j_end);
      else
        p.conj_b ? modes<false, true>(p, k, k_end, j, j_end) : modes<false, false>(p, k, k_end, j, j_end);
    }
  });
}

}  // namespace

Arrays MixModes::eval_cpu(const Arrays& in) const {
  // of the slots x (b, c), r (c, o), y (b, o)
  const Array &a = in[0], &b = in[1];
  const Index k = a.dim(2);
  const Index i = slot_ == r ? a.dim(1) : a.dim(0), l = slot_ == r ? a.dim(0) : a.dim(1);
  const Index j = slot_ == x ? b.dim(0) : b.dim(1);
  Array out = Array::uninitialized({i, j, k}, a.dtype());
  if (out.empty()) return {out};
  dispatch_real(name(), a.dtype() == DType::c64 ? DType::f32 : DType::f64, [&]<class T>(T) {
    using C = std::complex<T>;
    Product<T> p{i, j, l,     k, a.data<C>(), b.data<C>(), out.mutable_data<C>(), 0, 0,
                 0, 0, j * k, k, conj_a_,     conj_b_};
    // x: sum over o of y (b, o) r (c, o); r: over b of x (b, c) y (b, o); y: over c of x (b, c) r (c, o)
    p.ai = slot_ == r ? k : a.dim(1) * k, p.al = slot_ == r ? a.dim(1) * k : k;
    p.bl = slot_ == x ? k : b.dim(1) * k, p.bj = slot_ == x ? b.dim(1) * k : k;
    multiply(p);
  });
  return {out};
}

}  // namespace cartan::operators
