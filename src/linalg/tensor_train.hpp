#pragma once
// Tensor trains in float64, for what works core by core.

#include <vector>

#include "cartan/linalg/tensor_train.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

/// A core (r_{k-1}, n, r_k) as a matrix (r_{k-1} n) x r_k.
struct Core {
  Matrix m;
  Index n;
};
using Train = std::vector<Core>;

Train wide_train(const TensorTrain& x);
TensorTrain narrow_train(const Train& t, DType dtype);

/// Left-orthonormal cores before `center`, right-orthonormal ones behind it.
void orthogonalize(Train& t, int center);

/// SVDs from the last bond to the first, of a train with its centre at the end; the centre ends at the front.
struct Rounding {
  double norm = 0, lost = 0;  ///< ||x|| before, and the squared relative error
};
Rounding truncate(Train& t, double tolerance, const std::vector<Index>& max_ranks);

void check_ranks(const char* caller, const Shape& shape, double tolerance,
                 const std::vector<Index>& max_ranks);
/// Truncates a train with its centre at the end and says how well.
Result<TensorTrain> finish_train(Train& t, double tolerance, const std::vector<Index>& max_ranks,
                                 DType dtype);

}  // namespace cartan::linalg
