#pragma once
/// Trajectories that `potential md` writes (H5MD; the layout is in <cartan/potentials/trajectory.hpp>).

#include <memory>
#include <string>
#include <vector>

#include <cartan/data/frame.hpp>

namespace cartan::data {

/// Frames of a finished trajectory.
class TrajectoryReader {
 public:
  /// Throws IoError, or FormatError when it is not H5MD of Cartan.
  explicit TrajectoryReader(const std::string& path);
  ~TrajectoryReader();
  TrajectoryReader(TrajectoryReader&&) noexcept;
  Index frames() const;
  Index atoms() const;  ///< of every frame
  Index step(Index frame) const;
  double time(Index frame) const;  ///< fs
  /// Positions, cell, species, masses, total charge; velocities, forces and energy where the file has them.
  Frame read(Index frame) const;
  std::vector<Frame> read(Index begin, Index end) const;
  /// A whole observable; throws FormatError when there is none of that name.
  std::vector<double> observable(const std::string& name) const;
  std::vector<std::string> observables() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cartan::data
