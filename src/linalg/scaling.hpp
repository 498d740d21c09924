#pragma once
// Tensors whose squares overflow or vanish.

#include "cartan/core/array.hpp"

namespace cartan::linalg {

/// False where sums of squares of T overflow, lose digits, or are not finite.
template <class T>
bool in_range(double square, Index size);

/// x = scale * array, with squares that neither overflow nor vanish.
struct Scaled {
  Array array;
  double scale;   ///< a power of two; 0 for the zero tensor
  double square;  ///< ||array||^2
};

/// Throws std::invalid_argument unless every entry is finite. Where squares are safe, x itself with scale 1.
template <class T>
Scaled with_safe_squares(const char* caller, const Array& x);

/// The array times a number.
Array multiplied(const Array& x, double factor);

}  // namespace cartan::linalg
