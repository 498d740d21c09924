#pragma once
/// Rotations, their Wigner matrices in the real basis, and features turned by them.
///
/// D_l(R) is orthogonal with Y_l(R r) = D_l(R) Y_l(r), D(R S) = D(R) D(S), D_1(R) = R. It is computed as a
/// polynomial in the Cayley-Klein parameters of R: no angle, no pole, any degree. Derivatives use the Lie
/// algebra, dD = D X(omega) where dR = R [omega]x, so they need no derivative of an angle either.

#include <cartan/so3/irreps.hpp>

namespace cartan::so3 {

/// @name Rotation matrices (n, 3, 3), acting on columns (x, y, z)
///@{
/// From quaternions (n, 4) = (w, x, y, z) of any length but 0.
Array rotation_from_quaternion(const Array& q);
/// From e3nn's Euler angles (n, 3) = (alpha, beta, gamma): R_y(alpha) R_x(beta) R_y(gamma).
Array rotation_from_angles(const Array& angles);
///@}

/// From y to the directions of vectors (n, 3): R_y(alpha) R_x(beta), y R^T = r/|r|; alpha = 0 along +-y. A
/// direction leaves the turn about itself open. With `roll` the derivative is that of this matrix, whose roll
/// turns without bound near +-y (there it is left out); without it the part of a roll is left out everywhere,
/// which is the exact derivative of whatever does not change when R is turned about r. Vectors that are zero
/// or not finite: std::invalid_argument. Differentiable to any order.
Array rotation_to(const Array& vectors, bool roll = true);

/// Number of entries of the packed blocks D_0, D_1, ..., D_lmax, each row-major: sum of (2 l + 1)^2.
Index wigner_size(int lmax);

/// Packed D_0 .. D_lmax: (n, wigner_size(lmax)). Differentiable to any order; the derivative by R is the one
/// along SO(3) (tangent to it). Rows are rounded from float64 for float32 too.
/// @param rotation  (n, 3, 3), |R^T R - 1| <= 1e-5 and det R > 0, or std::invalid_argument. An improper R
///   is the rotation -R times the inversion, whose D is the parity: see the form for irreps.
Array wigner_d(const Array& rotation, int lmax);
/// D_l alone: (n, 2 l + 1, 2 l + 1).
Array wigner_d_degree(const Array& rotation, int l);
/// The matrix that turns features: (n, irreps.dim(), irreps.dim()). R may be improper.
Array wigner_d(const Array& rotation, const Irreps& irreps);

/// D x for features x (n, irreps.dim()) or (n, k, irreps.dim()); transposed: D^T x.
/// @param d  (n, wigner_size(lmax)), lmax >= irreps.lmax(); parities are not looked at. One for all where n
/// is
///           1, then x is (..., irreps.dim())
Array rotate(const Array& d, const Array& x, const Irreps& irreps, bool transposed = false);
/// Features x as rotate() takes them, turned by R (n, 3, 3), which may be improper; (1, 3, 3) or (3, 3) turns
/// all rows alike.
Array rotate_features(const Array& rotation, const Array& x, const Irreps& irreps);

}  // namespace cartan::so3
