#pragma once
/// Fourier continuation: fields that are not periodic made periodic, smoothly, on a longer axis, so that
/// their series converge (Bruno, Han, Pohlman 2007; neuraloperator's FCLegendre).

#include <cartan/core/array.hpp>

namespace cartan::operators {

/// The continuation of a field with period P = n + gap: in the gap stands the polynomial of degree 2d - 1
/// through the last d points before it and the first d after it, which a fit by Legendre polynomials gives
/// too. With s = 0 .. gap - 1,
///
///     y[n + s] = sum_j M[s, j] x[n - d + j] + sum_j M[s, d + j] x[j],  j = 0 .. d - 1
///
/// The matrix M (gap, 2 points), d = points, in float64, exact to rounding. Its rows add up to 1.
/// Throws std::invalid_argument unless 1 <= points <= 16 and gap >= 0.
Array continuation_matrix(Index points, Index gap);

/// The largest sum of absolute values in a row: by how much noise at the borders may grow in the gap.
double continuation_growth(Index points, Index gap);

/// An axis of x (n) with `before` points in front and `after` behind, (before + n + after): the field
/// continued with that period; the axis begins `before` points before x. A linear map; recorded. Real fields
/// and complex ones. Of axes with fewer points than `points` all are used.
Array continue_periodic(const Array& x, int axis, Index before, Index after, Index points);

}  // namespace cartan::operators
