// cartan potential train RUN.toml: a potential from quantum-chemical data.

#include <cartan/core/error.hpp>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "errors_json.hpp"
#include "json_text.hpp"
#include "training_run.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

void train(const TrainOptions& o) {
  Run run = read_run(o.run, o.all_overrides());
  begin_training(o, run.threads, run.out);
  TrainingScreen screen(run.training);
  const TrainingResult r = train_potential(
      run, o.resume, [&](const std::string& line) { screen.say(line); }, screen.progress(), &context().stop);
  screen.finish();
  set_exit_code(r.summary);
  if (o.json) {
    nlohmann::json j = json_of(r);
    if (r.validation_frames > 0) j["validation"] = to_json(r.validation);
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << r.summary.message << " (" << duration(r.summary.seconds) << ")\n";
  if (r.validation_frames > 0) std::cout << "\nvalidation, " << table(r.validation);
  print_files(r);
  if (r.summary.interrupted) std::cout << "\nstopped early; go on with --resume\n";
}

}  // namespace

void add_potential_train(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("train", "Train a potential as a run file says");
  const auto o = add_train_options<Run>(verb, "Frames to train on, instead of data.train");
  for (const char* label : {"energy", "forces", "stress", "virial"})
    verb->add_option_function<std::string>(
            text("--", label, "-key"),
            [o, label](const std::string& name) {
              o->overrides.push_back({text("data.", label, "_key"), name});
            },
            text("Name of the ", label, " in the data, instead of data.", label, "_key"))
        ->type_name("NAME");
  add_example(verb, "cartan potential train data/demo.toml --out demo --training.time_limit_seconds 30");
  verb->callback([o] { train(*o); });
}

}  // namespace cartan::app
