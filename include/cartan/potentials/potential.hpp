#pragma once
/// What dynamics and relaxation need of a potential.

#include <array>
#include <vector>

#include <cartan/data/frame.hpp>

namespace cartan::potentials {

using data::Frame;

/// How far the K members of a committee are from their mean, over members (not K - 1; Zhang et al. 2020,
/// Comput. Phys. Commun. 253, 107206):
///
///     energy   = sqrt(1/K sum_k (E_k - E)^2),       E   = 1/K sum_k E_k
///     forces_i = sqrt(1/K sum_k |F_ki - F_i|^2),    F_i = 1/K sum_k F_ki
///
/// Members with other reference energies differ by constants: their energies then say little, their forces
/// all.
struct Deviation {
  double energy = 0;           ///< eV
  std::vector<double> forces;  ///< one an atom, eV/Angstrom; empty: not from a committee

  bool known() const { return !forces.empty(); }
  double largest() const;           ///< of the forces, NaN where one is; 0 without
  double root_mean_square() const;  ///< of the forces; 0 without
};

/// Energy and its exact derivatives.
struct Evaluation {
  double energy = 0;                  ///< eV
  std::vector<double> forces;         ///< n x 3, -dE/dx, eV/Angstrom
  std::array<double, 9> virial{};     ///< -dE/dstrain = -volume * stress, symmetric, eV
  std::vector<double> atom_energies;  ///< eV; empty when the potential has none
  Deviation deviation;                ///< where the potential is a committee
};

/// A potential energy surface. `evaluate` may keep a workspace: one object serves one thread at a time.
class Potential {
 public:
  virtual ~Potential() = default;
  /// Throws std::invalid_argument for elements it does not know, overlapping atoms, a cell of zero volume.
  virtual Evaluation evaluate(const Frame& frame) = 0;
  virtual double cutoff() const = 0;  ///< Angstrom
  /// False where forces are not the gradient of the energy: no energy is then conserved.
  virtual bool conservative() const { return true; }
};

}  // namespace cartan::potentials
