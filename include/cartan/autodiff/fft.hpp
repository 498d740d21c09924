#pragma once
/// Fast Fourier and cosine transforms as differentiable ops: along any axes, for any sizes, derivatives of
/// any order. They throw std::invalid_argument "[op] ..." for types, axes or sizes that do not fit.

#include <vector>

#include <cartan/autodiff/primitive.hpp>
#include <cartan/core/fft.hpp>

namespace cartan {

/// Where the factor 1/N stands, N the product of the transformed sizes (of cosine transforms that of 2 n, of
/// type 1 2 (n - 1)): with the inverse, with the transform, or its root with both.
enum class FftNorm { backward, forward, ortho };

/// @name Complex: y[k] = sum over j of x[j] exp(-2 pi i j k / n) along each axis, and its inverse
/// x is complex; real arrays are cast. Of `sizes`, one an axis, smaller ones cut the array's end off and
/// larger ones append zeros; empty: as they are.
///@{
Array fft(const Array& x, const std::vector<int>& axes = {-1}, const Shape& sizes = {},
          FftNorm norm = FftNorm::backward);
Array ifft(const Array& x, const std::vector<int>& axes = {-1}, const Shape& sizes = {},
           FftNorm norm = FftNorm::backward);
///@}

/// @name Real arrays: the half of the spectrum that determines the other
/// rfft gives n/2 + 1 numbers along the last of `axes`. irfft gives sizes.back() real ones there, by default
/// 2 (m - 1) of m; of the planes that are their own mirror image (0, and n/2 of an even n) it takes the part
/// that is the spectrum of real numbers.
///@{
Array rfft(const Array& x, const std::vector<int>& axes = {-1}, const Shape& sizes = {},
           FftNorm norm = FftNorm::backward);
Array irfft(const Array& x, const std::vector<int>& axes = {-1}, const Shape& sizes = {},
            FftNorm norm = FftNorm::backward);
///@}

/// @name Cosine transforms of real arrays, type 1, 2 or 3, along each axis of n
///   1  y[k] = x[0] + (-1)^k x[n-1] + 2 sum over 0 < j < n-1 of x[j] cos(pi j k / (n-1)),  n >= 2
///   2  y[k] = 2 sum over j of x[j] cos(pi k (2 j + 1) / (2 n))
///   3  y[k] = x[0] + 2 sum over j > 0 of x[j] cos(pi j (2 k + 1) / (2 n))
/// With FftNorm::ortho the ends are weighted so that the matrix is orthogonal. idct is the inverse of dct of
/// the same type and norm.
///@{
Array dct(const Array& x, int type = 2, const std::vector<int>& axes = {-1},
          FftNorm norm = FftNorm::backward);
Array idct(const Array& x, int type = 2, const std::vector<int>& axes = {-1},
           FftNorm norm = FftNorm::backward);
///@}

}  // namespace cartan
