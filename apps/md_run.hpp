#pragma once
// A run of dynamics with its trajectory, checkpoint and record: what `cartan potential md` does.

#include <cartan/potentials/trajectory.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <string>

#include "md_record.hpp"
#include "potential_common.hpp"

namespace cartan::app {

struct MdOptions {
  ModelOptions model;
  StartOptions start;
  std::string out, plot, checkpoint, uncertain;
  potentials::DynamicsOptions dynamics;
  double pressure_gpa = 0, compressibility_per_gpa = 0.455;
  Index steps = 0, sample_every = 10;
  double checkpoint_seconds = 60;
  bool resume = false, relax_first = false, keep_velocities = false, json = false, force = false;

  /// Fills in what follows from other options: names of files, numbers in the library's units.
  /// Throws std::invalid_argument.
  void complete();
};

/// One run, from its start or its checkpoint to its end or an interruption.
class MdRun {
 public:
  /// Reads and checks everything, and makes the files. The options must outlive this.
  explicit MdRun(const MdOptions& options);
  /// Takes the steps that are missing; leaves a finished trajectory, a checkpoint (unless the run exploded)
  /// and the plot.
  potentials::DynamicsSummary advance();

  bool conservative() const { return potential_.conservative(); }
  const potentials::Dynamics& dynamics() const { return *dynamics_; }
  const MdRecord& record() const { return *record_; }
  const nlohmann::ordered_json& settings() const { return settings_; }

 private:
  using Clock = std::chrono::steady_clock;
  potentials::TrajectoryOptions trajectory() const;
  void begin();
  void resume();
  void save();
  void keep_uncertain_frame() const;

  const MdOptions& o_;
  potentials::CommitteePotential potential_;
  nlohmann::ordered_json settings_;
  std::optional<potentials::Dynamics> dynamics_;
  std::optional<MdRecord> record_;
  std::optional<potentials::TrajectoryWriter> writer_;
  Clock::time_point saved_ = Clock::now();
};

}  // namespace cartan::app
