// Multilinear ops at the atoms: gates, linear layers, matrix products.
#include "cartan/potentials/cartesian.hpp"

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"
#include "core/simd.hpp"

namespace cartan::potentials {
namespace {

void check_field(const char* op, const Array& x) {
  require(x.ndim() == 3 && x.dim(0) == 9, "[", op, "] a field must be (9, atoms, channels), not ", x.shape());
}
void check_same(const char* op, const Array& a, const Array& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "[", op, "] shapes ", a.shape(), " (", a.dtype(),
          ") and ", b.shape(), " (", b.dtype(), ") differ");
}

constexpr Index atom_grain(Index channels) {
  return std::max<Index>(1, 2048 / std::max<Index>(1, channels));
}
constexpr int rank_in(Index ranks, int c) {
  return ranks == 3 ? rank_of[static_cast<std::size_t>(c)] : 0;
}

class Gate : public Primitive {
 public:
  const char* name() const override { return "gate"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    if (wanted[0]) g[0] = gate(c, in[1]);
    if (wanted[1]) g[1] = rank_dot(c, in[0], static_cast<int>(in[1].dim(1)));
    return g;
  }
};

class RankDot : public Primitive {
 public:
  explicit RankDot(int ranks) : ranks_(ranks) {}
  const char* name() const override { return "rank_dot"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    if (in.size() == 1) return {gate(in[0], scale(c, 2))};  // a square: one term instead of two equal ones
    Arrays g(2);
    if (wanted[0]) g[0] = gate(in[1], c);
    if (wanted[1]) g[1] = gate(in[0], c);
    return g;
  }

 private:
  int ranks_;
};

class RankLinear : public Primitive {
 public:
  explicit RankLinear(bool transposed) : transposed_(transposed) {}
  const char* name() const override { return "rank_linear"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    if (wanted[0]) g[0] = rank_linear(c, in[1], !transposed_);
    if (wanted[1]) g[1] = transposed_ ? rank_outer(in[0], c) : rank_outer(c, in[0]);
    return g;
  }

 private:
  bool transposed_;
};

class RankOuter : public Primitive {
 public:
  const char* name() const override { return "rank_outer"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    if (wanted[0]) g[0] = rank_linear(in[1], c);
    if (wanted[1]) g[1] = rank_linear(in[0], c, true);
    return g;
  }
};

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

class MatrixProduct : public Primitive {
 public:
  MatrixProduct(bool symmetric, bool tx, bool ty) : symmetric_(symmetric), tx_(tx), ty_(ty) {}
  const char* name() const override { return symmetric_ ? "anticommutator" : "matrix_product"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    if (in.size() == 1) return {anticommutator(c, in[0], false, true)};  // X X
    Arrays g(2);
    if (symmetric_) {  // <C, {X^s, Y^t}>: by X it is {C, Y^t'}^s
      if (wanted[0]) g[0] = tx_ ? anticommutator(c, in[1], true, ty_) : anticommutator(c, in[1], false, !ty_);
      if (wanted[1]) g[1] = ty_ ? anticommutator(c, in[0], true, tx_) : anticommutator(c, in[0], false, !tx_);
    } else {
      if (wanted[0]) g[0] = tx_ ? matrix_product(in[1], c, ty_, true) : matrix_product(c, in[1], false, !ty_);
      if (wanted[1]) g[1] = ty_ ? matrix_product(c, in[0], true, tx_) : matrix_product(in[0], c, !tx_, false);
    }
    return g;
  }

 private:
  bool symmetric_, tx_, ty_;
};

}  // namespace

Array gate(const Array& x, const Array& n) {
  check_field("gate", x);
  require(n.ndim() == 3 && n.dim(0) == x.dim(1) && (n.dim(1) == 1 || n.dim(1) == 3) && n.dim(2) == x.dim(2) &&
              n.dtype() == x.dtype(),
          "[gate] factors ", n.shape(), " do not fit the field ", x.shape());
  return run(std::make_shared<Gate>(), {x, n});
}

Array rank_dot(const Array& x, const Array& y, int ranks) {
  check_field("rank_dot", x);
  check_same("rank_dot", x, y);
  require(ranks == 1 || ranks == 3, "[rank_dot] ranks must be 1 or 3, not ", ranks);
  const bool same = x.address() == y.address() && x.node() == y.node();
  return run(std::make_shared<RankDot>(ranks), same ? Arrays{x} : Arrays{x, y});
}

Array rank_linear(const Array& x, const Array& w, bool transposed) {
  check_field("rank_linear", x);
  require(w.ndim() == 3 && w.dim(0) == 3 && w.dim(transposed ? 1 : 2) == x.dim(2) && w.dtype() == x.dtype(),
          "[rank_linear] weights ", w.shape(), transposed ? "^T" : "", " do not fit the field ", x.shape());
  return run(std::make_shared<RankLinear>(transposed), {x, w});
}

Array rank_outer(const Array& y, const Array& x) {
  check_field("rank_outer", y);
  check_field("rank_outer", x);
  require(y.dim(1) == x.dim(1) && y.dtype() == x.dtype(), "[rank_outer] fields ", y.shape(), " and ",
          x.shape());
  return run(std::make_shared<RankOuter>(), {y, x});
}

Array matrix_product(const Array& x, const Array& y, bool tx, bool ty) {
  check_field("matrix_product", x);
  check_same("matrix_product", x, y);
  const bool square = x.address() == y.address() && x.node() == y.node() && !tx && !ty;
  return run(std::make_shared<MatrixProduct>(false, tx, ty), square ? Arrays{x} : Arrays{x, y});
}

Array anticommutator(const Array& x, const Array& y, bool tx, bool ty) {
  check_field("anticommutator", x);
  check_same("anticommutator", x, y);
  return run(std::make_shared<MatrixProduct>(true, tx, ty), {x, y});
}

}  // namespace cartan::potentials
