#pragma once
/// Chebyshev series in one variable, x in [-1, 1]: nodes, transforms between values and coefficients,
/// differentiation, integration, and where a series may be cut. Everything is float64. An axis of m
/// coefficients holds those of T_0 .. T_{m-1}; T_k(x) = cos(k arccos x).

#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::chebyshev {

/// The m Chebyshev points of the second kind, ascending: x_j = -cos(pi j/(m-1)); m = 1: the point 0.
/// @return (m); exactly antisymmetric
Array nodes(Index m);

/// Coefficients of the polynomial of degree m-1 through values at the nodes along `axis`, by a DCT-I:
/// c_k = (2/(m-1)) sum'' f(x_j) T_k(x_j), first and last halved. Any number of axes.
Array values_to_coefficients(const Array& values, int axis);
/// The values at the nodes of series along `axis`: the inverse.
Array coefficients_to_values(const Array& coefficients, int axis);

/// T_k at points: (n, m). Points must be finite and lie in [-1, 1] (up to rounding).
Array basis(const Array& points, Index m);

/// Coefficients of the derivative of series along the first axis, (m, ...) -> (max(m-1, 1), ...).
Array differentiate(const Array& coefficients);

/// Integrals of T_0 .. T_{m-1} over [-1, 1]: 2/(1-k^2) for even k, 0 for odd.
Array integrals(Index m);

/// How many leading coefficients to keep for a relative accuracy `tolerance`, or the whole length when the
/// series has not come down to a plateau of rounding yet (J. L. Aurentz, L. N. Trefethen, Chopping a
/// Chebyshev series, ACM TOMS 43, 2017). At least 17 coefficients are needed to decide.
/// @param magnitude  absolute values of the coefficients, or their envelope over several series
/// @param scale      size of the function that the tolerance refers to; 0: the largest coefficient
/// @return in [1, n]; n: not resolved
Index chop(const std::vector<double>& magnitude, double tolerance, double scale = 0);

/// @name Estimates of the error of interpolation
/// A function that is analytic in the Bernstein ellipse of parameter rho > 1 (foci -1 and 1, semi-axes that
/// sum to rho) and bounded there by `bound`.
///@{
/// max |f - p_m| <= 4 bound rho^{-(m-1)}/(rho - 1), m nodes, one variable (Trefethen, Approximation Theory
/// and Approximation Practice, theorem 8.2).
double interpolation_error_bound(Index m, double rho, double bound);
/// The same for the tensor product over d variables: every further variable is one interpolation with
/// Lebesgue constant 1 + (2/pi) log m (P. Benner, B. N. Khoromskij, V. Khoromskaia, B. Sun,
/// arXiv:2503.01696).
double interpolation_error_bound(const std::vector<Index>& m, const std::vector<double>& rho, double bound);
/// max |p - q| of two polynomials whose coefficient tensors of shape `degrees` differ by `frobenius`:
/// sqrt(prod m_k) frobenius, since |T_k| <= 1.
double coefficient_error_bound(const std::vector<Index>& m, double frobenius);
///@}

}  // namespace cartan::chebyshev
