#pragma once

#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// Features of degrees l <= lmax and lmax gates, v = [x_0; ..; x_L; g_1; ..; g_L] (n, ((L + 1)^2 + L)
/// channels), to f silu(x_0) and f x_l sigmoid(g_l): (n, (L + 1)^2 channels). One pass over memory, and one
/// each for first and second derivatives, which keep v, f and the cotangents alone.
/// @param factor  f (n, 1); empty: 1
Array gated(const Array& v, const Array& factor, int lmax, Index channels);

}  // namespace cartan::potentials
