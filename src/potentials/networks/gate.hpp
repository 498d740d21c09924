#pragma once

#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// Features of degrees l <= lmax, orders |m| <= mmax, and lmax gates, v = [x_0; ..; x_L; g_1; ..; g_L], to
/// f silu(x_0) and f x_l sigmoid(g_l): (n, (rows + L) channels) to (n, rows channels). One pass over memory,
/// and one each for first and second derivatives, which keep v, f and the cotangents alone.
/// @param factor  f (n, 1); empty: 1
Array gated(const Array& v, const Array& factor, int lmax, int mmax, Index channels);

}  // namespace cartan::potentials
