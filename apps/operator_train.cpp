// cartan operator train RUN.toml: a surrogate from samples.

#include <iostream>
#include <memory>

#include "app.hpp"
#include "json_text.hpp"
#include "operator_run.hpp"
#include "operator_scores.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

void train(const TrainOptions& o) {
  OperatorRun run = read_operator_run(o.run, o.all_overrides());
  begin_training(o, run.threads, run.out);
  TrainingScreen screen(run.training);
  const OperatorTraining r = train_operator(
      run, o.resume, [&](const std::string& line) { screen.say(line); }, screen.progress(), &context().stop);
  screen.finish();
  set_exit_code(r.summary);
  if (o.json) {
    nlohmann::json j = json_of(r);
    j["seconds_per_epoch"] = r.seconds_per_epoch;
    j["train_samples"] = r.train_samples;
    j["pictures"] = r.pictures;
    // The keys of `eval`, of the first test or else of the validation.
    if (!r.tests.empty() || r.validation)
      j.update(to_json(r.tests.empty() ? *r.validation : r.tests[0].second));
    if (r.validation) j["validation"] = to_json(*r.validation);
    for (const auto& [path, errors] : r.tests) {
      j["tests"].push_back(to_json(errors));
      j["tests"].back()["file"] = path;
    }
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << r.summary.message << " (" << duration(r.summary.seconds) << ")\n";
  if (r.validation) std::cout << "\nvalidation, " << table(*r.validation);
  for (const auto& [path, errors] : r.tests) std::cout << "\n" << path << ", " << table(errors);
  print_files(r);
  for (const std::string& path : r.pictures) std::cout << "picture         " << path << "\n";
  if (r.summary.interrupted) std::cout << "\nstopped early; go on with --resume\n";
}

}  // namespace

void add_operator_train(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("train", "Train a neural operator as a run file says");
  const auto o = add_train_options<OperatorRun>(verb, "Fields to train on, instead of data.train");
  add_example(verb,
              "cartan operator train data/operators.toml --data darcy.h5 --out darcy --training.epochs 3");
  verb->callback([o] { train(*o); });
}

}  // namespace cartan::app
