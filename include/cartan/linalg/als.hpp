#pragma once
/// Decompositions of dense tensors by alternating least squares. Contractions are shared between modes
/// (dimension trees): two passes over the tensor a sweep, for any order.

#include <cstdint>
#include <vector>

#include <cartan/linalg/hosvd.hpp>

namespace cartan::linalg {

struct IterationOptions {
  int max_iterations = 50;
  double change = 1e-8;    ///< converged when the relative error changes by no more in a sweep
  std::uint64_t seed = 0;  ///< of random starts and of sketches
};

/// Higher-order orthogonal iteration (De Lathauwer, De Moor, Vandewalle, SIAM J. Matrix Anal. 21, 2000): the
/// best Tucker approximation with given ranks, started from the ST-HOSVD; the error never grows. Orthonormal
/// factors; the error reported is the residual itself. Throws std::invalid_argument like st_hosvd().
Result<Tucker> hooi(const Array& x, const std::vector<Index>& ranks, const IterationOptions& options = {});

/// How a canonical decomposition starts: leading singular vectors of the unfoldings (random columns where
/// there are fewer than terms), or normal random factors.
enum class Start { hosvd, random };

/// Canonical decomposition by alternating least squares, terms normalized and sorted by weight. The error
/// never grows but need not reach the best one. The error reported is the residual itself. `converged`: the
/// change criterion was met. Throws std::invalid_argument for a tensor that is empty or not finite, or a rank
/// below 1.
Result<Canonical> cp_als(const Array& x, Index rank, Start start = Start::hosvd,
                         const IterationOptions& options = {});

}  // namespace cartan::linalg
