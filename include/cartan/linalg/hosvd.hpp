#pragma once
/// Decompositions of dense tensors, and conversions between formats.

#include <cstdint>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/linalg/canonical.hpp>
#include <cartan/linalg/tensor_train.hpp>
#include <cartan/linalg/tucker.hpp>

namespace cartan::linalg {

/// Options of the truncated decompositions.
struct HosvdOptions {
  /// Largest ||X - Y||_F / ||X||_F. Below the rounding floor 4 eps sqrt(max n_k) of the type it is raised to
  /// that, so that 0 gives the numerical ranks.
  double tolerance = 0;
  /// Largest rank a mode (empty: none). Where they keep the tolerance from being met, `converged` is false,
  /// unless the tolerance is 0: then the ranks alone decide.
  std::vector<Index> ranks;
  Method method = Method::automatic;
  std::vector<int> order;  ///< modes in the order of truncation; empty: by cost
  std::uint64_t seed = 0;  ///< of the sketches
  Index oversampling = 8;  ///< columns of a sketch beyond the rank
  /// Bytes that a tensor read by slabs (slabs.hpp) may take once it is reduced.
  std::size_t memory = std::size_t{2} << 30;
};

/// 4 eps sqrt(max n_k): below it a relative error cannot be told from rounding.
double rounding_floor(DType dtype, const Shape& shape);

/// Sequentially truncated higher-order SVD (Vannieuwenhoven, Vandebril, Meerbergen, SIAM J. Sci. Comput. 34,
/// 2012): X ~ core x_1 U_1 ... x_d U_d with orthonormal U_k. The squared error is the sum of the squared
/// residuals of the single projections, which are computed as such (in float64 above 3e-5 as the difference
/// of two norms, six digits of the square or more): `relative_error` is exact. `automatic` sketches tensors
/// of 2^18 entries or more, except near the rounding floor. Throws std::invalid_argument for a tensor that is
/// empty or not finite, bad tolerance, ranks or order.
Result<Tucker> st_hosvd(const Array& x, const HosvdOptions& options = {});

/// Tucker approximation of a canonical tensor without forming it: reduced HOSVD (Khoromskij, Khoromskaia,
/// SIAM J. Sci. Comput. 31, 2009) of the weighted factors A_k diag(|w_r| prod_{j != k} ||a_jr||), then an
/// ST-HOSVD of the small core. `relative_error` is a bound: with the residuals t_k of the weighted factors
/// and the norm sqrt(R) of the Khatri-Rao products of the other, normalized factors, error^2 <= R sum_k t_k^2
/// + error(core)^2. Modes whose rank the core does not lower keep the vectors of their weighted factor.
Result<Tucker> to_tucker(const Canonical& x, const HosvdOptions& options = {});

/// TT-SVD: X as a tensor train with ||X - Y|| <= tolerance ||X||.
Result<TensorTrain> to_tensor_train(const Array& x, double tolerance,
                                    const std::vector<Index>& max_ranks = {});
Result<TensorTrain> to_tensor_train(const Canonical& x, double tolerance,
                                    const std::vector<Index>& max_ranks = {});
Result<TensorTrain> to_tensor_train(const Tucker& x, double tolerance,
                                    const std::vector<Index>& max_ranks = {});

}  // namespace cartan::linalg
