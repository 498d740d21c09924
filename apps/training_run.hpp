#pragma once
// A training run from its description to its files.

#include <cartan/core/progress.hpp>
#include <functional>
#include <string>

#include "run_file.hpp"
#include "training_verb.hpp"

namespace cartan::app {

struct TrainingResult : Trained {
  potentials::Errors validation;  // of the model that was written
  Index train_frames = 0, validation_frames = 0;
};

/// Trains as `run` says, writing into run.out: checkpoint.h5 while it goes on; at the end model.h5,
/// history.csv, learning_curve.svg, run.toml. `say` gets lines for the log.
TrainingResult train_potential(const Run& run, bool resume,
                               const std::function<void(const std::string&)>& say,
                               const ProgressCallback& progress, const StopFlag* stop);

}  // namespace cartan::app
