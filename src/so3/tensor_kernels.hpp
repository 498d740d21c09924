#pragma once
// The inner loops of tensor products: one sample, all channels of a group.

#include "core/simd.hpp"
#include "so3/tensor_form.hpp"

namespace cartan::so3 {

// Filter matrices are made for this many samples at a time, which lie interleaved.
constexpr int batch = 4;

// Widths of a for which kernels exist; wider blocks are cut into these.
constexpr int widths[] = {9, 7, 5, 3, 1};

template <class T>
struct PathPointers {
  const T* w[Group::most_paths];
};

// c[k, u] += sum over p, i of w_p[u] M[k, p, i] a[i, u]
template <class T>
void filter_forward(const Group& g, const T* a, const PathPointers<T>& w, const T* matrix, T* c);

// With t_p[i] = sum over k of M[k, p, i] c[k]: ga[i] += sum over p of w_p t_p[i], gw_p (+)= sum over i of
// a[i] t_p[i]. ga may be null; gw[p] is null where it is not wanted.
template <class T>
void filter_backward(const Group& g, const T* a, const T* c, const PathPointers<T>& w, const T* matrix, T* ga,
                     T* const* gw, bool add);

// h[k, p, i] = sum over u of w_p[u] a[i, u] c[k, u], lanes not yet summed.
template <class T>
void filter_outer(const Group& g, const T* a, const T* c, const PathPointers<T>& w,
                  typename vector_of<T>::type* h);

// out[target] += w sum of value p q
template <class T>
void pair_forward(const std::vector<Pairwise::Term>& terms, Index channels, const Block& p_block, const T* p,
                  const Block& q_block, const T* q, const T* w, const Block& out_block, T* out);
// gw (+)= sum of value x1 x2 c
template <class T>
void pair_weights(const Pairwise& pair, const T* x1, const T* x2, const T* c, T* gw, bool add);

}  // namespace cartan::so3
