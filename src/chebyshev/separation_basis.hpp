#pragma once
// The polynomial basis of one variable in which all Gaussians of a sum are short.

#include "cartan/chebyshev/gaussian_sum.hpp"
#include "linalg/matrix.hpp"

namespace cartan::chebyshev {

/// exp(-(t_k (x - y))^2) ~ phi(x)^T interaction[k] phi(y) on [-1, 1]^2 with phi_a(x) = sum_i factor(i, a)
/// T_i(x).
struct SeparationBasis {
  linalg::Matrix factor;                    ///< m x r, orthonormal columns
  std::vector<linalg::Matrix> interaction;  ///< r x r, symmetric
  double error = 0;  ///< sum_k weight[k] times the largest error of Gaussian k on the nodes
};

/// The smallest basis found with error <= tolerance; rates refer to [-1, 1].
SeparationBasis separation_basis(const GaussianSum& sum, double tolerance);

}  // namespace cartan::chebyshev
