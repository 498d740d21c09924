#include "so3/tensor/cpu/kernels.hpp"

namespace cartan::so3 {
namespace {

template <class T>
inline void prefetch(const T* p) {
  __builtin_prefetch(p, 0, 2);
}

// Samples first .. first + L, all adding to one c.
template <class T, int D, int L>
void forward_dense(const FilterGroup& g, const BatchRows<T>& lanes, int first, const T* matrix) {
  const int paths = static_cast<int>(g.weights.size()), dim = g.c.dim;
  const Index* weights = g.weights.data();
  const Index stride = g.a.stride, c_stride = g.c.stride, a_offset = g.a.offset;
  T* const c = lanes.to_c[first] + g.c.offset;
  const bool fresh = g.fresh;
  matrix += first;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    V x[L][D];
    repeat<L>([&](auto n) {
      const T* a = lanes.a[first + n] + a_offset + f;
      repeat<D>([&](auto i) { x[n][i] = r.load(a + i * stride); });
      const T* next = lanes.w[first + n] + lanes.ahead_w[first + n] + f;
      for (int p = 0; p < paths; ++p) prefetch(next + weights[p]);
      if (fresh) repeat<D>([&](auto i) { prefetch(a + i * stride + lanes.ahead_a[first + n]); });
    });
    const T* m = matrix;
    T* out = c + f;
    if (paths == 1) {
      repeat<L>([&](auto n) {
        const V weight = r.load(lanes.w[first + n] + weights[0] + f);
        repeat<D>([&](auto i) { x[n][i] *= weight; });
      });
      for (int k = 0; k < dim; ++k, out += c_stride, m += D * batch) {
        V total = r.load(out);
        repeat<D>([&](auto i) { repeat<L>([&](auto n) { total += x[n][i] * m[i * batch + n]; }); });
        r.store(out, total);
      }
      return;
    }
    for (int k = 0; k < dim; ++k, out += c_stride) {
      V total = r.load(out);
      for (int p = 0; p < paths; ++p, m += D * batch) {
        const Index weight = weights[p] + f;
        repeat<L>([&](auto n) {
          V t = x[n][0] * m[n];
          repeat<D - 1>([&](auto i) { t += x[n][i + 1] * m[(i + 1) * batch + n]; });
          total += t * r.load(lanes.w[first + n] + weight);
        });
      }
      r.store(out, total);
    }
  });
}

// sum over p of w_p M_p
template <class T, class R>
inline typename R::V scaled_weights(R r, Index f, const FilterGroup& g, const T* w, const T* matrix) {
  typename R::V s = r.load(w + g.weights[0] + f) * matrix[0];
  for (std::size_t p = 1; p < g.weights.size(); ++p) s += r.load(w + g.weights[p] + f) * matrix[p * batch];
  return s;
}

template <class T>
void forward_diagonal(const FilterGroup& g, const T* a, const T* w, const T* matrix, T* c, Index ahead_w) {
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    const V s = scaled_weights(r, f, g, w, matrix);
    for (Index n : g.weights) prefetch(w + n + f + ahead_w);
    for (int k = 0; k < g.c.dim; ++k) {
      T* out = c + k * g.c.stride + f;
      r.store(out, V(r.load(out) + s * r.load(a + k * g.a.stride + f)));
    }
  });
}

// Samples first .. first + L of one c, of which those from lanes.count on do not exist.
template <class T, int D, int L>
void backward_dense(const FilterGroup& g, const BatchRows<T>& lanes, int first, const T* matrix, bool want_a,
                    bool want_w, bool add) {
  const Index paths = static_cast<Index>(g.weights.size()), stride = g.a.stride, c_stride = g.c.stride;
  const Index a_offset = g.a.offset;
  const T* const c = lanes.c[first] + g.c.offset;
  const int count = lanes.count - first, dim = g.c.dim;
  const bool fresh = g.fresh;
  matrix += first;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    for (Index p = 0; p < paths; ++p) {
      V t[L][D] = {};
      const T* m = matrix + p * D * batch;
      const T* in = c + f;
      for (int k = 0; k < dim; ++k, in += c_stride, m += paths * D * batch) {
        const V ck = r.load(in);
        repeat<D>([&](auto i) { repeat<L>([&](auto n) { t[n][i] += ck * m[i * batch + n]; }); });
      }
      const Index weight = g.weights[p] + f;
      repeat<L>([&](auto n) {
        if (n >= count) return;
        const T* a = lanes.a[first + n] + a_offset + f;
        const T* w = lanes.w[first + n] + weight;
        prefetch(w + lanes.ahead_w[first + n]);
        if (want_w) {
          V s = r.load(a) * t[n][0];
          repeat<D - 1>([&](auto i) { s += r.load(a + (i + 1) * stride) * t[n][i + 1]; });
          T* to = lanes.to_w[first + n] + weight;
          if (add) s += r.load(to);
          r.store(to, s);
        }
        if (want_a) {
          const V wn = r.load(w);
          T* to = lanes.to_a[first + n] + a_offset + f;
          repeat<D>([&](auto i) { r.store(to + i * stride, V(r.load(to + i * stride) + wn * t[n][i])); });
        }
        if (fresh) repeat<D>([&](auto i) { prefetch(a + i * stride + lanes.ahead_a[first + n]); });
      });
    }
  });
}

template <class T, class R>
inline typename R::V product_of(R r, Index f, const FilterGroup& g, const T* a, const T* c) {
  typename R::V s = r.load(a + f) * r.load(c + f);
  for (int k = 1; k < g.c.dim; ++k) s += r.load(a + k * g.a.stride + f) * r.load(c + k * g.c.stride + f);
  return s;
}

template <class T>
void backward_diagonal(const FilterGroup& g, const BatchRows<T>& lanes, int n, const T* matrix, bool want_a,
                       bool want_w, bool add) {
  const T *a = lanes.a[n] + g.a.offset, *c = lanes.c[n] + g.c.offset, *w = lanes.w[n];
  matrix += n;
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    const V product = want_w ? product_of(r, f, g, a, c) : V{};  // else there may be no a
    for (std::size_t p = 0; p < g.weights.size(); ++p) {
      prefetch(w + g.weights[p] + f + lanes.ahead_w[n]);
      if (!want_w) continue;
      T* to = lanes.to_w[n] + g.weights[p] + f;
      V s = product * matrix[p * batch];
      if (add) s += r.load(to);
      r.store(to, s);
    }
    if (!want_a) return;
    const V s = scaled_weights(r, f, g, w, matrix);
    for (int k = 0; k < g.c.dim; ++k) {
      T* to = lanes.to_a[n] + g.a.offset + k * g.a.stride + f;
      r.store(to, V(r.load(to) + s * r.load(c + k * g.c.stride + f)));
    }
  });
}

// Rows k .. k + K of h of one path: as many accumulators as registers allow.
template <class T, int D, int K, class V>
inline void outer_rows(const FilterGroup& g, int k, const T* a, const T* c, const T* w, V* h, Index row) {
  V total[K][D] = {};
  const Index a_stride = g.a.stride, c_stride = g.c.stride;
  c += k * c_stride;
  for_registers<T>(g.channels, [&](auto r, Index f) {
    const V weight = r.load(w + f);
    V wc[K];
    repeat<K>([&](auto q) { wc[q] = weight * r.load(c + q * c_stride + f); });
    repeat<D>([&](auto i) {
      const V x = r.load(a + i * a_stride + f);
      repeat<K>([&](auto q) { total[q][i] += wc[q] * x; });
    });
  });
  repeat<K>([&](auto q) { repeat<D>([&](auto i) { h[q * row + i] = total[q][i]; }); });
}

template <class T, int D, class V>
void outer_dense(const FilterGroup& g, const T* a, const T* c, const T* w, V* h) {
  constexpr int K = D == 1 ? 8 : D == 3 ? 5 : D <= 7 ? 3 : 2;
  const Index paths = static_cast<Index>(g.weights.size()), row = paths * D;
  for (Index p = 0; p < paths; ++p) {
    const T* wp = w + g.weights[p];
    int k = 0;
    for (; k + K <= g.c.dim; k += K) outer_rows<T, D, K>(g, k, a, c, wp, h + k * row + p * D, row);
    for (; k < g.c.dim; ++k) outer_rows<T, D, 1>(g, k, a, c, wp, h + k * row + p * D, row);
  }
}

template <class T, class V>
void outer_diagonal(const FilterGroup& g, const T* a, const T* c, const T* w, V* h) {
  const std::size_t paths = g.weights.size();
  for (std::size_t p = 0; p < paths; ++p) h[p] = V{};
  for_registers<T>(g.channels, [&](auto r, Index f) {
    const V product = product_of(r, f, g, a, c);
    for (std::size_t p = 0; p < paths; ++p) h[p] += product * r.load(w + g.weights[p] + f);
  });
}

// each(target, sum) for every target of the terms
template <class T, class R, class Each>
inline void for_targets(const std::vector<Pairwise::Term>& terms, R r, const T* p, Index p_stride, const T* q,
                        Index q_stride, Each&& each) {
  using V = typename R::V;
  for (std::size_t n = 0; n < terms.size();) {
    const int target = terms[n].target;
    V total{};
    for (; n < terms.size() && terms[n].target == target; ++n)
      total += r.load(p + terms[n].p * p_stride) * r.load(q + terms[n].q * q_stride) *
               static_cast<T>(terms[n].value);
    each(target, total);
  }
}

}  // namespace

template <class T>
void filter_forward(const FilterGroup& g, const BatchRows<T>& lanes, const T* matrix) {
  if (g.diagonal) {
    for (int n = 0; n < lanes.count; ++n)
      forward_diagonal(g, lanes.a[n] + g.a.offset, lanes.w[n], matrix + n, lanes.to_c[n] + g.c.offset,
                       lanes.ahead_w[n]);
    return;
  }
  with_width(g.a.dim, [&](auto d) {
    if (lanes.together && lanes.count > 1) return forward_dense<T, d, batch>(g, lanes, 0, matrix);
    for (int n = 0; n < lanes.count; ++n) forward_dense<T, d, 1>(g, lanes, n, matrix);
  });
}

template <class T>
void filter_backward(const FilterGroup& g, const BatchRows<T>& lanes, const T* matrix, bool want_a,
                     bool want_w, bool add) {
  if (g.diagonal) {
    for (int n = 0; n < lanes.count; ++n) backward_diagonal(g, lanes, n, matrix, want_a, want_w, add);
    return;
  }
  with_width(g.a.dim, [&](auto d) {
    if (lanes.together && lanes.count > 1)
      return backward_dense<T, d, batch>(g, lanes, 0, matrix, want_a, want_w, add);
    for (int n = 0; n < lanes.count; ++n) backward_dense<T, d, 1>(g, lanes, n, matrix, want_a, want_w, add);
  });
}

template <class T>
void filter_outer(const FilterGroup& g, const T* a, const T* c, const T* w, Register<T>* h) {
  a += g.a.offset;
  c += g.c.offset;
  if (g.diagonal) return outer_diagonal(g, a, c, w, h);
  with_width(g.a.dim, [&](auto d) { outer_dense<T, d>(g, a, c, w, h); });
}

template <class T>
void pair_forward(const std::vector<Pairwise::Term>& terms, Index channels, const ChannelBlock& p_block,
                  const T* p, const ChannelBlock& q_block, const T* q, const T* w,
                  const ChannelBlock& out_block, T* out) {
  for_registers<T>(channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    const V weight = r.load(w + f);
    for_targets(terms, r, p + p_block.offset + f, p_block.stride, q + q_block.offset + f, q_block.stride,
                [&](int target, const V& total) {
                  T* to = out + out_block.offset + target * out_block.stride + f;
                  r.store(to, V(r.load(to) + weight * total));
                });
  });
}

template <class T>
void pair_weights(const Pairwise& pair, const T* x1, const T* x2, const T* c, T* gw, bool add) {
  for_registers<T>(pair.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    V s{};
    for_targets(
        pair.to_c, r, x1 + pair.x1.offset + f, pair.x1.stride, x2 + pair.x2.offset + f, pair.x2.stride,
        [&](int k, const V& total) { s += total * r.load(c + pair.c.offset + k * pair.c.stride + f); });
    if (add) s += r.load(gw + f);
    r.store(gw + f, s);
  });
}

#define CARTAN_INSTANTIATE(T)                                                                          \
  template void filter_forward(const FilterGroup&, const BatchRows<T>&, const T*);                     \
  template void filter_backward(const FilterGroup&, const BatchRows<T>&, const T*, bool, bool, bool);  \
  template void filter_outer(const FilterGroup&, const T*, const T*, const T*, Register<T>*);          \
  template void pair_forward(const std::vector<Pairwise::Term>&, Index, const ChannelBlock&, const T*, \
                             const ChannelBlock&, const T*, const T*, const ChannelBlock&, T*);        \
  template void pair_weights(const Pairwise&, const T*, const T*, const T*, T*, bool);
CARTAN_INSTANTIATE(float)
CARTAN_INSTANTIATE(double)
#undef CARTAN_INSTANTIATE

}  // namespace cartan::so3
