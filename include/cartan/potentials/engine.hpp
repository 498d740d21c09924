#pragma once
/// The one interface that simulation programs call: energies and their derivatives of a System, into buffers
/// of the caller. The network itself, differentiated by the tape, is one engine (NetworkEngine, model.hpp);
/// engines compiled for inference are others.

#include <cartan/potentials/system.hpp>

namespace cartan::potentials {

/// Where an engine writes. Stress everywhere is positive under tension, and virial = -volume * stress.
struct Results {
  Span<double> forces;  ///< (owned + ghosts) x 3, -dE/dx, eV/Angstrom; empty: not wanted. Those on ghosts
                        ///< belong to the atoms that they are copies of.
  Span<double> atom_energies;  ///< owned, eV; empty: not wanted
  bool wants_virial = true;

  double energy = 0;               ///< eV, of the owned atoms
  std::array<double, 9> virial{};  ///< -dE/dstrain, symmetric, eV
};

/// A potential energy surface for hosts. It keeps a workspace: once calls of one size are warm it takes no
/// more memory. One object serves one thread at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Throws std::invalid_argument for elements it does not know, overlapping atoms, positions that are not
  /// finite, spans of another size, a pair list that is not full.
  virtual void compute(const System& system, Results& results) = 0;
  virtual double cutoff() const = 0;  ///< Angstrom; the pair list must reach as far
};

}  // namespace cartan::potentials
