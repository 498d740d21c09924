#pragma once
/// What dynamics and relaxation need of a potential.

#include <array>
#include <vector>

#include <cartan/data/frame.hpp>

namespace cartan::potentials {

using data::Frame;

/// Energy and its exact derivatives.
struct Evaluation {
  double energy = 0;                  ///< eV
  std::vector<double> forces;         ///< n x 3, -dE/dx, eV/Angstrom
  std::array<double, 9> virial{};     ///< -dE/dstrain = -volume * stress, symmetric, eV
  std::vector<double> atom_energies;  ///< eV; empty when the potential has none
};

/// A potential energy surface. `evaluate` may keep a workspace: one object serves one thread at a time.
class Potential {
 public:
  virtual ~Potential() = default;
  /// Throws std::invalid_argument for elements it does not know, overlapping atoms, a cell of zero volume.
  virtual Evaluation evaluate(const Frame& frame) = 0;
  virtual double cutoff() const = 0;  ///< Angstrom
};

}  // namespace cartan::potentials
