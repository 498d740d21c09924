#pragma once
// Orthonormal bases of symmetric equivariant tensors, as polynomials.

#include <map>
#include <vector>

#include "cartan/so3/irreps.hpp"

namespace cartan::so3 {

/// Coordinates in ascending order, one for every factor.
using Monomial = std::vector<int>;

/// Number of different orders of the factors.
double orders(const Monomial& monomial);

/// For one output irrep and degree nu: the coefficient of a monomial in component m of path p is
/// values[m][p], the symmetric tensor's entry times orders().
struct SymmetricBasis {
  Index paths = 0;
  std::map<Monomial, std::vector<std::vector<double>>> values;
};

/// Terms of `in` are taken with one copy each.
SymmetricBasis symmetric_basis(const Irreps& in, Irrep out, int nu);

}  // namespace cartan::so3
