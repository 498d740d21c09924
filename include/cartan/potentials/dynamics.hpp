#pragma once
/// Molecular dynamics on any Potential: constant energy, temperature, or temperature and pressure.
///
/// A run is a function of (state, options): random numbers are keyed by (seed, step, atom), so that a run
/// which was stopped and goes on from its saved state has the bits of one that never stopped.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <cartan/core/config.hpp>
#include <cartan/core/progress.hpp>
#include <cartan/data/group.hpp>
#include <cartan/potentials/potential.hpp>

namespace cartan::potentials {

enum class Ensemble { nve, nvt, npt };
enum class Thermostat { langevin, nose_hoover };

/// "nve", "nvt", "npt"; throws std::invalid_argument for others.
Ensemble ensemble_from_name(const std::string& name);
/// "langevin", "nose-hoover"; throws std::invalid_argument for others.
Thermostat thermostat_from_name(const std::string& name);
const char* name_of(Ensemble ensemble);
const char* name_of(Thermostat thermostat);

struct DynamicsOptions {
  Ensemble ensemble = Ensemble::nve;
  double dt = 1.0;           ///< fs
  double temperature = 300;  ///< K; of the thermostat, and of start velocities that are not given
  Thermostat thermostat = Thermostat::langevin;  ///< of nvt and npt
  double friction = 0.01;                        ///< 1/fs, Langevin
  double tau = 100;                              ///< fs, Nose-Hoover: Q_1 = dof kT tau^2
  int chain = 3;                                 ///< length of the Nose-Hoover chain
  double pressure = 0;                           ///< eV/Angstrom^3 (units::bar, units::gigapascal), npt
  double pressure_tau = 1000;                    ///< fs, relaxation time of the volume
  double compressibility = 73;  ///< Angstrom^3/eV, roughly that of the sample (water 73, metals 1-3):
                                ///< it changes how fast the volume relaxes, not what is sampled
  int barostat_every = 10;      ///< steps between changes of the volume
  std::uint64_t seed = 0;
  bool remove_com = true;  ///< the centre of mass stays at rest: three degrees of freedom less
  /// nve: accept forces that are not the gradient of the energy, which they do not conserve
  bool allow_direct_forces = false;
  bool remove_rotation = false;   ///< start velocities without angular momentum (no pbc)
  bool exact_temperature = true;  ///< start velocities scaled to the temperature asked for
  double max_temperature = 1e4;   ///< K; beyond it the run counts as exploded
  double max_drift = 0.5;  ///< eV/atom/ps; so does a change of the conserved quantity since the start beyond
                           ///< this for every picosecond that has passed, or for one at first
  double max_deviation = 0;  ///< eV/Angstrom: where the members of a committee are further apart about a
                             ///< force (Deviation::largest), the run stops; 0: it does not
  Index sample_every = 10;   ///< steps between calls of the callback
};
void describe(config::Fields& f, DynamicsOptions& options);

/// Everything a run goes on from.
struct DynamicsState {
  Frame frame;  ///< with velocities; positions are not wrapped into the cell
  Index step = 0;
  double time = 0;                                        ///< fs
  Evaluation evaluation;                                  ///< of `frame`
  std::vector<double> chain_positions, chain_velocities;  ///< Nose-Hoover: 1 and 1/fs
  double heat = 0;                                        ///< eV, given by thermostat and barostat so far
  double start_energy = not_known;                        ///< eV, the conserved quantity at the start
  bool sampled = false;                                   ///< the callback of run() has had the start
  Index volume_moves = 0, volume_moves_accepted = 0;

  static constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
  void save(data::Group& group) const;
  /// Throws FormatError.
  static DynamicsState load(const data::Group& group);
};

/// What is measured at a step.
struct Observables {
  Index step = 0;
  double time = 0;         ///< fs
  double potential = 0;    ///< eV
  double kinetic = 0;      ///< eV
  double temperature = 0;  ///< K, 2 K / (dof k_B)
  double conserved = 0;    ///< eV, what exact integration would keep (see Dynamics)
  double pressure = 0;  ///< eV/Angstrom^3, n k_B T / V + tr(virial) / 3V; NaN unless periodic in 3 directions
  double volume = 0;    ///< Angstrom^3
  /// Of a committee: deviation of the energy, eV, and the largest and the root mean square of those of the
  /// forces, eV/Angstrom (Deviation); NaN for one model.
  double energy_deviation = 0, forces_deviation = 0, forces_deviation_rms = 0;
};

/// Masses used by dynamics, amu: `frame.arrays["masses"]` where given, standard atomic weights otherwise.
std::vector<double> masses_of(const Frame& frame);

/// What fixed atoms say: 3n, 1 where a component moves; empty where all of them move. From
/// `frame.arrays["move_mask"]` (T or 1: moves) and `["fixed"]` (T or 1: does not), n or n x 3. Throws
/// std::invalid_argument for other shapes and numbers.
std::vector<std::uint8_t> moving_components(const Frame& frame);

/// Velocities from the Maxwell-Boltzmann distribution at `temperature` (K): Philox, keyed by (seed, atom).
/// `remove_com` takes away the total momentum, `remove_rotation` the angular momentum about the centre of
/// mass; `exact` scales the rest so that 2 K = dof k_B T. Components that are fixed stay at rest, and then
/// nothing is taken away; nor is the momentum of a single atom. Returns the degrees of freedom that are left.
Index set_velocities(Frame& frame, double temperature, std::uint64_t seed, bool remove_com = true,
                     bool remove_rotation = false, bool exact = false);

/// The integrator.
///
/// nve: velocity Verlet. nvt, Langevin: BAOAB (Leimkuhler, Matthews 2013), whose configurations are those of
/// a harmonic solid exactly, at any stable time step. nvt, Nose-Hoover: chains with a seven-fold
/// Suzuki-Yoshida splitting (Martyna et al. 1996). npt: either thermostat, and every `barostat_every` steps
/// a change of the volume (isotropic, positions and cell scaled, velocities scaled inversely) by stochastic
/// cell rescaling in sqrt(V) (Bernetti, Bussi 2020), accepted with the Metropolis rule of its own proposal
/// density: the volumes are those of the isothermal-isobaric ensemble at any `barostat_every`. It costs one
/// evaluation more.
///
/// The conserved quantity is potential + kinetic energy, + pressure V (npt), + the energy of the chain
/// (Nose-Hoover), - the heat given by Langevin noise and barostat.
/// Degrees of freedom: 3 n, 3 less with remove_com, and those of rotation less where they are conserved
/// (remove_rotation with nve or Nose-Hoover). One atom alone keeps its momentum. With fixed atoms (see
/// moving_components) they are the components that move, the centre of mass is left alone, and npt and
/// remove_rotation are refused.
class Dynamics {
 public:
  /// Starts from a frame; velocities it lacks are drawn at options.temperature. Evaluates the potential once.
  /// The potential must outlive this. Throws std::invalid_argument for options or frames that make no sense.
  Dynamics(Potential& potential, Frame start, const DynamicsOptions& options);
  /// Goes on from a state.
  Dynamics(Potential& potential, DynamicsState state, const DynamicsOptions& options);

  /// One time step. False when energy or forces are not finite, the potential refuses the positions, or
  /// temperature or drift pass their limits: then the state is that before the step, and stays so.
  bool step();
  /// Whether the start of the run has still to be sampled: true once, of a state at step 0.
  bool sample_start();
  bool exploded() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }  ///< why, when exploded
  /// Where members of a committee are further apart than max_deviation in this state: how far, about which
  /// atom. Empty otherwise. step() goes on all the same.
  std::string disagreement() const;

  const DynamicsState& state() const { return state_; }
  const DynamicsOptions& options() const { return options_; }
  Observables observables() const;
  Index degrees_of_freedom() const { return freedom_; }

 private:
  void start();
  void check(const DynamicsOptions& options) const;
  bool evaluate();
  void kick(double time);
  void drift(double time);
  void langevin();
  void chain_half_step();
  void change_volume();
  void hold();
  double kinetic_energy() const;
  double chain_energy() const;
  double conserved(double kinetic, double volume) const;

  Potential& potential_;
  DynamicsOptions options_;
  DynamicsState state_, before_;
  std::vector<double> masses_;
  std::vector<std::uint8_t> moving_;  // empty: all
  bool without_com_ = true;
  mutable std::vector<double> work_;
  Index freedom_ = 0;
  std::string failure_;
};

enum class DynamicsStatus {
  finished,
  stopped,   ///< the stop flag was set
  exploded,  ///< the state is that before the step
  uncertain  ///< members of a committee are further apart than max_deviation, in the state that it left
};

/// What a run did. Means are over its steps, not over samples.
struct DynamicsSummary {
  DynamicsStatus status = DynamicsStatus::finished;
  std::string message;           ///< why it exploded, or is uncertain
  Index steps = 0;               ///< done in this call
  double temperature_mean = 0;   ///< K
  double potential_mean = 0;     ///< eV
  double pressure_mean = 0;      ///< eV/Angstrom^3; NaN unless periodic in 3 directions
  double volume_mean = 0;        ///< Angstrom^3
  double energy_drift = 0;       ///< eV/atom/ps: least-squares slope of the conserved quantity
  double energy_deviation = 0;   ///< eV/atom: largest |conserved - conserved at the start|
  double volume_acceptance = 1;  ///< share of the volume moves that were accepted (of the whole state)
  double seconds = 0;
  double ns_per_day = 0;
  double us_per_atom_step = 0;
};

/// Called at steps that are multiples of `sample_every`, and once at step 0, so that a run in pieces is
/// sampled as one in a single piece, whichever step it was stopped at.
using DynamicsCallback = std::function<void(const Dynamics&, const Observables&)>;

/// Takes `steps` steps. Ends early when the run explodes or becomes uncertain, or `stop` is set.
DynamicsSummary run(Dynamics& dynamics, Index steps, const DynamicsCallback& callback = {},
                    const StopFlag* stop = nullptr);

}  // namespace cartan::potentials
