#pragma once
// Products of matrices for dense layers, with what stands around them in the same pass: rounding of the
// factors to bfloat16, the bias, the rectifier. Everything else multiplies with core/gemm.hpp.

#include "cartan/completion/neural/network.hpp"
#include "core/gemm.hpp"

namespace cartan::completion {

/// c (m x n) = a (m x k) b (k x n) + bias, negative elements 0 with `rectify`. Sums in float32, over k in one
/// order for any number of threads. Without a bias, columns of zeros (as they are stored) of either factor
/// are left out, and what they meet in the other one is taken to be finite; with one, a row of c has the same
/// bits whatever rows stand beside it.
/// @param bias  a row (n), or nullptr
void multiply_float(Products products, Index m, Index n, Index k, MatrixView<float> a, MatrixView<float> b,
                    float* c, const float* bias = nullptr, bool rectify = false);

/// The float32 that bfloat16 keeps of x: 8 bits of the significand, ties to even.
float rounded_to_bfloat16(float x);

}  // namespace cartan::completion
