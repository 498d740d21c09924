#pragma once
// Normal equations of one row of a factor.

#include <vector>

#include "linalg/matrix.hpp"

namespace cartan::completion {

/// x = g^-1 b for many b and one symmetric positive semi-definite g: by its Cholesky factor, or where that
/// fails by the pseudo-inverse (solutions of least norm).
class Normal {
 public:
  Normal(const linalg::Matrix& g, Index rank);
  void solve(double* x) const;  ///< in place

 private:
  Index rank_;
  linalg::Matrix inverse_;  // of the Cholesky factor, lower; or the pseudo-inverse
  bool triangular_ = true;
};

/// The Cholesky factor of the lower triangle of a (n x n, rows `stride` apart), in place; false where a is
/// not positive definite to rounding.
bool cholesky_in_place(double* a, Index n, Index stride);
/// (l l^T)^-1 x, in place.
void solve_in_place(const double* l, Index n, Index stride, double* x);

/// min over u >= 0 of sum_i u_i g u_i^T - 2 u_i m_i^T, started from u: columns in turn (HALS), a few times;
/// never rises. Rows of m and u lie `width` apart.
void descend_nonnegative(const linalg::Matrix& g, Index rank, const double* m, double* u, Index rows,
                         Index width, int passes = 2);

}  // namespace cartan::completion
