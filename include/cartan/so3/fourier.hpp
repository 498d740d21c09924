#pragma once
/// Functions on the sphere as two-dimensional Fourier series (Luo, Chen, Krishnapriyan, ICLR 2024).
///
/// theta is continued to [0, 2 pi) by the points of the sphere behind the poles: f(-theta, phi) = f(theta,
/// phi + pi). Then the part of even m is a cosine series in theta, the part of odd m a sine series, with
/// frequencies u <= l, u = l mod 2: a quarter of a complex 2 l + 1 by 2 l + 1 array, and real.
///
/// Coefficients of degree u_max: (..., (2 u_max + 1)(u_max + 1) C), row (m + u_max)(u_max + 1) + u for the
/// function cos(u theta) (m even) or sin(u theta) (m odd) times cos(m phi) (m >= 0) or sin(|m| phi) (m < 0).
/// Rows sin(0 theta) hold 0. Features are as in <cartan/so3/gaunt.hpp>.

#include <cartan/autodiff/primitive.hpp>

namespace cartan::so3 {

/// x (..., (l + 1)^2 C) -> (..., (2 l + 1)(l + 1) C): one triangular matrix for every m. Differentiable.
Array to_fourier(const Array& x, int l);

/// The part of degrees <= l of the function of coefficients f of degree u_max, which is not cut off in theta:
/// (..., (l + 1)^2 C). Inverse of to_fourier for l = u_max. Differentiable.
Array from_fourier(const Array& f, int u_max, int l);

enum class FourierMethod {
  direct,  ///< sums of products of coefficients, O(u^4)
  fft      ///< real transforms of FFTW to values on the torus and back, O(u^2 log u)
};

/// Coefficients of degree <= u3 of the product of f (degree u1) and g (degree u2). Differentiable.
Array fourier_product(const Array& f, int u1, const Array& g, int u2, int u3,
                      FourierMethod method = FourierMethod::fft);

}  // namespace cartan::so3
