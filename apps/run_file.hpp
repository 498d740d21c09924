#pragma once
// The description of a training run: one TOML file, any key of it overridable by a flag.

#include <cartan/potentials/training.hpp>
#include <memory>
#include <string>
#include <vector>

namespace cartan::app {

struct Run {
  // [data]
  std::string train, validation;  // files; validation "" : a part of the training file is kept back
  std::string train_range, validation_range;
  double validation_fraction = 0.1;
  Index validation_frames = 0;    // > 0: overrides the fraction
  std::string reference = "fit";  // "fit", "none", or a file of isolated atoms
  std::string split_by;           // an info key: frames with one value stay on one side
  // [model], [loss], [training]
  std::shared_ptr<potentials::NetworkConfig> model;
  potentials::LossOptions loss;
  nn::TrainerOptions training;
  std::string scale = "forces";  // "forces" (root mean square) or a number, eV
  int threads = 0;
  std::string out = "run";

  std::string text;  // the resolved description, as TOML
};

/// Reads `path`, applies overrides ("training.epochs=10"), resolves file names against the folder of the run
/// file. Throws FormatError with line for TOML that does not parse, for unknown keys and for wrong types.
Run read_run(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace cartan::app
