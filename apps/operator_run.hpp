#pragma once
// The description of an operator's training, and the run itself. docs/operator_run_file.md is the reference.

#include <cartan/operators/training.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training_verb.hpp"

namespace cartan::app {

/// [data]
struct OperatorData {
  std::string train, validation;
  double validation_fraction = 0.1;
  std::vector<std::string> tests;   // judged at the end
  operators::FieldSetOptions sets;  // of all files
};
void describe(config::Fields& f, OperatorData& options);

struct OperatorRun {
  OperatorData data;
  std::shared_ptr<operators::OperatorConfig> model = operators::operator_kinds().front().config();
  std::string from;  // a model to go on from
  operators::LossOptions loss;
  operators::AugmentOptions augment;
  operators::GrowthOptions growth;
  nn::TrainerOptions training;
  int threads = 0;
  std::string out = "run";

  std::string text;  // the resolved description
};
void describe(config::Fields& f, OperatorRun& run);

/// As read_run().
OperatorRun read_operator_run(const std::string& path, const std::vector<Override>& overrides);

struct OperatorTraining : Trained {
  Index train_samples = 0;
  double seconds_per_epoch = 0;
  std::optional<operators::FieldErrors> validation;
  std::vector<std::pair<std::string, operators::FieldErrors>> tests;
  std::vector<std::string> pictures;
};
/// Trains as `run` says, into run.out; pictures of the first test, or else of the validation, beside the
/// model.
OperatorTraining train_operator(OperatorRun run, bool resume,
                                const std::function<void(const std::string&)>& say,
                                const ProgressCallback& progress, const StopFlag* stop);

}  // namespace cartan::app
