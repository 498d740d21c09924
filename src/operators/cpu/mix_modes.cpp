// Products of small matrices, one for every mode, with the modes fastest in memory: vectors run along them,
// a register of real parts and one of imaginary parts at a time. Matrices of neighbouring modes lie far
// apart, often by powers of two: for a block of modes they are copied into panels first, real and imaginary
// parts by themselves, in the order in which they are read.
#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"
#include "operators/cpu/pairs.hpp"
#include "operators/spectral.hpp"

namespace cartan::operators {
namespace {

template <class T>
struct Product {
  Index i, j, l, k;  // extents
  const std::complex<T>*a, *b;
  std::complex<T>* out;
  Index ai, al, bl, bj, oi, oj;  // strides
  bool conj_a, conj_b;
};

// Numbers of a register of modes in a panel; a little more, or the lines of all of them fall together.
template <class T>
Index group_size(Index l, Index count) {
  return (l * count + 2) * 2 * register_lanes<T>;
}

// The panel of `count` rows, `stride` apart, from modes k to k_end: (registers, l, count, re and im). What
// lies `ahead` is asked for.
template <class T>
void pack(const std::complex<T>* from, Index stride, Index count, Index l, Index l_stride, Index k,
          Index k_end, bool conj, T* to, Index group, Index ahead = 0) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  for (Index m = 0; m < l; ++m)
    for (Index c = 0; c < count; ++c) {
      const std::complex<T>* row = from + c * stride + m * l_stride;
      for (Index g = k; g < k_end; g += lanes) {
        if (ahead)
          for (Index line = 0; line < lanes; line += 64 / static_cast<Index>(sizeof(std::complex<T>)))
            __builtin_prefetch(row + ahead + g + line, 0, 2);
        const Pair<T> v = g + lanes <= k_end ? load_pair(row + g) : load_some(row + g, k_end - g);
        T* p = to + (g - k) / lanes * group + (m * count + c) * 2 * lanes;
        store<V>(p, v.re);
        store<V>(p + lanes, conj ? -v.im : v.im);
      }
    }
}

// A tile of rows x columns results at one register of modes.
template <int rows, int columns, class T>
inline void tile(const T* a, const T* b, Index l, std::complex<T>* out, Index oi, Index oj, Index count) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  V re[rows][columns] = {}, im[rows][columns] = {};
  for (Index m = 0; m < l; ++m, a += rows * 2 * lanes, b += columns * 2 * lanes) {
    V y_re[columns], y_im[columns];
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c)
      y_re[c] = load<V>(b + c * 2 * lanes), y_im[c] = load<V>(b + (2 * c + 1) * lanes);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const V x_re = load<V>(a + r * 2 * lanes), x_im = load<V>(a + (2 * r + 1) * lanes);
#pragma GCC unroll 4
      for (int c = 0; c < columns; ++c) {
        re[r][c] += x_re * y_re[c];
        re[r][c] -= x_im * y_im[c];
        im[r][c] += x_re * y_im[c];
        im[r][c] += x_im * y_re[c];
      }
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int c = 0; c < columns; ++c) store_some(out + r * oi + c * oj, {re[r][c], im[r][c]}, count);
}

// Short sums, and long ones of many rows: tiles of results, from panels of both.
constexpr Index tile_rows = register_count / 8;  // by two columns: half of the registers for the sums
template <class T>
void tiled_sums(const Product<T>& p, Index k, Index k_end, Index j_begin, Index j_end) {
  constexpr Index lanes = register_lanes<T>;
  const Index groups = (k_end - k + lanes - 1) / lanes, panel = groups * group_size<T>(p.l, tile_rows);
  Scratch<T> a((p.i + tile_rows - 1) / tile_rows * panel), b(groups * group_size<T>(p.l, 2));
  for (Index i = 0; i < p.i; i += tile_rows)
    pack(p.a + i * p.ai, p.ai, std::min(tile_rows, p.i - i), p.l, p.al, k, k_end, p.conj_a,
         a.data() + i / tile_rows * panel, group_size<T>(p.l, std::min(tile_rows, p.i - i)));
  for (Index j = j_begin; j < j_end; j += 2) {
    const Index columns = std::min<Index>(2, j_end - j);
    pack(p.b + j * p.bj, p.bj, columns, p.l, p.bl, k, k_end, p.conj_b, b.data(), group_size<T>(p.l, columns),
         j + 4 <= j_end ? 2 * p.bj : 0);
    for (Index i = 0; i < p.i; i += tile_rows) {
      const Index rows = std::min(tile_rows, p.i - i);
      const auto run = [&]<int r, int c>(std::integer_sequence<int, r, c>) {
        for (Index g = 0; g < groups; ++g)
          tile<r, c>(a.data() + i / tile_rows * panel + g * group_size<T>(p.l, r),
                     b.data() + g * group_size<T>(p.l, c), p.l, p.out + i * p.oi + j * p.oj + k + g * lanes,
                     p.oi, p.oj, std::min(lanes, k_end - k - g * lanes));
      };
      const auto by_rows = [&]<int c>(std::integral_constant<int, c>) {
        if constexpr (tile_rows == 4) {
          if (rows == 4) return run(std::integer_sequence<int, 4, c>{});
          if (rows == 3) return run(std::integer_sequence<int, 3, c>{});
        }
        if (rows == 2) return run(std::integer_sequence<int, 2, c>{});
        run(std::integer_sequence<int, 1, c>{});
      };
      columns == 2 ? by_rows(std::integral_constant<int, 2>{}) : by_rows(std::integral_constant<int, 1>{});
    }
  }
}

// sums += a b of `terms` neighbouring l at one column, for a few rows: of sums and of a as panels of one row
// each. What is needed of b after this is asked for from `ahead`.
template <int rows, int terms, class T>
inline void add_terms(const T* a, Index a_stride, const std::complex<T>* b, Index b_stride,
                      const std::complex<T>* ahead, T sign, Index modes, Index row, T* sums) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  const auto step = [&](Index k, auto&& read) {
    V re[rows], im[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      re[r] = load<V>(sums + r * row + 2 * k);
      im[r] = load<V>(sums + r * row + 2 * k + lanes);
    }
#pragma GCC unroll 4
    for (int m = 0; m < terms; ++m) {
      for (Index line = 0; line < lanes; line += 64 / static_cast<Index>(sizeof(std::complex<T>)))
        __builtin_prefetch(ahead + m * b_stride + k + line, 0, 3);
      const Pair<T> y = read(b + m * b_stride + k);
      const V y_im = sign * y.im;
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const T* x = a + m * a_stride + r * row + 2 * k;
        const V x_re = load<V>(x), x_im = load<V>(x + lanes);
        re[r] += x_re * y.re;
        re[r] -= x_im * y_im;
        im[r] += x_re * y_im;
        im[r] += x_im * y.re;
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      store<V>(sums + r * row + 2 * k, re[r]);
      store<V>(sums + r * row + 2 * k + lanes, im[r]);
    }
  };
  const Index whole = modes / lanes * lanes;
  for (Index k = 0; k < whole; k += lanes) step(k, [](const std::complex<T>* p) { return load_pair(p); });
  if (whole < modes) step(whole, [&](const std::complex<T>* p) { return load_some(p, modes - whole); });
}

// Numbers of a packed row of modes.
template <class T>
Index row_size(Index modes) {
  constexpr Index lanes = register_lanes<T>;
  return (modes + lanes - 1) / lanes * 2 * lanes;
}
// The rows of a, of modes k to k_end, for one l: (i, row).
template <class T>
void pack_rows(const Product<T>& p, Index l, Index k, Index k_end, T* to) {
  const Index row = row_size<T>(k_end - k);
  for (Index i = 0; i < p.i; ++i)
    pack(p.a + i * p.ai, 0, 1, 1, 0, l * p.al + k, l * p.al + k_end, p.conj_a, to + i * row,
         2 * register_lanes<T>);
}

// Long sums: b, the largest of the three, is read once, where it lies. a: packed rows (l, i, row).
template <class T>
void long_sums(const Product<T>& p, const T* a, Index k, Index k_end, Index j_begin, Index j_end) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  const Index modes = k_end - k, row = row_size<T>(modes), a_stride = p.i * row;
  Scratch<T> sums(p.i * row);
  const T sign = p.conj_b ? T(-1) : T(1);
  for (Index j = j_begin; j < j_end; ++j) {
    sums.fill(T(0));
    for (Index m = 0; m < p.l;) {
      const bool four = m + 4 <= p.l;
      const std::complex<T>* b = p.b + j * p.bj + m * p.bl + k;
      const std::complex<T>* ahead = m + 8 <= p.l    ? b + 4 * p.bl
                                     : j + 1 < j_end ? p.b + (j + 1) * p.bj + k
                                                     : b;
      const auto add = [&]<int rows>(std::integral_constant<int, rows>, Index i) {
        const T* x = a + m * a_stride + i * row;
        T* to = sums.data() + i * row;
        if (four)
          add_terms<rows, 4>(x, a_stride, b, p.bl, ahead, sign, modes, row, to);
        else
          add_terms<rows, 1>(x, a_stride, b, p.bl, b, sign, modes, row, to);
      };
      Index i = 0;
      if constexpr (register_count == 32)
        for (; i + 8 <= p.i; i += 8) add(std::integral_constant<int, 8>{}, i);
      for (; i + 4 <= p.i; i += 4) add(std::integral_constant<int, 4>{}, i);
      for (; i + 2 <= p.i; i += 2) add(std::integral_constant<int, 2>{}, i);
      for (; i < p.i; ++i) add(std::integral_constant<int, 1>{}, i);
      m += four ? 4 : 1;
    }
    for (Index i = 0; i < p.i; ++i)
      for (Index g = 0; g < modes; g += lanes) {
        const T* from = sums.data() + i * row + 2 * g;
        store_some(p.out + i * p.oi + j * p.oj + k + g, {load<V>(from), load<V>(from + lanes)}, modes - g);
      }
  }
}

// Long sums of a few rows: of b the columns of a block follow one another in memory for each l, and are read
// in that order, asked for a page ahead. The sums of the block stay in the second-level cache. a: packed rows
// (l, i, row).
template <class T>
void streamed_sums(const Product<T>& p, const T* a, Index j_begin, Index j_end) {
  using V = Register<T>;
  constexpr Index lanes = register_lanes<T>;
  const Index row = row_size<T>(p.k), columns = j_end - j_begin;
  Scratch<T> sums(columns * p.i * row, T(0));
  const T sign = p.conj_b ? T(-1) : T(1);
  constexpr Index page = 4096 / static_cast<Index>(sizeof(std::complex<T>));
  const Index last = (p.l - 2) * p.bl + (p.j - 1) * p.bj;  // of the rows that may be asked for
  for (Index m = 0; m < p.l;) {
    const bool two = m + 2 <= p.l;
    for (Index j = 0; j < columns; ++j) {
      const Index at = (j_begin + j) * p.bj + m * p.bl;
      const std::complex<T>*b = p.b + at, *ahead = p.b + std::min(at + page, last);
      const auto add = [&]<int rows>(std::integral_constant<int, rows>, Index i) {
        const T* x = a + (m * p.i + i) * row;
        T* to = sums.data() + (j * p.i + i) * row;
        if (two)
          add_terms<rows, 2>(x, p.i * row, b, p.bl, ahead, sign, p.k, row, to);
        else
          add_terms<rows, 1>(x, p.i * row, b, p.bl, b, sign, p.k, row, to);
      };
      Index i = 0;
      for (; i + 4 <= p.i; i += 4) add(std::integral_constant<int, 4>{}, i);
      for (; i + 2 <= p.i; i += 2) add(std::integral_constant<int, 2>{}, i);
      for (; i < p.i; ++i) add(std::integral_constant<int, 1>{}, i);
    }
    m += two ? 2 : 1;
  }
  for (Index j = 0; j < columns; ++j)
    for (Index i = 0; i < p.i; ++i)
      for (Index g = 0; g < p.k; g += lanes) {
        const T* from = sums.data() + (j * p.i + i) * row + 2 * g;
        store_some(p.out + i * p.oi + (j_begin + j) * p.oj + g, {load<V>(from), load<V>(from + lanes)},
                   p.k - g);
      }
}

template <class T>
void multiply(const Product<T>& p) {
  // long sums are for few rows, and where b stays in a cache; otherwise sums stay in registers all along
  const bool fits = p.l * p.j * p.k * static_cast<Index>(sizeof(std::complex<T>)) <= 1 << 20;
  const bool long_ones = p.l > 4 && (fits || p.i < 2 * tile_rows);
  const Index bytes = p.i * p.k * static_cast<Index>(sizeof(std::complex<T>));
  const bool streamed = long_ones && p.bj == p.k && bytes <= 1 << 16;
  // blocks of modes whose panels stay in the second-level cache; where the modes are few, columns are shared
  // out
  const Index fit =
      (Index{1} << 19) / (p.i * std::max<Index>(1, p.l) * static_cast<Index>(sizeof(std::complex<T>)));
  const Index block = streamed ? p.k : std::clamp<Index>(fit / 64 * 64, 64, 512),
              k_blocks = (p.k + block - 1) / block;
  // where sums are long all share the rows of a, packed once: (k_blocks, l, i, row)
  const Index rows = p.i * row_size<T>(std::min(block, p.k)), panel = p.l * rows;
  Scratch<T> a(long_ones ? k_blocks * panel : 0);
  if (long_ones)
    parallel_for(k_blocks * p.l, std::max<Index>(1, 16384 / rows), [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t) {
        const Index k = t / p.l * block, l = t % p.l, k_end = std::min(p.k, k + block);
        pack_rows(p, l, k, k_end, a.data() + t / p.l * panel + l * p.i * row_size<T>(k_end - k));
      }
    });
  if (streamed) {
    const Index columns = std::clamp<Index>((p.j + 7) / 8, 1, std::max<Index>(1, (Index{1} << 18) / bytes));
    return parallel_for((p.j + columns - 1) / columns, 1, [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t)
        streamed_sums(p, a.data(), t * columns, std::min(p.j, (t + 1) * columns));
    });
  }
  const Index columns = k_blocks >= 16 ? p.j : std::max<Index>(2, (p.j * k_blocks / 16 + 1) / 2 * 2);
  const Index j_blocks = (p.j + columns - 1) / columns;
  parallel_for(k_blocks * j_blocks, 1, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index k = t / j_blocks * block, j = t % j_blocks * columns;
      const Index k_end = std::min(p.k, k + block), j_end = std::min(p.j, j + columns);
      long_ones ? long_sums(p, a.data() + t / j_blocks * panel, k, k_end, j, j_end)
                : tiled_sums(p, k, k_end, j, j_end);
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
