#pragma once
// Compression of one mode by a random sketch of its range.

#include <optional>

#include "linalg/kernels.hpp"

namespace cartan::linalg {

constexpr Index least_randomized = Index{1} << 18;  ///< entries from which a sketch pays

/// An orthonormal basis of few columns and the tensor in its coordinates.
struct Compression {
  Matrix u;
  Array y;
  Projection sums;
  int passes = 0;  ///< over the whole tensor
};

/// Columns of a sketch beyond the rank, seed and number of the mode.
struct SketchOptions {
  Index oversampling;
  std::uint64_t seed;
  int mode;
};

/// Compresses mode `mode` of x to at most cap + oversampling columns with a residual of at most `allowed`
/// ||x||, where the cap allows. A sample of columns says how many vectors are needed and which; the residual
/// of the whole tensor says whether that was enough, otherwise the whole tensor is sketched. Nothing where
/// more than n / 3 vectors are needed.
template <class T>
std::optional<Compression> compress(const Array& x, double allowed, Index cap, const SketchOptions& o);

}  // namespace cartan::linalg
