#pragma once
/// Relaxation of atoms, and of the cell, to a minimum of the energy or enthalpy.

#include <functional>
#include <string>

#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/potentials/potential.hpp>

namespace cartan::potentials {

enum class Optimizer { lbfgs, fire };
/// What of the cell moves: nothing, its volume at fixed shape, or everything.
enum class CellFreedom { fixed, isotropic, full };

/// "lbfgs", "fire"; throws std::invalid_argument for others.
Optimizer optimizer_from_name(const std::string& name);
/// "fixed", "isotropic", "full"; throws std::invalid_argument for others.
CellFreedom cell_freedom_from_name(const std::string& name);

struct RelaxOptions {
  Optimizer optimizer = Optimizer::lbfgs;
  CellFreedom cell = CellFreedom::fixed;
  Index steps = 1000;     ///< at most
  double fmax = 0.01;     ///< eV/Angstrom: done when no force is larger
  double smax = 1e-4;     ///< eV/Angstrom^3: and, with the cell, no entry of stress + pressure
  double pressure = 0;    ///< eV/Angstrom^3, with the cell: minimises energy + pressure * volume
  double max_step = 0.2;  ///< Angstrom an atom moves at most in a step
  int memory = 20;        ///< steps L-BFGS remembers
};
void describe(config::Fields& f, RelaxOptions& options);

enum class RelaxStatus {
  converged,
  step_limit,  ///< options.steps taken
  stopped,     ///< the stop flag was set
  stalled,     ///< no shorter step lowers the energy: forces are not its derivatives, or at rounding
  failed       ///< energy or forces not finite
};

struct RelaxSummary {
  RelaxStatus status = RelaxStatus::step_limit;
  bool converged = false;
  std::string message;  ///< what failed
  Index steps = 0;      ///< accepted
  Index evaluations = 0;
  double energy_start = 0;  ///< eV
  double energy = 0;        ///< eV
  double fmax = 0;          ///< eV/Angstrom, largest force
  double smax = 0;          ///< eV/Angstrom^3, largest entry of stress + pressure along freed directions
  double seconds = 0;
};

/// Called after every accepted step, and with step 0 at the start.
struct RelaxProgress {
  Index step = 0;
  double energy = 0, fmax = 0, smax = 0;  ///< as in the summary
  const Frame& frame;                     ///< with energy and forces
};
using RelaxCallback = std::function<void(const RelaxProgress&)>;

/// Moves `frame` downhill until the largest force is below fmax (and the stress below smax). On return it
/// holds the last accepted positions and cell with energy, forces and, where periodic, stress.
///
/// lbfgs: limited-memory BFGS (Nocedal 1980), every step cut to max_step and halved until the energy falls.
/// fire: FIRE 2.0 (Guenole et al. 2020), which needs no energies.
/// With the cell, the variables are the positions pulled back by the deformation gradient F of the starting
/// cell (Tadmor et al. 1999), and w F with w = sqrt(n) (V / n)^(1/3), which gives both similar curvatures for
/// any number n of atoms. The generalized forces F^T f and (virial - pressure V) F^-T / w are exact
/// derivatives of one enthalpy. A step strains by at most 0.05. Without pbc in some directions only strains
/// within the periodic ones act.
///
/// Fixed atoms (moving_components in <cartan/potentials/dynamics.hpp>) stay, with the cell where it moves,
/// and their forces do not count.
///
/// Throws std::invalid_argument for options or frames that make no sense.
RelaxSummary relax(Potential& potential, Frame& frame, const RelaxOptions& options = {},
                   const RelaxCallback& callback = {}, const StopFlag* stop = nullptr);

}  // namespace cartan::potentials
