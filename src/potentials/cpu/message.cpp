// Kernels along the edges on the host.
#include "potentials/message.hpp"

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"

namespace cartan::potentials {
namespace {

constexpr Index atom_grain = 4, pair_grain = 16;

// The embedding form's four derivatives.
struct EmbeddingKernels {
  const Neighborhood* n_;

  // y with the sign of the edge's direction
  template <class T>
  void directed(const T* y, std::int32_t edge, T (&d)[9]) const {
    const T* row = y + n_->pair(edge) * 9;
    const T sign = edge < 2 * n_->pairs && edge % 2 ? T(-1) : T(1);
    for (int c = 0; c < 9; ++c) d[c] = rank_of[c] == 1 ? sign * row[c] : row[c];
  }

  template <class T>
  void by_x(const T* y, const T* w, const T* z, T* x, Index channels) const {
    const Index plane = n_->atoms * channels;
    parallel_for(n_->atoms, atom_grain, [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V total[9] = {};
          for (Index k = n_->begin[i]; k < n_->begin[i + 1]; ++k) {
            const std::int32_t edge = n_->edge[k];
            T d[9];
            directed(y, edge, d);
            const T* radial = w + n_->pair(edge) * 3 * channels + f;
            const V u = load<V>(z + edge * channels + f);
            const V r[3] = {u * load<V>(radial), u * load<V>(radial + channels),
                            u * load<V>(radial + 2 * channels)};
            for (int c = 0; c < 9; ++c) total[c] += r[rank_of[c]] * d[c];
          }
          for (int c = 0; c < 9; ++c) store(x + c * plane + i * channels + f, total[c]);
        });
    });
  }

  // sum over c of rank k of y[c] X[c, i]
  template <class T, class V>
  static void contract(const T (&d)[9], const T* x, Index plane, V (&r)[3]) {
    r[0] = load<V>(x) * d[0];
    r[1] = load<V>(x + plane) * d[1] + load<V>(x + 2 * plane) * d[2] + load<V>(x + 3 * plane) * d[3];
    r[2] = load<V>(x + 4 * plane) * d[4];
    for (int c = 5; c < 9; ++c) r[2] += load<V>(x + c * plane) * d[c];
  }

  std::int32_t receiver(Index edge) const {
    const Index p = edge / 2;
    return edge >= 2 * n_->pairs ? static_cast<std::int32_t>(edge - 2 * n_->pairs)
           : edge % 2            ? n_->j[p]
                                 : n_->i[p];
  }

  template <class T>
  void by_z(const T* y, const T* w, const T* x, T* z, Index channels) const {
    const Index plane = n_->atoms * channels;
    parallel_for(n_->edges(), 2 * pair_grain, [&](Index b, Index e) {
      for (Index edge = b; edge < e; ++edge) {
        T d[9];
        directed(y, static_cast<std::int32_t>(edge), d);
        const T* radial = w + n_->pair(static_cast<std::int32_t>(edge)) * 3 * channels;
        const T* u = x + receiver(edge) * channels;
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V r[3];
          contract(d, u + f, plane, r);
          const T* q = radial + f;
          store(z + edge * channels + f,
                V(r[0] * load<V>(q) + r[1] * load<V>(q + channels) + r[2] * load<V>(q + 2 * channels)));
        });
      }
    });
  }

  // Adds what the edges of one row of pair arrays give; the last row gathers all self edges.
  template <class Each>
  void edges_of(Index row, Each&& each) const {
    if (row < n_->pairs) {
      each(2 * row);
      each(2 * row + 1);
    } else {
      for (Index a = 0; a < n_->atoms; ++a) each(2 * n_->pairs + a);
    }
  }

  template <class T>
  void by_w(const T* y, const T* z, const T* x, T* w, Index channels) const {
    const Index plane = n_->atoms * channels;
    parallel_for(n_->pairs + 1, pair_grain, [&](Index b, Index e) {
      for (Index row = b; row < e; ++row)
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V total[3] = {};
          edges_of(row, [&](Index edge) {
            T d[9];
            directed(y, static_cast<std::int32_t>(edge), d);
            V r[3];
            contract(d, x + receiver(edge) * channels + f, plane, r);
            const V u = load<V>(z + edge * channels + f);
            for (int k = 0; k < 3; ++k) total[k] += r[k] * u;
          });
          for (int k = 0; k < 3; ++k) store(w + (row * 3 + k) * channels + f, total[k]);
        });
    });
  }

  template <class T>
  void by_y(const T* w, const T* z, const T* x, T* y, Index channels) const {
    const Index plane = n_->atoms * channels;
    constexpr Index width = register_lanes<T>;
    using Strip = Register<T>;
    const Index whole = channels / width * width;
    parallel_for(n_->pairs + 1, pair_grain, [&](Index b, Index e) {
      for (Index row = b; row < e; ++row) {
        Strip wide[9] = {};
        T tail[9] = {};
        const T* radial = w + row * 3 * channels;
        edges_of(row, [&](Index edge) {
          const T sign = edge < 2 * n_->pairs && edge % 2 ? T(-1) : T(1);
          const T* from = x + receiver(edge) * channels;
          const auto strip = [&]<class V>(V(&total)[9], Index f) {
            const V u = load<V>(z + edge * channels + f);
            V r[3];
            for (int k = 0; k < 3; ++k) r[k] = u * load<V>(radial + k * channels + f);
            r[1] *= sign;
            for (int c = 0; c < 9; ++c) total[c] += r[rank_of[c]] * load<V>(from + c * plane + f);
          };
          for (Index f = 0; f < whole; f += width) strip(wide, f);
          for (Index f = whole; f < channels; ++f) strip(tail, f);
        });
        for (int c = 0; c < 9; ++c) y[row * 9 + c] = horizontal_sum<T>(wide[c]) + tail[c];
      }
    });
  }
};

}  // namespace

Arrays Message::eval_cpu(const Arrays& in) const {
  const Index atoms = n_->atoms, channels = in[1].dim(2), plane = atoms * channels;
  Array out = Array::uninitialized(in[1].shape(), in[1].dtype());
  dispatch_real("message", out.dtype(), [&]<class T>(T) {
    const T *g = in[0].data<T>(), *x = in[1].data<T>();
    T* m = out.mutable_data<T>();
    parallel_for(atoms, atom_grain, [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V total[9] = {};
          for (Index k = n_->begin[i]; k < n_->begin[i + 1]; ++k) {
            const T* w = g + n_->pair(n_->edge[k]) * 3 * channels + f;
            const T* u = x + n_->sender[k] * channels + f;
            const V w0 = load<V>(w), w1 = load<V>(w + channels), w2 = load<V>(w + 2 * channels);
            total[0] += w0 * load<V>(u);
            for (int c = 1; c < 4; ++c) total[c] += w1 * load<V>(u + c * plane);
            for (int c = 4; c < 9; ++c) total[c] += w2 * load<V>(u + c * plane);
          }
          for (int c = 0; c < 9; ++c) store(m + c * plane + i * channels + f, total[c]);
        });
    });
  });
  return {out};
}

Arrays PairProduct::eval_cpu(const Arrays& in) const {
  const Index atoms = n_->atoms, channels = in[0].dim(2), plane = atoms * channels;
  Array out = Array::uninitialized({n_->pairs + 1, 3, channels}, in[0].dtype());
  dispatch_real("pair_product", out.dtype(), [&]<class T>(T) {
    const T *x = in[0].data<T>(), *y = in[1].data<T>();
    T* g = out.mutable_data<T>();
    parallel_for(n_->pairs, pair_grain, [&](Index b, Index e) {
      for (Index p = b; p < e; ++p) {
        const Index i = n_->i[p] * channels, j = n_->j[p] * channels;
        for_strips<T>(channels, [&]<class V>(V, Index f) {
          V total[3] = {};
          for (int c = 0; c < 9; ++c) {
            const T *u = x + c * plane + f, *v = y + c * plane + f;
            total[rank_of[c]] += load<V>(u + j) * load<V>(v + i) + load<V>(u + i) * load<V>(v + j);
          }
          for (int k = 0; k < 3; ++k) store(g + (p * 3 + k) * channels + f, total[k]);
        });
      }
    });
    // All self edges share the last row.
    T* self = g + n_->pairs * 3 * channels;
    parallel_for(channels, 16, [&](Index b, Index e) {
      for_strips<T>(e - b, [&]<class V>(V, Index f) {
        V total[3] = {};
        for (int c = 0; c < 9; ++c)
          for (Index i = 0; i < atoms; ++i) {
            const Index k = c * plane + i * channels + b + f;
            total[rank_of[c]] += load<V>(x + k) * load<V>(y + k);
          }
        for (int k = 0; k < 3; ++k) store(self + k * channels + b + f, total[k]);
      });
    });
  });
  return {out};
}

Arrays Embedding::eval_cpu(const Arrays& in) const {
  const Index channels = slot() == W ? in[1].dim(1) : in[slot() == Y ? 0 : 1].dim(-1);
  const Shape shapes[] = {
      {n_->pairs + 1, 9}, {n_->pairs + 1, 3, channels}, {n_->edges(), channels}, {9, n_->atoms, channels}};
  Array out = Array::uninitialized(shapes[slot()], in[0].dtype());
  const EmbeddingKernels kernels{n_.get()};
  dispatch_real("edge_embedding", out.dtype(), [&]<class T>(T) {
    const T* a[4] = {};
    for (int s = 0, k = 0; s < 4; ++s)
      if (s != slot()) a[s] = in[k++].data<T>();
    T* o = out.mutable_data<T>();
    switch (slot()) {
      case X:
        return kernels.by_x(a[Y], a[W], a[Z], o, channels);
      case Z:
        return kernels.by_z(a[Y], a[W], a[X], o, channels);
      case W:
        return kernels.by_w(a[Y], a[Z], a[X], o, channels);
      case Y:
        return kernels.by_y(a[W], a[Z], a[X], o, channels);
    }
  });
  return {out};
}

}  // namespace cartan::potentials
