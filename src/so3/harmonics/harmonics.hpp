#pragma once
// Harmonics and their derivatives of n points, without tape. Arrays are row-major: x, v, gradients (n, 3);
// w, values (n, (lmax + 1)^2). With F = sum_i w_i Y_i,
//   values       Y(x)
//   gradient     dF/dx
//   directional  (v . d/dx) Y
//   hessian      (v . d/dx) dF/dx

#include "cartan/so3/spherical_harmonics.hpp"

namespace cartan::so3 {

enum class HarmonicsOf { values, gradient, directional, hessian };

/// Missing arguments are nullptr.
template <class T>
void evaluate_harmonics(HarmonicsOf what, int lmax, HarmonicsOptions options, Index n, const T* x, const T* w,
                        const T* v, T* out);

}  // namespace cartan::so3
