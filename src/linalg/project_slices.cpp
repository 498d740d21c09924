// Projections of slices whose contracted index is not the last: rows of a slice are combined.
#include <algorithm>
#include <cstring>
#include <vector>

#include "cartan/core/parallel.hpp"
#include "core/simd.hpp"
#include "linalg/project_rows.hpp"

namespace cartan::linalg {
namespace {

constexpr Index tile_rows = 64, tile_columns = 512;
constexpr int most_rows = register_count >= 32 ? 12 : 6;  // of two sums each, in registers

/// y[b, :] += sum_i u[i, b] x[i, :] for B rows of y, `count` rows of x and two vectors of columns, in
/// registers.
template <class V, int B, class T>
void combine(const T* x, Index x_stride, Index count, const T* u, Index u_stride, T* y, Index y_stride) {
  constexpr Index L = sizeof(V) / sizeof(T);
  V sum[B][2];
  for (int b = 0; b < B; ++b)
    for (int w = 0; w < 2; ++w) sum[b][w] = load<V>(y + b * y_stride + w * L);
  for (Index i = 0; i < count; ++i) {
    __builtin_prefetch(x + (i + tile_rows) *
                               x_stride);  // rows lie in different pages: the hardware does not guess
    __builtin_prefetch(x + (i + tile_rows) * x_stride + L);
    const V first = load<V>(x + i * x_stride), second = load<V>(x + i * x_stride + L);
    for (int b = 0; b < B; ++b) {
      const T e = u[i * u_stride + b];
      sum[b][0] += e * first;
      sum[b][1] += e * second;
    }
  }
  for (int b = 0; b < B; ++b)
    for (int w = 0; w < 2; ++w) store(y + b * y_stride + w * L, sum[b][w]);
}

/// The same for all r rows of y.
template <class V, class T>
void combine_all(const T* x, Index x_stride, Index count, const T* u, Index r, T* y, Index y_stride) {
  Index c = 0;
  for (; c + most_rows <= r; c += most_rows)
    combine<V, most_rows>(x, x_stride, count, u + c, r, y + c * y_stride, y_stride);
  if constexpr (most_rows > 8)
    for (; c + 8 <= r; c += 8) combine<V, 8>(x, x_stride, count, u + c, r, y + c * y_stride, y_stride);
  for (; c + 4 <= r; c += 4) combine<V, 4>(x, x_stride, count, u + c, r, y + c * y_stride, y_stride);
  for (; c < r; ++c) combine<V, 1>(x, x_stride, count, u + c, r, y + c * y_stride, y_stride);
}

/// sum of (x - u y)^2 over B rows of x and two vectors of columns.
template <class V, int B, class T>
V left_behind(const T* x, Index x_stride, const T* u, Index r, const T* y, Index y_stride) {
  constexpr Index L = sizeof(V) / sizeof(T);
  V rest[B][2];
  for (int b = 0; b < B; ++b)
    for (int w = 0; w < 2; ++w) rest[b][w] = load<V>(x + b * x_stride + w * L);
  for (Index c = 0; c < r; ++c) {
    const V first = load<V>(y + c * y_stride), second = load<V>(y + c * y_stride + L);
    for (int b = 0; b < B; ++b) {
      const T e = u[b * r + c];
      rest[b][0] -= e * first;
      rest[b][1] -= e * second;
    }
  }
  V sum{};
  for (int b = 0; b < B; ++b) sum += rest[b][0] * rest[b][0] + rest[b][1] * rest[b][1];
  return sum;
}

template <class T, class V>
double total(const V& v) {
  T lanes[sizeof(V) / sizeof(T)];
  std::memcpy(lanes, &v, sizeof(V));
  double sum = 0;
  for (T e : lanes) sum += static_cast<double>(e);
  return sum;
}

/// Sum of squares of rows x columns elements.
template <class T>
double squares(const T* x, Index stride, Index rows, Index columns) {
  double all = 0;
  for (Index i = 0; i < rows; ++i) {
    using V = Register<T>;
    constexpr Index L = sizeof(V) / sizeof(T);
    V sum{};
    Index j = 0;
    for (; j + L <= columns; j += L) {
      const V v = load<V>(x + i * stride + j);
      sum += v * v;
    }
    all += total<T>(sum);
    for (; j < columns; ++j)
      all += static_cast<double>(x[i * stride + j]) * static_cast<double>(x[i * stride + j]);
  }
  return all;
}

/// body(V{}, j) for strips of two vectors of columns, vectors of a half, a quarter, then of two columns;
/// `columns` is even.
template <class T, class Body>
void for_pairs(Index columns, const Body& body) {
  typedef T Half __attribute__((vector_size(32)));
  typedef T Quarter __attribute__((vector_size(16)));
  Index j = 0;
  auto strips = [&]<class V>(V) {
    constexpr Index L = sizeof(V) / sizeof(T);
    for (; j + 2 * L <= columns; j += 2 * L) body(V{}, j);
  };
  strips(Register<T>{});
  strips(Half{});
  strips(Quarter{});
  strips(T{});
}

/// One tile of columns of one slice: y += u^T x, which has n rows.
template <class T>
Projection project_tile(const T* x, Index n, Index stride, Index columns, const T* u, Index r, T* y,
                        Index y_stride, Residual how) {
  for (Index c = 0; c < r; ++c) std::fill_n(y + c * y_stride, columns, T(0));
  Projection p;
  for (Index i = 0; i < n; i += tile_rows) {
    const Index count = std::min(tile_rows, n - i);
    for_pairs<T>(columns, [&]<class V>(V, Index j) {
      combine_all<V>(x + i * stride + j, stride, count, u + i * r, r, y + j, y_stride);
    });
    if (how != Residual::none) p.square += squares(x + i * stride, stride, count, columns);
  }
  if (how == Residual::by_norms) p.residual = p.square - squares(y, y_stride, r, columns);
  if (how != Residual::formed) return p;
  for_pairs<T>(columns, [&]<class V>(V, Index j) {
    constexpr int B = most_rows;
    Index i = 0;
    for (; i + B <= n; i += B)
      p.residual += total<T>(left_behind<V, B>(x + i * stride + j, stride, u + i * r, r, y + j, y_stride));
    for (; i < n; ++i)
      p.residual += total<T>(left_behind<V, 1>(x + i * stride + j, stride, u + i * r, r, y + j, y_stride));
  });
  return p;
}

}  // namespace

template <class T>
Projection project_slices(const T* x, Index slices, Index columns, const Matrix& u, T* y, Residual how) {
  if (sizeof(T) == 4 && how == Residual::by_norms) how = Residual::formed;
  const std::vector<T> basis(u.data.begin(), u.data.end());
  const Index n = u.rows, r = u.cols, tiles = (columns + tile_columns - 1) / tile_columns,
              all = slices * tiles;
  const Index grain =
      std::max<Index>(1, (Index{1} << 17) / std::max<Index>(1, n * std::min(columns, tile_columns)));
  std::vector<Projection> part(static_cast<std::size_t>((all + grain - 1) / grain));
  parallel_for(all, grain, [&](Index begin, Index end) {
    std::vector<T> odd_x, odd_y;
    Projection sum;
    for (Index t = begin; t < end; ++t) {
      const Index l = t / tiles, j = t % tiles * tile_columns, count = std::min(tile_columns, columns - j);
      const T* from = x + l * n * columns + j;
      T* to = y + l * r * columns + j;
      auto add = [&](const Projection& p) {
        sum.residual += p.residual;
        sum.square += p.square;
      };
      const Index even = count / 2 * 2;
      if (even > 0) add(project_tile(from, n, columns, even, basis.data(), r, to, columns, how));
      if (even == count) continue;
      odd_x.assign(static_cast<std::size_t>(2 * n), T(0));  // a last column, beside one of zeros
      odd_y.resize(static_cast<std::size_t>(2 * r));
      for (Index i = 0; i < n; ++i) odd_x[static_cast<std::size_t>(2 * i)] = from[i * columns + even];
      add(project_tile<T>(odd_x.data(), n, 2, 2, basis.data(), r, odd_y.data(), 2, how));
      for (Index c = 0; c < r; ++c) to[c * columns + even] = odd_y[static_cast<std::size_t>(2 * c)];
    }
    part[static_cast<std::size_t>(begin / grain)] = sum;
  });
  Projection sum;
  for (const Projection& p : part) {
    sum.residual += p.residual;
    sum.square += p.square;
  }
  if (how == Residual::by_norms && !(sum.residual > least_difference * sum.square))
    return project_slices(x, slices, columns, u, y, Residual::formed);
  return sum;
}

template Projection project_slices(const float*, Index, Index, const Matrix&, float*, Residual);
template Projection project_slices(const double*, Index, Index, const Matrix&, double*, Residual);

}  // namespace cartan::linalg
