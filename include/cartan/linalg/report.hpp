#pragma once
/// What a decomposition says of itself.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::linalg {

/// How the leading left singular vectors of an unfolding X_(k) are found.
enum class Method {
  automatic,  ///< the cheapest of them that can meet the tolerance
  /// Eigenvectors of X_(k) X_(k)^T, summed in float64, and where rounding hides what the tolerance needs of
  /// the same of what the first ones leave behind. Below relative tails of 1e-12 `lq` takes its place.
  gram,
  /// Triangular factor of X_(k) by Householder reflections, then its SVD: singular values down to eps.
  lq,
  /// A random sketch of the range, checked by the residual of the whole tensor and enlarged until the
  /// tolerance is met (Halko, Martinsson, Tropp, SIAM Rev. 53, 2011), then an exact truncation of the small
  /// core.
  randomized
};
const char* name_of(Method method);

/// How the reported error is known.
enum class ErrorKind {
  exact,  ///< the norm of the residual itself, to rounding
  bound   ///< a number that the true error does not exceed
};
const char* name_of(ErrorKind kind);

/// Ranks, what was done, and how far the result is from the tensor that was asked for.
struct Report {
  std::vector<Index> ranks;   ///< per mode (Tucker), of the bonds (tensor train), one (canonical)
  std::string method;         ///< "gram", "lq", "randomized", "hooi", "als", ...
  double relative_error = 0;  ///< ||X - Y||_F / ||X||_F; 0 for the zero tensor
  ErrorKind error_kind = ErrorKind::exact;
  int iterations = 0;      ///< sweeps of an iteration; passes of a randomized method over the tensor
  bool converged = true;   ///< the tolerance was met
  std::vector<int> order;  ///< modes in the order in which they were treated
};

/// A tensor in some format with the report of how it was made.
template <class Format>
struct Result {
  Format tensor;
  Report report;
};

}  // namespace cartan::linalg
