#pragma once
// Products of row-major matrices by Eigen's kernel, on a grid of tiles that depends on the sizes alone.

#include "cartan/core/array.hpp"

namespace cartan::linalg {

/// A row-major matrix with `stride` elements from row to row; `transposed`: its transpose is meant.
template <class T>
struct Operand {
  const T* data;
  Index stride;
  bool transposed = false;
};
template <class T>
Operand<T> transposed(Operand<T> a) {
  return {a.data, a.stride, !a.transposed};
}

/// c (m x n, row-major) = a (m x k) b (k x n), added to c where `add`; one thread.
template <class T>
void multiply_serial(Index m, Index n, Index k, Operand<T> a, Operand<T> b, T* c, Index stride,
                     bool add = false);

/// The same on all threads. Where m and n are small and k is long, k is cut and the parts are summed in
/// order.
template <class T>
void multiply(Index m, Index n, Index k, Operand<T> a, Operand<T> b, T* c, Index stride, bool add = false);

/// g (n x n, float64) += a a^T for a (n x k), lower triangle; one thread.
void add_gram(Index n, Index k, Operand<double> a, double* g);

}  // namespace cartan::linalg
