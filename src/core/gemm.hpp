#pragma once
// Products of row-major matrices: float32, float64 and complex. They are computed here alone, but for kernels
// that fuse more with a product (so3/so2/cpu/gemm.hpp, linalg/project_rows.hpp). Products of several threads
// are cut into tiles whose borders depend on the sizes alone: the same bits for any number of threads.

#include "cartan/core/array.hpp"

namespace cartan {

/// A row-major matrix with `stride` elements from row to row; `transposed`: its transpose is meant.
template <class T>
struct MatrixView {
  const T* data;
  Index stride;
  bool transposed = false;
};
template <class T>
MatrixView<T> transposed(MatrixView<T> a) {
  return {a.data, a.stride, !a.transposed};
}

/// c (m x n, rows `stride` apart) = alpha a (m x k) b (k x n) + beta c, on the thread that calls. With beta =
/// 0 c is not read.
template <class T>
void gemm_serial(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index stride,
                 T alpha = T(1), T beta = T(0));

/// The same on all threads. Where m and n are small and k is long, k is cut and the parts are summed in
/// order.
template <class T>
void gemm(Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c, Index stride, T alpha = T(1),
          T beta = T(0));

/// `count` products; the matrices of the next one lie so many elements further on.
struct GemmBatch {
  Index count = 1, a = 0, b = 0, c = 0;
};

/// The products of a batch on all threads. The sum over k is never cut: a row of a result has the same bits
/// whatever rows stand beside it in its tile.
/// @param bias  a row (n) added to every row of the results, or nullptr
template <class T>
void gemm_batched(const GemmBatch& batch, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c,
                  Index stride, const T* bias = nullptr);

/// g (n x n, lower triangle) += a a^T for a (n x k), on the thread that calls; float64.
void add_gram(Index n, Index k, MatrixView<double> a, double* g);

}  // namespace cartan
