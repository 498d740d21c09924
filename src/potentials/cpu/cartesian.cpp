// Kernels at the atoms on the host.
#include "potentials/cartesian.hpp"

#include <cmath>

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"
#include "core/simd.hpp"

namespace cartan::potentials {
namespace {

constexpr Index atom_grain(Index channels) {
  return std::max<Index>(1, 2048 / std::max<Index>(1, channels));
}
constexpr int rank_in(Index ranks, int c) {
  return ranks == 3 ? rank_of[static_cast<std::size_t>(c)] : 0;
}

// Nine coordinates <-> 3x3 matrix.
template <class T, class V>
inline void to_matrix(const V (&x)[9], bool transposed, V (&m)[9]) {
  const T third = T(1 / std::sqrt(3.0)), half = T(1 / std::sqrt(2.0)), sixth = T(1 / std::sqrt(6.0));
  const T sign = transposed ? -half : half;
  const V i = x[0] * third, a = x[1] * sign, b = x[2] * sign, c = x[3] * sign;
  const V xy = x[4] * half, yz = x[5] * half, xz = x[6] * half, d = x[7] * half, e = x[8] * sixth;
  m[0] = i + d - e;
  m[4] = i - d - e;
  m[8] = i + e + e;
  m[1] = xy - c;
  m[3] = xy + c;
  m[2] = xz + b;
  m[6] = xz - b;
  m[5] = yz - a;
  m[7] = yz + a;
}

template <class T, class V>
inline void to_coordinates(const V (&m)[9], V (&x)[9]) {
  const T third = T(1 / std::sqrt(3.0)), half = T(1 / std::sqrt(2.0)), sixth = T(1 / std::sqrt(6.0));
  x[0] = (m[0] + m[4] + m[8]) * third;
  x[1] = (m[7] - m[5]) * half;
  x[2] = (m[2] - m[6]) * half;
  x[3] = (m[3] - m[1]) * half;
  x[4] = (m[1] + m[3]) * half;
  x[5] = (m[5] + m[7]) * half;
  x[6] = (m[2] + m[6]) * half;
  x[7] = (m[0] - m[4]) * half;
  x[8] = (m[8] + m[8] - m[0] - m[4]) * sixth;
}

}  // namespace

Arrays Gate::eval_cpu(const Arrays& in) const {
  const Index atoms = in[0].dim(1), channels = in[0].dim(2), ranks = in[1].dim(1);
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("gate", out.dtype(), [&]<class T>(T) {
    const T *x = in[0].data<T>(), *n = in[1].data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(atoms, atom_grain(channels), [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        for (int c = 0; c < 9; ++c) {
          const T* u = x + (c * atoms + i) * channels;
          const T* v = n + (i * ranks + rank_in(ranks, c)) * channels;
          T* __restrict w = y + (c * atoms + i) * channels;
          for (Index f = 0; f < channels; ++f) w[f] = u[f] * v[f];
        }
    });
  });
  return {out};
}

Arrays RankDot::eval_cpu(const Arrays& in) const {
  const Index atoms = in[0].dim(1), channels = in[0].dim(2);
  Array out = Array::uninitialized({atoms, ranks_, channels}, in[0].dtype());
  dispatch_real("rank_dot", out.dtype(), [&]<class T>(T) {
    const T *x = in[0].data<T>(), *y = in.back().data<T>();
    T* z = out.mutable_data<T>();
    parallel_for(atoms, atom_grain(channels), [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V total[3] = {};
          for (int c = 0; c < 9; ++c) {
            const Index at = (c * atoms + i) * channels + f;
            total[rank_in(ranks_, c)] += load<V>(x + at) * load<V>(y + at);
          }
          for (int k = 0; k < ranks_; ++k) store(z + (i * ranks_ + k) * channels + f, total[k]);
        });
    });
  });
  return {out};
}

Arrays RankLinear::eval_cpu(const Arrays& in) const {
  const Index atoms = in[0].dim(1), inner = in[0].dim(2), outer = in[1].dim(transposed_ ? 2 : 1);
  Array out = Array::uninitialized({9, atoms, outer}, in[0].dtype());
  dispatch_real("rank_linear", out.dtype(), [&]<class T>(T) {
    const T *x = in[0].data<T>(), *w = in[1].data<T>();
    T* y = out.mutable_data<T>();
    constexpr Index rows = 128;  // tiles of rows within one rank; the borders depend on the sizes alone
    Index tiles[4] = {};
    for (std::size_t k = 0; k < 3; ++k)
      tiles[k + 1] = tiles[k] + ((rank_begin[k + 1] - rank_begin[k]) * atoms + rows - 1) / rows;
    const Index grain = atoms * inner * outer < 20000 ? tiles[3] : 1;
    parallel_for(tiles[3], grain, [&](Index b, Index e) {
      for (Index t = b; t < e; ++t) {
        const std::size_t k = t < tiles[1] ? 0 : t < tiles[2] ? 1 : 2;
        const Index first = rank_begin[k] * atoms + (t - tiles[k]) * rows;
        const Index count = std::min(rows, rank_begin[k + 1] * atoms - first);
        const T* matrix = w + static_cast<Index>(k) * inner * outer;
        gemm_serial<T>(count, outer, inner, {x + first * inner, inner},
                       {matrix, transposed_ ? outer : inner, !transposed_}, y + first * outer, outer);
      }
    });
  });
  return {out};
}

Arrays RankOuter::eval_cpu(const Arrays& in) const {
  const Index atoms = in[0].dim(1), outer = in[0].dim(2), inner = in[1].dim(2);
  Array out = Array::uninitialized({3, outer, inner}, in[0].dtype());
  dispatch_real("rank_outer", out.dtype(), [&]<class T>(T) {
    const T *y = in[0].data<T>(), *x = in[1].data<T>();
    T* w = out.mutable_data<T>();
    constexpr Index rows = 64;  // tiles of the result; the sum over atoms is never cut
    const Index tiles = (outer + rows - 1) / rows;
    const Index grain = atoms * inner * outer < 20000 ? 3 * tiles : 1;
    parallel_for(3 * tiles, grain, [&](Index b, Index e) {
      for (Index t = b; t < e; ++t) {
        const auto k = static_cast<std::size_t>(2 - t / tiles);  // the longest sums first
        const Index first = t % tiles * rows, count = std::min(rows, outer - first);
        const Index from = rank_begin[k] * atoms, n = (rank_begin[k + 1] - rank_begin[k]) * atoms;
        gemm_serial<T>(count, inner, n, {y + from * outer + first, outer, true}, {x + from * inner, inner},
                       w + (static_cast<Index>(k) * outer + first) * inner, inner);
      }
    });
  });
  return {out};
}

Arrays MatrixProduct::eval_cpu(const Arrays& in) const {
  const Index count = in[0].dim(1) * in[0].dim(2);
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const T *x = in[0].data<T>(), *y = in.back().data<T>();
    T* z = out.mutable_data<T>();
    parallel_for(count, 2048, [&](Index b, Index e) {
      for_strips<T>(e - b, [&]<class V>(V, Index at) {
        V u[9], v[9], p[9], q[9], r[9];
        for (int c = 0; c < 9; ++c)
          u[c] = load<V>(x + c * count + b + at), v[c] = load<V>(y + c * count + b + at);
        to_matrix<T>(u, tx_, p);
        to_matrix<T>(v, ty_, q);
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) {
            r[3 * i + j] = p[3 * i] * q[j] + p[3 * i + 1] * q[3 + j] + p[3 * i + 2] * q[6 + j];
            if (symmetric_)
              r[3 * i + j] += q[3 * i] * p[j] + q[3 * i + 1] * p[3 + j] + q[3 * i + 2] * p[6 + j];
          }
        to_coordinates<T>(r, u);
        for (int c = 0; c < 9; ++c) store(z + c * count + b + at, u[c]);
      });
    });
  });
  return {out};
}

}  // namespace cartan::potentials
