#pragma once
// The description of a training run: one TOML file, any key of it overridable by a flag. docs/run_file.md is
// the reference.

#include <cartan/data/readers.hpp>
#include <cartan/potentials/training.hpp>
#include <memory>
#include <string>
#include <vector>

#include "config_file.hpp"

namespace cartan::app {

/// [data]
struct DataOptions {
  std::string train, validation;  // files; validation "" : a part of the training file is kept back
  std::string train_range, validation_range;
  double validation_fraction = 0.1;
  Index validation_frames = 0;    // > 0: overrides the fraction
  std::string split_by;           // an info key: frames with one value stay on one side
  std::string reference = "fit";  // "fit", "none", or a file of isolated atoms
  data::LabelKeys labels;         // names of labels in all of these files
};
void describe(config::Fields& f, DataOptions& options);

struct Run {
  DataOptions data;
  std::shared_ptr<potentials::NetworkConfig> model = potentials::network_kinds().front().config();  // [model]
  std::string from;              // a model to go on from; its network takes the place of the others' keys
  bool keep_elements = true;     // of that model, those that the frames do not have
  std::string scale = "forces";  // "forces" (root mean square) or a number, eV
  potentials::LossOptions loss;  // [loss]
  nn::TrainerOptions training;   // [training]
  int threads = 0;
  std::string out = "run";  // [output]

  std::string text;  // the resolved description, as TOML
};
void describe(config::Fields& f, Run& run);

/// Reads `path`, applies overrides, makes file names absolute: those of the file count from its folder (with
/// $NAME and ${NAME} of the environment, $$ for a dollar), those of overrides from the current one, as does
/// the folder of the results. Throws as read_toml() does.
Run read_run(const std::string& path, const std::vector<Override>& overrides);

}  // namespace cartan::app
