#include "linalg/kernels.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"

namespace cartan::linalg {

ModeView view_of(const Shape& shape, int mode) {
  ModeView v{1, shape[static_cast<std::size_t>(mode)], 1};
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (static_cast<int>(k) < mode) v.left *= shape[k];
    if (static_cast<int>(k) > mode) v.right *= shape[k];
  }
  return v;
}

namespace {
constexpr Index few_rows = 32, long_row = 4096, small_tensor = Index{1} << 16;
}

template <class T>
void mode_product(const T* x, ModeView v, MatrixView<T> m, Index rows, T* y) {
  if (rows <= few_rows && v.n <= long_row &&
      v.size() > small_tensor) {  // packing would cost as much as the product
    Matrix u(v.n, rows);
    for (Index i = 0; i < v.n; ++i)
      for (Index a = 0; a < rows; ++a)
        u(i, a) = static_cast<double>(m.transposed ? m.data[i * m.stride + a] : m.data[a * m.stride + i]);
    project(x, v, u, y, Residual::none);
    return;
  }
  if (v.right == 1) return gemm<T>(v.left, rows, v.n, {x, v.n}, transposed(m), y, rows);
  if (v.left == 1) return gemm<T>(rows, v.right, v.n, m, {x, v.right}, y, v.right);
  const double flops = 2.0 * static_cast<double>(rows * v.n) * static_cast<double>(v.right);
  if (flops > 4e8) {  // few large products: each on all threads
    for (Index l = 0; l < v.left; ++l)
      gemm<T>(rows, v.right, v.n, m, {x + l * v.n * v.right, v.right}, y + l * rows * v.right, v.right);
    return;
  }
  const Index grain = std::max<Index>(1, static_cast<Index>(4e5 / (flops + 1)));
  parallel_for(v.left, grain, [&](Index begin, Index end) {
    for (Index l = begin; l < end; ++l)
      gemm_serial<T>(rows, v.right, v.n, m, {x + l * v.n * v.right, v.right}, y + l * rows * v.right,
                     v.right);
  });
}

template <class T>
void contract_left(const T* z, ModeView v, const T* a, T* y) {
  const Index columns = v.right;
  parallel_for(v.n, std::max<Index>(1, 65536 / std::max<Index>(1, v.left * columns)),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   T* out = y + i * columns;
                   std::fill_n(out, columns, T(0));
                   for (Index l = 0; l < v.left; ++l) {
                     const T *p = z + (l * v.n + i) * columns, *q = a + l * columns;
                     for (Index r = 0; r < columns; ++r) out[r] += p[r] * q[r];
                   }
                 }
               });
}

template <class T>
void contract_right(const T* z, ModeView v, const T* a, T* y) {
  const Index columns = v.right;
  parallel_for(v.left, std::max<Index>(1, 65536 / std::max<Index>(1, v.n * columns)),
               [&](Index begin, Index end) {
                 for (Index l = begin; l < end; ++l) {
                   T* out = y + l * columns;
                   std::fill_n(out, columns, T(0));
                   for (Index i = 0; i < v.n; ++i) {
                     const T *p = z + (l * v.n + i) * columns, *q = a + i * columns;
                     for (Index r = 0; r < columns; ++r) out[r] += p[r] * q[r];
                   }
                 }
               });
}

template <class T>
void contract_rows(const T* x, Index rows, Index columns, const T* k, Index r, T* y) {
  if (columns > long_row || rows < 64) return gemm<T>(columns, r, rows, {x, columns, true}, {k, r}, y, r);
  const Index parts = std::clamp<Index>(rows / 512, 1, 16), length = (rows + parts - 1) / parts;
  std::vector<T> partial(static_cast<std::size_t>(parts * r * columns));
  parallel_for(parts, 1, [&](Index begin, Index end) {
    std::vector<T> block(static_cast<std::size_t>(r * columns));
    for (Index p = begin; p < end; ++p) {
      T* sum = partial.data() + p * r * columns;
      for (Index i = p * length; i < std::min(rows, (p + 1) * length); i += 512) {
        const Index count = std::min({Index{512}, rows - i, (p + 1) * length - i});
        Matrix u(count, r);
        std::transform(k + i * r, k + (i + count) * r, u.data.begin(),
                       [](T e) { return static_cast<double>(e); });
        project_slices(x + i * columns, 1, columns, u, block.data(), Residual::none);
        for (std::size_t e = 0; e < block.size(); ++e) sum[e] += block[e];
      }
    }
  });
  for (Index c = 0; c < r; ++c)
    for (Index j = 0; j < columns; ++j) {
      T sum = 0;
      for (Index p = 0; p < parts; ++p) sum += partial[static_cast<std::size_t>((p * r + c) * columns + j)];
      y[j * r + c] = sum;
    }
}

namespace {

constexpr Index pack_length = 256;

/// Columns [begin, end) of X_(k), counted as l * right + r, as rows of n doubles each: a block of X_(k)^T.
template <class T>
void pack(const T* x, ModeView v, Index begin, Index end, double* rows) {
  if (v.right == 1) {
    std::transform(x + begin * v.n, x + end * v.n, rows, [](T e) { return static_cast<double>(e); });
    return;
  }
  for (Index c = begin; c < end;) {
    const Index l = c / v.right, r = c % v.right, count = std::min(end - c, v.right - r);
    const T* from = x + l * v.n * v.right + r;
    double* to = rows + (c - begin) * v.n;
    constexpr Index tile = 16;
    for (Index i0 = 0; i0 < v.n; i0 += tile)
      for (Index j0 = 0; j0 < count; j0 += tile)
        for (Index i = i0; i < std::min(v.n, i0 + tile); ++i)
          for (Index j = j0; j < std::min(count, j0 + tile); ++j)
            to[j * v.n + i] = static_cast<double>(from[i * v.right + j]);
    c += count;
  }
}

/// Parts of the columns of an unfolding that are worked on in parallel; they depend on the sizes alone.
Index parts_of(ModeView v) {
  const Index columns = v.left * v.right;
  const Index by_work = columns / (4 * pack_length) + 1, by_memory = (Index{1} << 27) / (v.n * v.n + 1) + 1;
  return std::clamp<Index>(std::min(by_work, by_memory), 1, 16);
}

template <class Body>
void for_parts(ModeView v, Index parts, const Body& body, Index length = pack_length) {
  const Index columns = v.left * v.right;
  const Index blocks = (columns + length - 1) / length, share = (blocks + parts - 1) / parts;
  parallel_for(parts, 1, [&](Index first, Index last) {
    std::vector<double> rows(static_cast<std::size_t>(length * v.n));
    for (Index p = first; p < last; ++p)
      for (Index b = p * share; b < std::min(blocks, (p + 1) * share); ++b)
        body(p, b * length, std::min(columns, (b + 1) * length), rows.data());
  });
}

}  // namespace

template <class T>
Matrix mode_gram(const T* x, ModeView v, const Matrix* u) {
  const Index parts = parts_of(v);
  std::vector<Matrix> partial(static_cast<std::size_t>(parts), Matrix(v.n, v.n));
  for_parts(v, parts, [&](Index p, Index begin, Index end, double* rows) {
    double* sum = partial[static_cast<std::size_t>(p)].data.data();
    if constexpr (sizeof(T) == 8)
      if (u == nullptr && v.right >= pack_length) {  // in place
        for (Index c = begin, count = 0; c < end; c += count) {
          const Index l = c / v.right, r = c % v.right;
          count = std::min(end - c, v.right - r);
          add_gram(v.n, count, {x + l * v.n * v.right + r, v.right}, sum);
        }
        return;
      }
    pack(x, v, begin, end, rows);
    if (u != nullptr) {
      Matrix along(end - begin, u->cols), rest(end - begin, v.n);
      gemm_serial<double>(along.rows, u->cols, v.n, {rows, v.n}, u->view(), along.data.data(), u->cols);
      gemm_serial<double>(along.rows, v.n, u->cols, along.view(), transposed(u->view()), rest.data.data(),
                          v.n);
      for (std::size_t i = 0; i < rest.data.size(); ++i) rows[i] -= rest.data[i];
    }
    add_gram(v.n, end - begin, {rows, v.n, true}, sum);
  });
  Matrix g = std::move(partial[0]);
  for (std::size_t p = 1; p < partial.size(); ++p)
    for (std::size_t i = 0; i < g.data.size(); ++i) g.data[i] += partial[p].data[i];
  for (Index i = 0; i < v.n; ++i)
    for (Index j = i + 1; j < v.n; ++j) g(i, j) = g(j, i);
  return g;
}

template <class T>
Matrix mode_triangle(const T* x, ModeView v) {
  const Index parts = parts_of(v),
              length = std::clamp<Index>(4 * v.n, pack_length, 2048);  // R is carried along
  std::vector<TriangularFactor> partial(static_cast<std::size_t>(parts), TriangularFactor(v.n));
  for_parts(
      v, parts,
      [&](Index p, Index begin, Index end, double* rows) {
        pack(x, v, begin, end, rows);
        partial[static_cast<std::size_t>(p)].add(rows, end - begin);
      },
      length);
  TriangularFactor all(v.n);
  for (const TriangularFactor& f : partial)
    if (f.r().rows > 0) all.add(f.r().data.data(), f.r().rows);
  return all.r();
}

template <class T>
double sum_of_squares(const T* x, Index size) {
  constexpr Index block = 65536;
  std::vector<double> part(static_cast<std::size_t>((size + block - 1) / block));
  parallel_for(size, block, [&](Index begin, Index end) {
    double lanes[16] = {};
    Index i = begin;
    for (; i + 16 <= end; i += 16)
      for (int j = 0; j < 16; ++j) lanes[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
    for (int j = 0; i < end; ++i, ++j) lanes[j] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    for (int w = 8; w > 0; w /= 2)
      for (int j = 0; j < w; ++j) lanes[j] += lanes[j + w];
    part[static_cast<std::size_t>(begin / block)] = lanes[0];
  });
  return deterministic_sum(part.data(), static_cast<Index>(part.size()));
}

template <class T>
Projection project(const T* x, ModeView v, const Matrix& u, T* y, Residual how) {
  if (v.right == 1) return project_rows(x, v.left, u, y, how);
  return project_slices(x, v.left, v.right, u, y, how);
}

namespace {

/// Signs of row `column` of the sketch matrix, +1 or -1.
void signs(const Random& random, Index column, Index count, double* row) {
  for (Index c = 0; c < count; c += 64) {
    std::uint64_t bits =
        random.bits(static_cast<std::uint64_t>(column) * 64 + static_cast<std::uint64_t>(c / 64));
    for (Index j = c; j < std::min(count, c + 64); ++j, bits >>= 1) row[j] = (bits & 1) != 0 ? 1.0 : -1.0;
  }
}

/// sum over columns of (column of X_(k)) (row of b)^T, with rows of b made block by block: n x p.
template <class T, class Rows>
Matrix outer_sum(const T* x, ModeView v, Index p, const Rows& rows_of_b) {
  const Index parts = parts_of(v);
  std::vector<Matrix> partial(static_cast<std::size_t>(parts), Matrix(v.n, p));
  for_parts(v, parts, [&](Index part, Index begin, Index end, double* rows) {
    std::vector<double> b(static_cast<std::size_t>(pack_length * p));
    pack(x, v, begin, end, rows);
    rows_of_b(begin, end, b.data());
    gemm_serial<double>(v.n, p, end - begin, {rows, v.n, true}, {b.data(), p},
                        partial[static_cast<std::size_t>(part)].data.data(), p, 1, 1);
  });
  Matrix sum = std::move(partial[0]);
  for (std::size_t q = 1; q < partial.size(); ++q)
    for (std::size_t i = 0; i < sum.data.size(); ++i) sum.data[i] += partial[q].data[i];
  return sum;
}

}  // namespace

template <class T>
Matrix sketch(const T* x, ModeView v, Index p, const Random& random, Index first) {
  return outer_sum(x, v, p, [&](Index begin, Index end, double* b) {
    for (Index c = begin; c < end; ++c) signs(random, first + c, p, b + (c - begin) * p);
  });
}

template <class T>
Matrix cross_gram(const T* x, ModeView v, const T* y, Index r) {
  return outer_sum(x, v, r, [&](Index begin, Index end, double* b) {
    pack(y, {v.left, r, v.right}, begin, end, b);
  });
}

template <class T>
Matrix sample_columns(const T* x, ModeView v, Index count, const Random& random) {
  const Index columns = v.left * v.right, run = 8;
  if (count >= columns) {
    Matrix all(columns, v.n);
    pack(x, v, 0, columns, all.data.data());
    return all;
  }
  const Index runs = std::max<Index>(1, count / run);
  Matrix rows(runs * run, v.n);
  parallel_for(runs, 16, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {  // one run from each of equal shares
      const Index from = t * columns / runs, room = (t + 1) * columns / runs - from - run;
      const Index start = from + static_cast<Index>(random.uniform(static_cast<std::uint64_t>(t)) *
                                                    static_cast<double>(std::max<Index>(room, 0) + 1));
      pack(x, v, std::min(start, columns - run), std::min(start, columns - run) + run, rows.row(t * run));
    }
  });
  return rows;
}

#define CARTAN_INSTANTIATE(T)                                                   \
  template void mode_product(const T*, ModeView, MatrixView<T>, Index, T*);     \
  template void contract_left(const T*, ModeView, const T*, T*);                \
  template void contract_right(const T*, ModeView, const T*, T*);               \
  template void contract_rows(const T*, Index, Index, const T*, Index, T*);     \
  template Matrix mode_gram(const T*, ModeView, const Matrix*);                 \
  template Matrix mode_triangle(const T*, ModeView);                            \
  template double sum_of_squares(const T*, Index);                              \
  template Projection project(const T*, ModeView, const Matrix&, T*, Residual); \
  template Matrix sketch(const T*, ModeView, Index, const Random&, Index);      \
  template Matrix cross_gram(const T*, ModeView, const T*, Index);              \
  template Matrix sample_columns(const T*, ModeView, Index, const Random&);
CARTAN_INSTANTIATE(float)
CARTAN_INSTANTIATE(double)
#undef CARTAN_INSTANTIATE

}  // namespace cartan::linalg
