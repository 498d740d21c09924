#pragma once
/// Tables of the rotation group, for degrees up to largest_degree (irreps.hpp), computed once from exact
/// integers and kept. All functions here may be called from any thread; references stay valid for the life of
/// the program.
///
/// Conventions are e3nn's: real harmonics Y_lm, m = -l..l at index l + m, polar axis y, azimuth from z
/// towards x, no Condon-Shortley phase; l = 1 is (x, y, z).

#include <vector>

namespace cartan::so3 {

/// Wigner's 3j symbol (l1 l2 l3; m1 m2 m3), rounded once from the exact value (Racah's formula).
double wigner_3j(int l1, int l2, int l3, int m1, int m2, int m3);

/// The real 3j tensor C (2 l1 + 1, 2 l2 + 1, 2 l3 + 1), row-major: the invariant of l1 x l2 x l3 in the real
/// basis, sum of C^2 = 1, with e3nn's sign. Empty unless |l1 - l2| <= l3 <= l1 + l2. Every entry is rounded
/// once from the square root of a rational.
const std::vector<double>& wigner_3j(int l1, int l2, int l3);

/// The entries that are not zero, ordered by (k, i, j): C[i, j, k] = value.
struct Coupling {
  int i, j, k;
  double value;
};
const std::vector<Coupling>& couplings(int l1, int l2, int l3);

/// A matrix by its entries that are not zero, ordered by row and column.
struct Entry {
  int row, column;
  double value;
};

/// J_l (2 l + 1, 2 l + 1), row-major: symmetric, J^2 = 1, J Z(beta) J = D(R_x(beta)) where Z(beta) is D of a
/// rotation about y. J_l = (-1)^l D_l(pi about (1, 1, 0)/sqrt(2)), J_1 = (-y, -x, z). Every entry is an
/// integer times the square root of a rational, rounded once.
const std::vector<double>& wigner_j(int l);
const std::vector<Entry>& wigner_j_entries(int l);

/// The generator X_a of rotations about axis a = 0, 1, 2 (x, y, z): D(exp of an angle t about n) = exp(t sum
/// of n_a X_a). Antisymmetric; [X_x, X_y] = X_z and so on; (X_a)_bc = -epsilon_abc for l = 1.
const std::vector<Entry>& generator(int l, int axis);

/// Integrals of three harmonics of `component` normalisation over the sphere (its mean value) are
/// gaunt(l1, l2, l3) C[i, j, k], with gaunt = sqrt((2 l1 + 1)(2 l2 + 1)(2 l3 + 1)) |(l1 l2 l3; 0 0 0)|, zero
/// for odd l1 + l2 + l3. Products of functions follow: the (l3, k) coordinate of f g is the sum of gaunt C[i,
/// j, k] f_i g_j.
double gaunt(int l1, int l2, int l3);

/// Nodes in (-1, 1), ascending, and weights of the n-point Gauss-Legendre rule: exact for polynomials of
/// degree 2 n - 1; the weights sum to 2.
struct Quadrature {
  std::vector<double> nodes, weights;
};
const Quadrature& gauss_legendre(int n);

}  // namespace cartan::so3
