#pragma once
// Functions of a pair of elements and their distance, as mace-torch has them.

#include <vector>

#include "cartan/potentials/graph.hpp"

namespace cartan::potentials {

/// Angstrom: Cordero et al., Dalton Trans. 2832 (2008); 0.2 for elements that have none.
double covalent_radius(int number);
/// Those of the elements 0 to 118.
std::vector<double> covalent_radii();

/// @name Distances r (edges) of a graph, transformed by the covalent radii R (by atomic number) of the ends;
/// Witt et al., J. Chem. Phys. 159, 164101 (2023)
///@{
/// 1/(1 + a q^Q/(1 + q^(Q - P))), q = r/r0, r0 = (R_s + R_i)/2. @param parameters  a, Q, P; empty: the usual
/// ones
Array agnesi_distance(const Graph& graph, const Array& lengths, const std::vector<double>& radii,
                      const std::vector<double>& parameters);
/// p0 + (r - p0) (1 + tanh(alpha (r - (p0 + p1)/2)/(p1 - p0)))/2, p0 = 3/4 r0, p1 = 4/3 r0, r0 = R_s + R_i.
/// @param parameters  alpha; empty: 4
Array soft_distance(const Graph& graph, const Array& lengths, const std::vector<double>& radii,
                    const std::vector<double>& parameters);
///@}

/// (owned) half of 14.3996 Z_s Z_i/r phi(r/a) f(r/(R_s + R_i)), summed at the receivers, eV; f the polynomial
/// cutoff of power p. Ziegler, Biersack, Littmark (1985).
Array screened_repulsion(const Graph& graph, const Array& lengths, const std::vector<double>& radii, int p);

}  // namespace cartan::potentials
