#pragma once
/// Learning rates over a run, and when to end it. State is saved exactly.

#include <cstdint>
#include <limits>
#include <string>

#include <cartan/core/config.hpp>
#include <cartan/data/group.hpp>

namespace cartan::nn {

/// Counts reports since the last improvement: value < best - threshold |best|. NaN is no improvement.
class Patience {
 public:
  explicit Patience(double threshold = 0) : threshold_(threshold) {}
  bool report(double value);  ///< true for an improvement
  double best() const { return best_; }
  std::int64_t waited() const { return waited_; }
  void restart() { waited_ = 0; }
  void save(data::Group& group) const;
  void load(const data::Group& group);

 private:
  double threshold_;
  double best_ = std::numeric_limits<double>::infinity();
  std::int64_t waited_ = 0;
};

enum class Decay {
  constant,
  cosine,   ///< from learning_rate to min_rate over the whole run
  plateau,  ///< times `factor` after more than `patience` validations without improvement (torch's
            ///< ReduceLROnPlateau, relative threshold), not below min_rate
};
Decay decay_from_name(const std::string& name);  ///< "constant", "cosine", "plateau"
const char* name_of(Decay decay);

struct ScheduleOptions {
  double learning_rate = 1e-3;
  std::int64_t warmup_steps = 100;  ///< the rate is multiplied by min(1, (step + 1)/warmup_steps)
  Decay decay = Decay::cosine;
  double min_rate = 1e-6;
  double factor = 0.8;
  std::int64_t patience = 10;
  double threshold = 1e-4;
};
void describe(config::Fields& f, ScheduleOptions& options);

class Schedule {
 public:
  explicit Schedule(const ScheduleOptions& options = {});
  /// @param step      steps done so far
  /// @param progress  part of the run done, in [0, 1]; for cosine
  double rate(std::int64_t step, double progress) const;
  /// The criterion of a validation; for plateau.
  void report(double criterion);
  const ScheduleOptions& options() const { return options_; }
  void save(data::Group& group) const;
  void load(const data::Group& group);

 private:
  ScheduleOptions options_;
  double plateau_rate_;
  Patience patience_;
};

}  // namespace cartan::nn
