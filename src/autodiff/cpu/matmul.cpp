// Products of matrices: Eigen's kernel on a fixed grid of output tiles. The inner dimension is never cut,
// so the bits of a result depend neither on the threads nor on the tiling of other rows.
#include "autodiff/matmul.hpp"

#include <Eigen/Core>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"

namespace cartan::primitives {
namespace {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using View = Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>;

constexpr Index tile_rows = 128;  // Eigen packs the right factor once a tile: taller tiles pay it less often
constexpr Index enough_tiles = 16, least_side = 32, least_depth = 8;
constexpr double serial_flops = 4e5;  // below this, threads cost more than they bring

// Rows and columns of the result.
struct Tile {
  Index row, rows, column, columns;
};

// c (m x n, row-major) = or += op(a) op(b), one tile only.
template <class T>
void multiply_tile(const T* a, const T* b, T* c, const MatrixSizes& s, bool ta, bool tb, const Tile& t,
                   bool add_to) {
  Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>> out(c + t.row * s.n + t.column, t.rows, t.columns,
                                                     Eigen::OuterStride<>(s.n));
  const View<T> left(ta ? a + t.row : a + t.row * s.k, ta ? s.k : t.rows, ta ? t.rows : s.k,
                     Eigen::OuterStride<>(ta ? s.m : s.k));
  const View<T> right(tb ? b + t.column * s.k : b + t.column, tb ? t.columns : s.k, tb ? s.k : t.columns,
                      Eigen::OuterStride<>(tb ? s.k : s.n));
  auto run = [&](const auto& x, const auto& y) {
    if (add_to)
      out.noalias() += x * y;
    else
      out.noalias() = x * y;
  };
  if (ta && tb)
    run(left.transpose(), right.transpose());
  else if (ta)
    run(left.transpose(), right);
  else if (tb)
    run(left, right.transpose());
  else
    run(left, right);
}

// Height and width of the tiles. A long inner dimension with a small result, as in the gradients of weights,
// gets smaller ones: they are all that threads can share.
std::pair<Index, Index> tile_size(const MatrixSizes& s) {
  Index rows = std::min(s.m, tile_rows), columns = s.n;
  const auto tiles = [&] { return s.batch * ((s.m + rows - 1) / rows) * ((s.n + columns - 1) / columns); };
  while (tiles() < enough_tiles && s.k > least_depth * std::max(rows, columns) &&
         std::max(rows, columns) >= 2 * least_side) {
    Index& side = rows > columns ? rows : columns;
    side = (side / 2 + 15) / 16 * 16;
  }
  return {rows, columns};
}

template <class T>
void multiply_batch(const T* a, const T* b, const T* bias, T* c, const MatrixSizes& s, bool ta, bool tb) {
  const double flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  const bool whole = flops < serial_flops;
  const auto [rows, columns] = whole ? std::pair{s.m, s.n} : tile_size(s);
  const Index across = (s.n + columns - 1) / columns, tiles = across * ((s.m + rows - 1) / rows);
  const Index grain = whole ? std::max<Index>(1, static_cast<Index>(serial_flops / (flops + 1))) : 1;
  parallel_for(s.batch * tiles, grain, [&, rows = rows, columns = columns](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      const Index e = k / tiles, row = k % tiles / across * rows, column = k % across * columns;
      const Tile t{row, std::min(rows, s.m - row), column, std::min(columns, s.n - column)};
      T* out = c + e * s.m * s.n;
      if (bias)
        for (Index r = row; r < row + t.rows; ++r)
          std::copy_n(bias + column, t.columns, out + r * s.n + column);
      multiply_tile(a + e * s.m * s.k, b + e * s.k * s.n, out, s, ta, tb, t, bias != nullptr);
    }
  });
}

}  // namespace

Arrays MatMul::eval_cpu(const Arrays& in) const {
  if (sizes_.k == 0) return {Array::zeros(shape_, in[0].dtype())};
  Array out = Array::uninitialized(shape_, in[0].dtype());
  if (out.empty()) return {out};
  dispatch_field("matmul", out.dtype(), [&]<class T>(T) {
    multiply_batch<T>(in[0].data<T>(), in[1].data<T>(), nullptr, out.mutable_data<T>(), sizes_, ta_, tb_);
  });
  return {out};
}

Arrays Linear::eval_cpu(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape.back() = in[1].dim(0);
  const Index k = in[1].dim(1);
  Array out = Array::uninitialized(shape, in[0].dtype());
  if (out.empty()) return {out};
  const MatrixSizes sizes{1, in[0].size() / std::max<Index>(k, 1), shape.back(), k};
  dispatch_field("linear", out.dtype(), [&]<class T>(T) {
    multiply_batch<T>(in[0].data<T>(), in[1].data<T>(), in[2].data<T>(), out.mutable_data<T>(), sizes, false,
                      true);
  });
  return {out};
}

}  // namespace cartan::primitives
