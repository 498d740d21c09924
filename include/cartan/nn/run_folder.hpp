#pragma once
/// The folder of a training run: what it leaves, under the same names for potentials, operators and
/// completion.
///
///     run.toml            the resolved description; running it again repeats the run
///     checkpoint.h5       what --resume goes on from (checkpoint.h5.previous: the one before)
///     model.h5            the trained model
///     history.csv         a row an epoch
///     learning_curve.svg  the same as a picture

#include <string>
#include <vector>

#include <cartan/nn/trainer.hpp>

namespace cartan::nn {

class RunFolder {
 public:
  explicit RunFolder(const std::string& path);  ///< made absolute; "" is refused

  const std::string& path() const { return path_; }
  std::string description() const { return file("run.toml"); }
  std::string checkpoint() const { return file("checkpoint.h5"); }
  std::string model() const { return file("model.h5"); }
  std::string history() const { return file("history.csv"); }
  std::string learning_curve() const { return file("learning_curve.svg"); }

  bool has_checkpoint() const;  ///< or the one before it
  /// The files that a run would replace and may not, unless it is forced to: those of an earlier run, and a
  /// run.toml that a person wrote. A run that goes on may replace its own.
  std::vector<std::string> in_the_way(bool resume) const;

  /// Makes the folder; throws IoError.
  void create() const;
  /// All three are written whole or not at all; they throw IoError.
  void write_description(const std::string& toml) const;
  void write_history(const Summary& summary) const;
  void draw_learning_curve(const Summary& summary) const;

 private:
  std::string file(const char* name) const { return path_ + "/" + name; }
  std::string path_;
};

/// "F 33.1 meV/A": a metric as people read it.
std::string shown(const Metric& metric, double value);

/// Trains in a folder: run.toml (options.config) first (last by a run that goes on), checkpoints on the way,
/// history and learning curve at the end, whatever it was. With `resume` the run goes on from the folder's
/// checkpoint where there is one. The model is left to the caller: task's parameters are the best ones then.
Summary train(Task& task, TrainerOptions options, const RunFolder& folder, bool resume = false,
              const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);

}  // namespace cartan::nn
