#include "linalg/gemm.hpp"

#include <Eigen/Core>
#include <vector>

#include "cartan/core/parallel.hpp"

namespace cartan::linalg {
namespace {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using View = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;

constexpr double serial_flops = 4e5;  // below this, threads cost more than they bring
constexpr Index tile_rows = 256, tile_columns = 1024, cut_length = 8192;

template <class T>
T* offset(T* p, Index row, Index column, Index stride) {
  return p + row * stride + column;
}
template <class T>
Operand<T> rows_from(Operand<T> a, Index first) {
  return {a.transposed ? a.data + first : a.data + first * a.stride, a.stride, a.transposed};
}
template <class T>
Operand<T> columns_from(Operand<T> a, Index first) {
  return transposed(rows_from(transposed(a), first));
}

}  // namespace

template <class T>
void multiply_serial(Index m, Index n, Index k, Operand<T> a, Operand<T> b, T* c, Index stride, bool add) {
  if (m == 0 || n == 0) return;
  Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>> out(c, m, n, Eigen::OuterStride<>(stride));
  const View<T> left(a.data, a.transposed ? k : m, a.transposed ? m : k, Eigen::OuterStride<>(a.stride));
  const View<T> right(b.data, b.transposed ? n : k, b.transposed ? k : n, Eigen::OuterStride<>(b.stride));
  auto run = [&](const auto& x, const auto& y) {
    if (add)
      out.noalias() += x * y;
    else
      out.noalias() = x * y;
  };
  if (a.transposed && b.transposed)
    run(left.transpose(), right.transpose());
  else if (a.transposed)
    run(left.transpose(), right);
  else if (b.transposed)
    run(left, right.transpose());
  else
    run(left, right);
}

template <class T>
void multiply(Index m, Index n, Index k, Operand<T> a, Operand<T> b, T* c, Index stride, bool add) {
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  if (flops < serial_flops) return multiply_serial(m, n, k, a, b, c, stride, add);
  const Index down = (m + tile_rows - 1) / tile_rows, across = (n + tile_columns - 1) / tile_columns;
  const Index parts = down * across < 8 ? std::min<Index>(16, k / cut_length) : 1;
  if (parts > 1) {
    const Index length = (k + parts - 1) / parts;
    std::vector<T> partial(static_cast<std::size_t>(parts * m * n));
    parallel_for(parts, 1, [&](Index begin, Index end) {
      for (Index p = begin; p < end; ++p) {
        const Index first = p * length, count = std::min(k, first + length) - first;
        multiply_serial(m, n, std::max<Index>(count, 0), columns_from(a, first), rows_from(b, first),
                        partial.data() + p * m * n, n);
      }
    });
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) {
        T sum = add ? *offset(c, i, j, stride) : T(0);
        for (Index p = 0; p < parts; ++p) sum += partial[static_cast<std::size_t>((p * m + i) * n + j)];
        *offset(c, i, j, stride) = sum;
      }
    return;
  }
  parallel_for(down * across, 1, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index i = t / across * tile_rows, j = t % across * tile_columns;
      multiply_serial(std::min(tile_rows, m - i), std::min(tile_columns, n - j), k, rows_from(a, i),
                      columns_from(b, j), offset(c, i, j, stride), stride, add);
    }
  });
}

template void multiply_serial(Index, Index, Index, Operand<float>, Operand<float>, float*, Index, bool);
template void multiply_serial(Index, Index, Index, Operand<double>, Operand<double>, double*, Index, bool);
template void multiply(Index, Index, Index, Operand<float>, Operand<float>, float*, Index, bool);
template void multiply(Index, Index, Index, Operand<double>, Operand<double>, double*, Index, bool);

void add_gram(Index n, Index k, Operand<double> a, double* g) {
  Eigen::Map<RowMajor<double>> out(g, n, n);
  const View<double> view(a.data, a.transposed ? k : n, a.transposed ? n : k, Eigen::OuterStride<>(a.stride));
  if (a.transposed)
    out.selfadjointView<Eigen::Lower>().rankUpdate(view.transpose());
  else
    out.selfadjointView<Eigen::Lower>().rankUpdate(view);
}

}  // namespace cartan::linalg
