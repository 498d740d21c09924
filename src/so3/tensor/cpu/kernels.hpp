#pragma once
// The inner loops of tensor products: one sample, all channels of a group.

#include <stdexcept>
#include <utility>

#include "core/simd.hpp"
#include "so3/tensor/form.hpp"

namespace cartan::so3 {

// Filter matrices are made for this many samples at a time, which lie interleaved.
constexpr int batch = 4;

// Widths of a for which kernels exist; wider blocks are cut into these.
constexpr int widths[] = {9, 7, 5, 3, 1};

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
  throw std::logic_error("[tensor_product] no kernels for a block of this width");
}

// f(0), ..., f(N - 1), the arguments constants: what they index stays in registers.
template <int N, class F>
inline __attribute__((always_inline)) void repeat(F&& f) {
  [&]<int... n>(std::integer_sequence<int, n...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, n>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

// The rows of up to `batch` samples, and how far ahead lie those of the samples that come next.
template <class T>
struct BatchRows {
  int count = 0;
  bool together = false;  // all have the same c
  const T *a[batch], *c[batch], *w[batch];
  T *to_a[batch], *to_c[batch], *to_w[batch];
  Index ahead_a[batch], ahead_w[batch];
};

// c[k, u] += sum over p, i of w_p[u] M[k, p, i] a[i, u]
template <class T>
void filter_forward(const FilterGroup& g, const BatchRows<T>& lanes, const T* matrix);

// With t_p[i] = sum over k of M[k, p, i] c[k]: to_a[i] += sum over p of w_p t_p[i], to_w[p] (+)= sum over i
// of a[i] t_p[i], each where it is wanted.
template <class T>
void filter_backward(const FilterGroup& g, const BatchRows<T>& lanes, const T* matrix, bool want_a,
                     bool want_w, bool add);

// h[k, p, i] = sum over u of w_p[u] a[i, u] c[k, u] of one sample, registers not yet summed.
template <class T>
void filter_outer(const FilterGroup& g, const T* a, const T* c, const T* w, Register<T>* h);

// out[target] += w sum of value p q
template <class T>
void pair_forward(const std::vector<Pairwise::Term>& terms, Index channels, const ChannelBlock& p_block,
                  const T* p, const ChannelBlock& q_block, const T* q, const T* w,
                  const ChannelBlock& out_block, T* out);
// gw (+)= sum of value x1 x2 c
template <class T>
void pair_weights(const Pairwise& pair, const T* x1, const T* x2, const T* c, T* gw, bool add);

}  // namespace cartan::so3
