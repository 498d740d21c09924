#include "so3/tensor_kernels.hpp"

namespace cartan::so3 {
namespace {

// f(width) with the number of coordinates of a as a constant.
template <class F>
inline void with_width(int width, F&& f) {
  switch (width) {
    case 1:
      return f(std::integral_constant<int, 1>{});
    case 3:
      return f(std::integral_constant<int, 3>{});
    case 5:
      return f(std::integral_constant<int, 5>{});
    case 7:
      return f(std::integral_constant<int, 7>{});
    case 9:
      return f(std::integral_constant<int, 9>{});
  }
}

template <class T, int D>
void forward_dense(const Group& g, const T* a, const PathPointers<T>& w, const T* matrix, T* c) {
  const int paths = static_cast<int>(g.weights.size());
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    V x[D];
    for (int i = 0; i < D; ++i) x[i] = r.load(a + i * g.a.stride + f);
    const T* m = matrix;
    T* out = c + f;
    if (paths == 1) {
      const V weight = r.load(w.w[0] + f);
      for (int i = 0; i < D; ++i) x[i] *= weight;
      for (int k = 0; k < g.c.dim; ++k, out += g.c.stride, m += D * batch) {
        V total = r.load(out);
        for (int i = 0; i < D; ++i) total += x[i] * m[i * batch];
        r.store(out, total);
      }
      return;
    }
    for (int k = 0; k < g.c.dim; ++k, out += g.c.stride) {
      V total = r.load(out);
      for (int p = 0; p < paths; ++p, m += D * batch) {
        V t = x[0] * m[0];
        for (int i = 1; i < D; ++i) t += x[i] * m[i * batch];
        total += t * r.load(w.w[p] + f);
      }
      r.store(out, total);
    }
  });
}

// sum over p of w_p M_p
template <class T, class R>
inline typename R::V scaled_weights(R r, Index f, int paths, const PathPointers<T>& w, const T* matrix) {
  typename R::V s = r.load(w.w[0] + f) * matrix[0];
  for (int p = 1; p < paths; ++p) s += r.load(w.w[p] + f) * matrix[p * batch];
  return s;
}

template <class T>
void forward_diagonal(const Group& g, const T* a, const PathPointers<T>& w, const T* matrix, T* c) {
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    const V s = scaled_weights(r, f, static_cast<int>(g.weights.size()), w, matrix);
    for (int k = 0; k < g.c.dim; ++k) {
      T* out = c + k * g.c.stride + f;
      r.store(out, V(r.load(out) + s * r.load(a + k * g.a.stride + f)));
    }
  });
}

template <class T, int D>
void backward_dense(const Group& g, const T* a, const T* c, const PathPointers<T>& w, const T* matrix, T* ga,
                    T* const* gw, bool add) {
  const int paths = static_cast<int>(g.weights.size());
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    for (int p = 0; p < paths; ++p) {
      V t[D] = {};
      const T* m = matrix + p * D * batch;
      const T* in = c + f;
      for (int k = 0; k < g.c.dim; ++k, in += g.c.stride, m += paths * D * batch) {
        const V ck = r.load(in);
        for (int i = 0; i < D; ++i) t[i] += ck * m[i * batch];
      }
      if (gw[p] != nullptr) {
        V s = r.load(a + f) * t[0];
        for (int i = 1; i < D; ++i) s += r.load(a + i * g.a.stride + f) * t[i];
        if (add) s += r.load(gw[p] + f);
        r.store(gw[p] + f, s);
      }
      if (ga != nullptr) {
        const V weight = r.load(w.w[p] + f);
        for (int i = 0; i < D; ++i) {
          T* out = ga + i * g.a.stride + f;
          r.store(out, V(r.load(out) + weight * t[i]));
        }
      }
    }
  });
}

template <class T, class R>
inline typename R::V product_of(R r, Index f, const Group& g, const T* a, const T* c) {
  typename R::V s = r.load(a + f) * r.load(c + f);
  for (int k = 1; k < g.c.dim; ++k) s += r.load(a + k * g.a.stride + f) * r.load(c + k * g.c.stride + f);
  return s;
}

template <class T>
void backward_diagonal(const Group& g, const T* a, const T* c, const PathPointers<T>& w, const T* matrix,
                       T* ga, T* const* gw, bool add) {
  const int paths = static_cast<int>(g.weights.size());
  for_registers<T>(g.channels, [&]<class R>(R r, Index f) {
    using V = typename R::V;
    const V product = product_of(r, f, g, a, c);
    for (int p = 0; p < paths; ++p) {
      if (gw[p] == nullptr) continue;
      V s = product * matrix[p * batch];
      if (add) s += r.load(gw[p] + f);
      r.store(gw[p] + f, s);
    }
    if (ga == nullptr) return;
    const V s = scaled_weights(r, f, paths, w, matrix);
    for (int k = 0; k < g.c.dim; ++k) {
      T* out = ga + k * g.a.stride + f;
      r.store(out, V(r.load(out) + s * r.load(c + k * g.c.stride + f)));
    }
  });
}

// Rows k .. k + K of h of one path: as many accumulators as registers allow.
template <class T, int D, int K, class V>
inline void outer_rows(const Group& g, int k, const T* a, const T* c, const T* w, V* h, Index row) {
  V total[K][D] = {};
  for_registers<T>(g.channels, [&](auto r, Index f) {
    const V weight = r.load(w + f);
    V wc[K];
    for (int q = 0; q < K; ++q) wc[q] = weight * r.load(c + (k + q) * g.c.stride + f);
    for (int i = 0; i < D; ++i) {
      const V x = r.load(a + i * g.a.stride + f);
      for (int q = 0; q < K; ++q) total[q][i] += wc[q] * x;
    }
  });
  for (int q = 0; q < K; ++q)
    for (int i = 0; i < D; ++i) h[q * row + i] = total[q][i];
}

template <class T, int D, class V>
void outer_dense(const Group& g, const T* a, const T* c, const PathPointers<T>& w, V* h) {
  constexpr int K = D == 1 ? 8 : D == 3 ? 5 : D <= 7 ? 3 : 2;
  const Index paths = static_cast<Index>(g.weights.size()), row = paths * D;
  for (Index p = 0; p < paths; ++p) {
    int k = 0;
    for (; k + K <= g.c.dim; k += K) outer_rows<T, D, K>(g, k, a, c, w.w[p], h + k * row + p * D, row);
    for (; k < g.c.dim; ++k) outer_rows<T, D, 1>(g, k, a, c, w.w[p], h + k * row + p * D, row);
  }
}

template <class T, class V>
void outer_diagonal(const Group& g, const T* a, const T* c, const PathPointers<T>& w, V* h) {
  const std::size_t paths = g.weights.size();
  for (std::size_t p = 0; p < paths; ++p) h[p] = V{};
  for_registers<T>(g.channels, [&](auto r, Index f) {
    const V product = product_of(r, f, g, a, c);
    for (std::size_t p = 0; p < paths; ++p) h[p] += product * r.load(w.w[p] + f);
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
void filter_forward(const Group& g, const T* a, const PathPointers<T>& w, const T* matrix, T* c) {
  a += g.a.offset;
  c += g.c.offset;
  if (g.diagonal) return forward_diagonal(g, a, w, matrix, c);
  with_width(g.a.dim, [&](auto d) { forward_dense<T, d>(g, a, w, matrix, c); });
}

template <class T>
void filter_backward(const Group& g, const T* a, const T* c, const PathPointers<T>& w, const T* matrix, T* ga,
                     T* const* gw, bool add) {
  a += g.a.offset;
  c += g.c.offset;
  if (ga != nullptr) ga += g.a.offset;
  if (g.diagonal) return backward_diagonal(g, a, c, w, matrix, ga, gw, add);
  with_width(g.a.dim, [&](auto d) { backward_dense<T, d>(g, a, c, w, matrix, ga, gw, add); });
}

template <class T>
void filter_outer(const Group& g, const T* a, const T* c, const PathPointers<T>& w,
                  typename vector_of<T>::type* h) {
  a += g.a.offset;
  c += g.c.offset;
  if (g.diagonal) return outer_diagonal(g, a, c, w, h);
  with_width(g.a.dim, [&](auto d) { outer_dense<T, d>(g, a, c, w, h); });
}

template <class T>
void pair_forward(const std::vector<Pairwise::Term>& terms, Index channels, const Block& p_block, const T* p,
                  const Block& q_block, const T* q, const T* w, const Block& out_block, T* out) {
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

#define CARTAN_INSTANTIATE(T)                                                                                \
  template void filter_forward(const Group&, const T*, const PathPointers<T>&, const T*, T*);                \
  template void filter_backward(const Group&, const T*, const T*, const PathPointers<T>&, const T*, T*,      \
                                T* const*, bool);                                                            \
  template void filter_outer(const Group&, const T*, const T*, const PathPointers<T>&, vector_of<T>::type*); \
  template void pair_forward(const std::vector<Pairwise::Term>&, Index, const Block&, const T*,              \
                             const Block&, const T*, const T*, const Block&, T*);                            \
  template void pair_weights(const Pairwise&, const T*, const T*, const T*, T*, bool);
CARTAN_INSTANTIATE(float)
CARTAN_INSTANTIATE(double)
#undef CARTAN_INSTANTIATE

}  // namespace cartan::so3
