#pragma once
/// Trajectories in HDF5 as H5MD 1.1 lays it out (de Buyl, Colberg, Hoefling 2014, https://nongnu.org/h5md),
/// for any reader of that format (MDAnalysis, pyh5md, h5py, VMD):
///
///     /h5md                        version (1, 1); author/name; creator/name, version; modules/units
///     /particles/atoms/box         dimension 3, boundary; edges/value (frames, 3, 3), rows are lattice
///                                  vectors, step, time; no edges without a cell
///     /particles/atoms/position    value (frames, n, 3), step, time; velocity and force alike
///     /particles/atoms/forces_deviation   value (frames, n): of a committee (potential.hpp), step, time
///     /particles/atoms/species     (n) atomic numbers; mass (n)
///     /particles/atoms             attribute total_charge, e; absent: 0
///     /observables/NAME            value (frames), step, time
///
/// Units are attributes `unit`: Angstrom, fs, eV, K, u. (MDAnalysis 2 knows no force in eV/Angstrom and
/// refuses files with forces.)

#include <map>
#include <memory>
#include <string>

#include <cartan/data/trajectory.hpp>
#include <cartan/potentials/dynamics.hpp>

namespace cartan::potentials {

struct TrajectoryOptions {
  bool velocities = true;
  bool forces = false;
  DType dtype = DType::f64;  ///< of positions, velocities and forces
  std::string author;        ///< whose the run is; "unknown" where empty
  std::string config;        ///< the resolved run description
};

/// Writes frame after frame. The file appears with close(); until then its frames are kept beside it, and
/// flush() makes them outlive a kill. A run that goes on from a checkpoint gives the number of frames the
/// trajectory had then: later ones are dropped.
class TrajectoryWriter {
 public:
  /// A new file of the atoms of `frame`, which has a cell where later frames have one.
  /// Throws std::invalid_argument, IoError.
  TrajectoryWriter(const std::string& path, const Frame& frame, const TrajectoryOptions& options = {});
  /// Goes on after the first `keep` frames of what an earlier writer of the same frame and options left at
  /// `path`, finished or not. Throws FormatError when there are fewer, or another number of atoms.
  TrajectoryWriter(const std::string& path, const Frame& frame, const TrajectoryOptions& options, Index keep);
  ~TrajectoryWriter();
  TrajectoryWriter(TrajectoryWriter&&) noexcept;

  /// The state of a run, with potential_energy, kinetic_energy, conserved_energy,
  /// temperature, where periodic in three directions pressure and volume, and with a committee
  /// energy_deviation, forces_deviation_max, forces_deviation_rms and forces_deviation of every atom.
  void append(const Dynamics& dynamics, const Observables& observables);
  /// A frame (its velocities and forces where options ask for them) with observables by name, in eV unless
  /// the name is one of those above. Every frame gives the same names, or std::invalid_argument is thrown.
  void append(const Frame& frame, Index step, double time_fs,
              const std::map<std::string, double>& observables);
  Index frames() const;  ///< so far, those of earlier runs included
  void flush();
  /// Throws IoError. Without it (an exception on the way) the frames stay in the unfinished file.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

using data::TrajectoryReader;

}  // namespace cartan::potentials
