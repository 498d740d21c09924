#pragma once
/// To and from the conventions of other programs: the border of this module, inside which features lie in one
/// layout (irreps.hpp). Ours are e3nn's conventions otherwise, so nothing is needed for e3nn and MACE but
/// from_mul_ir, to_mul_ir and the factors below. All functions are differentiable ops.

#include <cmath>

#include <cartan/autodiff/primitive.hpp>
#include <cartan/so3/irreps.hpp>

namespace cartan::so3 {

/// @name e3nn, e3nn-jax and MACE keep the block of a term as [u, m], channels slowest (`mul_ir`); ours is
/// [m, u] (`ir_mul`, as cuEquivariance's fast layout). Weights of e3nn's modules (tensor products, linear
/// maps, norms, MACE's contractions) belong to channels, not to coordinates: they load as they are.
///@{
Array from_mul_ir(const Array& x, const Irreps& irreps);  ///< ours from theirs, x (..., irreps.dim())
Array to_mul_ir(const Array& x, const Irreps& irreps);    ///< theirs from ours
/// Matrices on features, such as e3nn's irreps.D_from_matrix or a map with a weight of its own for every pair
/// of coordinates: (..., rows.dim(), columns.dim()), ours from theirs and theirs from ours.
Array matrix_from_mul_ir(const Array& matrix, const Irreps& rows, const Irreps& columns);
Array matrix_to_mul_ir(const Array& matrix, const Irreps& rows, const Irreps& columns);
///@}

/// @name cuEquivariance and e3nn-jax sort irreps by degree, then the parity of harmonics first: 0e, 0o, 1o,
/// 1e, 2e, ... (e3nn: 0o, 0e, 1o, 1e, 2o, ...). Their real basis is ours.
///@{
/// The terms in that order, equal ones in their old order; permutation[old term] = new term.
Irreps::Sorted sort_natural(const Irreps& irreps);
/// Features of sort_natural(irreps).irreps from those of irreps.
Array to_natural_order(const Array& x, const Irreps& irreps);
/// Features of irreps from those of sort_natural(irreps).irreps.
Array from_natural_order(const Array& x, const Irreps& irreps);
///@}

/// Coupling coefficients of other programs as multiples of wigner_3j(l1, l2, l3), whose squares sum to 1:
/// those of cuEquivariance and e3nn-jax (clebsch_gordan) and of MACE (component normalised) sum to 2 l3 + 1.
/// A path whose coefficients are `factor` times ours has weights 1/factor times ours.
inline double clebsch_gordan_factor(int l3) {
  return std::sqrt(2.0 * l3 + 1.0);
}

/// @name sphericart's harmonics: polar axis z, azimuth from x towards y, `integral` normalised; (n, (lmax +
/// 1)^2), index l^2 + l + m. sphericart(x, y, z) has the values of ours at (y, z, x): one who may choose the
/// vectors need only reorder them. These functions change the values at the same vectors; they turn all
/// degrees.
///@{
Array to_sphericart(const Array& y, int lmax);    ///< from ours, component normalised
Array from_sphericart(const Array& y, int lmax);  ///< to ours, component normalised
///@}

/// @name fairchem's m-major order of the coefficients of harmonics: m = 0 of all degrees, then for every m =
/// 1 .. mmax those of +m, then those of -m. Features (n, (lmax + 1)^2, channels) or (n, (lmax + 1)^2) of
/// degrees 0 .. lmax.
///@{
/// Places of the coefficients in our order: l^2 + l + m.
std::vector<Index> m_major_order(int lmax, int mmax);
Array to_m_major(const Array& x, int lmax, int mmax);
/// The adjoint: orders above mmax are 0.
Array from_m_major(const Array& x, int lmax, int mmax);
///@}

}  // namespace cartan::so3
