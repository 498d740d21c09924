// Eigen's kernel on grids of tiles.
#include "core/gemm.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "cartan/core/parallel.hpp"
#include "core/workspace.hpp"

namespace cartan {
namespace {

template <class T>
using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using View = Eigen::Map<const Dense<T>, 0, Eigen::OuterStride<>>;
template <class T>
using Result = Eigen::Map<Dense<T>, 0, Eigen::OuterStride<>>;

constexpr double serial_flops = 4e5;  // below this, threads cost more than they bring

double flops_of(Index m, Index n, Index k) {
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}
Index pieces(Index n, Index of) {
  return (n + of - 1) / of;
}

template <class T>
MatrixView<T> rows_from(MatrixView<T> a, Index first) {
  return {a.transposed ? a.data + first : a.data + first * a.stride, a.stride, a.transposed};
}
template <class T>
MatrixView<T> columns_from(MatrixView<T> a, Index first) {
  return transposed(rows_from(transposed(a), first));
}

template <class T, class X, class Y>
inline void add_product(Result<T>& out, const X& x, const Y& y, T alpha) {
  if (alpha == T(1))
    out.noalias() += x * y;
  else
    out.noalias() += alpha * x * y;
}

// Eigen makes products of so few numbers coefficient by coefficient, those before the first aligned address
// without fused additions: the bits would depend on where the result lies.
constexpr Index few = 20;  // m + n + k
template <class T>
void small_product(Index m, Index n, Index k, const MatrixView<T>& a, const MatrixView<T>& b, T* __restrict c,
                   Index stride, T alpha, bool add) {
  for (Index i = 0; i < m; ++i) {
    T* row = c + i * stride;
    if (!add) std::fill_n(row, n, T(0));
    for (Index p = 0; p < k; ++p) {
      const T x = alpha * a.data[a.transposed ? p * a.stride + i : i * a.stride + p];
      const T* y = b.data + (b.transposed ? p : p * b.stride);
      const Index step = b.transposed ? b.stride : 1;
      for (Index j = 0; j < n; ++j) row[j] += x * y[j * step];
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void product(Index m, Index n, Index k, const MatrixView<T>& a,
                                           const MatrixView<T>& b, T* c, Index stride, T alpha, bool add) {
  if (m + n + k < few) return small_product(m, n, k, a, b, c, stride, alpha, add);
  Result<T> out(c, m, n, Eigen::OuterStride<>(stride));
  for (Index i = 0; !add && i < (stride == n ? 1 : m); ++i)
    std::fill_n(c + i * stride, stride == n ? m * n : n, T(0));
  const View<T> x(a.data, a.transposed ? k : m, a.transposed ? m : k, Eigen::OuterStride<>(a.stride));
  const View<T> y(b.data, b.transposed ? n : k, b.transposed ? k : n, Eigen::OuterStride<>(b.stride));
  if (a.transposed && b.transposed)
    add_product<T>(out, x.transpose(), y.transpose(), alpha);
  else if (a.transposed)
    add_product<T>(out, x.transpose(), y, alpha);
  else if (b.transposed)
    add_product<T>(out, x, y.transpose(), alpha);
  else
    add_product<T>(out, x, y, alpha);
}

}  // namespace

template <class T>
void gemm_serial(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index stride, T alpha,
                 T beta) {
  if (m == 0 || n == 0) return;
  const bool add = beta != T(0);
  if (add && beta != T(1)) Result<T>(c, m, n, Eigen::OuterStride<>(stride)) *= beta;
  product(m, n, k, a, b, c, stride, alpha, add);
}

template <class T>
void gemm(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index stride, T alpha, T beta) {
  constexpr Index tile_rows = 256, tile_columns = 1024, cut_length = 8192;
  if (flops_of(m, n, k) < serial_flops) return gemm_serial(m, n, k, a, b, c, stride, alpha, beta);
  const Index down = pieces(m, tile_rows), across = pieces(n, tile_columns);
  const Index parts = down * across < 8 ? std::min<Index>(16, k / cut_length) : 1;
  if (parts > 1) {
    const Index length = pieces(k, parts);
    Scratch<T> partial(parts * m * n);
    parallel_for(parts, 1, [&](Index begin, Index end) {
      for (Index p = begin; p < end; ++p) {
        const Index first = p * length, count = std::max<Index>(std::min(k, first + length) - first, 0);
        gemm_serial(m, n, count, columns_from(a, first), rows_from(b, first), partial.data() + p * m * n, n,
                    alpha);
      }
    });
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) {
        T& sum = c[i * stride + j];
        sum = beta == T(0) ? T(0) : beta == T(1) ? sum : beta * sum;
        for (Index p = 0; p < parts; ++p) sum += partial.data()[(p * m + i) * n + j];
      }
    return;
  }
  parallel_for(down * across, 1, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index i = t / across * tile_rows, j = t % across * tile_columns;
      gemm_serial(std::min(tile_rows, m - i), std::min(tile_columns, n - j), k, rows_from(a, i),
                  columns_from(b, j), c + i * stride + j, stride, alpha, beta);
    }
  });
}

namespace {

// Height and width of the tiles of a batch. A long inner dimension with a small result, as in the gradients
// of weights, gets smaller ones: they are all that threads can share.
std::pair<Index, Index> tile_size(Index batch, Index m, Index n, Index k) {
  constexpr Index tallest = 128;  // the right factor is packed once a tile: taller tiles pay it less often
  constexpr Index enough_tiles = 16, least_side = 32, least_depth = 8;
  Index rows = std::min(m, tallest), columns = n;
  while (batch * pieces(m, rows) * pieces(n, columns) < enough_tiles &&
         k > least_depth * std::max(rows, columns) && std::max(rows, columns) >= 2 * least_side) {
    Index& side = rows > columns ? rows : columns;
    side = (side / 2 + 15) / 16 * 16;
  }
  return {rows, columns};
}

}  // namespace

template <class T>
void gemm_batched(const GemmBatch& batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c,
                  Index stride, const T* bias) {
  if (m == 0 || n == 0) return;
  const double flops = flops_of(m, n, k);
  const bool whole = flops < serial_flops;
  const auto [rows, columns] = whole ? std::pair{m, n} : tile_size(batch.count, m, n, k);
  const Index across = pieces(n, columns), tiles = across * pieces(m, rows);
  const Index grain = whole ? std::max<Index>(1, static_cast<Index>(serial_flops / (flops + 1))) : 1;
  parallel_for(batch.count * tiles, grain, [&, rows = rows, columns = columns](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index e = t / tiles, i = t % tiles / across * rows, j = t % across * columns;
      const Index height = std::min(rows, m - i), width = std::min(columns, n - j);
      T* out = c + e * batch.c + i * stride + j;
      if (bias != nullptr)
        for (Index r = 0; r < height; ++r) std::copy_n(bias + j, width, out + r * stride);
      product<T>(height, width, k,
                 {a.data + e * batch.a + (a.transposed ? i : i * a.stride), a.stride, a.transposed},
                 {b.data + e * batch.b + (b.transposed ? j * b.stride : j), b.stride, b.transposed}, out,
                 stride, T(1), bias != nullptr);
    }
  });
}

#define CARTAN_INSTANTIATE(T)                                                                                \
  template void gemm_serial(Index, Index, Index, MatrixView<T>, MatrixView<T>, T*, Index, T, T);             \
  template void gemm(Index, Index, Index, MatrixView<T>, MatrixView<T>, T*, Index, T, T);                    \
  template void gemm_batched(const GemmBatch&, Index, Index, Index, MatrixView<T>, MatrixView<T>, T*, Index, \
                             const T*);
CARTAN_INSTANTIATE(float)
CARTAN_INSTANTIATE(double)
CARTAN_INSTANTIATE(std::complex<float>)
CARTAN_INSTANTIATE(std::complex<double>)
#undef CARTAN_INSTANTIATE

void add_gram(Index n, Index k, MatrixView<double> a, double* g) {
  Eigen::Map<Dense<double>> out(g, n, n);
  const View<double> view(a.data, a.transposed ? k : n, a.transposed ? n : k, Eigen::OuterStride<>(a.stride));
  if (a.transposed)
    out.selfadjointView<Eigen::Lower>().rankUpdate(view.transpose());
  else
    out.selfadjointView<Eigen::Lower>().rankUpdate(view);
}

}  // namespace cartan
