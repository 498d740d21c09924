#pragma once
/// Independent path weights for products of functions.
///
/// A Clebsch-Gordan product with path weights, z_{l3 k} = sum of w[l1, l2, l3] C[i, j, k] x_{l1 i} y_{l2 j},
/// is a GauntProduct (paths of even l1 + l2 + l3) plus a BracketProduct (odd ones) whose weights by degree
/// are summed over a rank R: w[l1, l2, l3] = gaunt(l1, l2, l3) sum over r of w1[r, l1] w2[r, l2] w3[r, l3]
/// for even sums, with bracket_coefficient for odd ones. With R = 1 these are the weights of the paper; with
/// R large enough, at most the number of pairs of two of the degrees, all path weights.

#include <cartan/so3/gaunt.hpp>

namespace cartan::so3 {

/// Weights (R, l + 1), or (R, l + 1, C), of the two products; R as small as found, at most the rank asked
/// for. Empty where all paths of that parity have weight zero.
struct RankWeights {
  GauntWeights even, odd;
  double residual = 0;    ///< |w - w of these| / |w|, Euclidean norms over the paths
  bool converged = true;  ///< the residual is below the tolerance
};

struct FactorizeOptions {
  double tolerance = 1e-12;  ///< of the residual
  int iterations = 300;      ///< per start, after a few sweeps of alternating least squares
  int starts = 8;            ///< random ones; the best counts
  std::uint64_t seed = 1;
};

/// Factorises path weights w (l1 + 1, l2 + 1, l3 + 1), or (..., C) for every channel apart; float64, entries
/// outside of triangles are ignored. Exactly where `rank` reaches the number of pairs of two of the degrees
/// that have a weight; otherwise by alternating least squares over the paths (entries that are no path are
/// free).
RankWeights factorize_path_weights(const Array& w, int rank, const FactorizeOptions& options = {});

/// The path weights (l1 + 1, l2 + 1, l3 + 1), or (..., C), of weights by degree; float64.
Array path_weights(const RankWeights& weights, int l1, int l2, int l3);

}  // namespace cartan::so3
