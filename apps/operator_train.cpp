// cartan operator train RUN.toml: a surrogate from samples.

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/nn/run_folder.hpp>
#include <iostream>
#include <memory>

#include "app.hpp"
#include "config_flags.hpp"
#include "json_text.hpp"
#include "operator_pictures.hpp"
#include "operator_run.hpp"
#include "operator_scores.hpp"
#include "training_log.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string run, data, out;
  bool resume = false, json = false, force = false;
  std::vector<Override> overrides;
};

void train(Options& o) {
  if (!o.data.empty()) o.overrides.push_back({"data.train", o.data});
  if (!o.out.empty()) o.overrides.push_back({"output.folder", o.out});
  if (context().threads > 0) o.overrides.push_back({"training.threads", std::to_string(context().threads)});
  OperatorRun run = read_operator_run(o.run, o.overrides);
  set_threads(run.threads);
  if (!o.force)
    for (const std::string& path : nn::RunFolder(run.out).in_the_way(o.resume))
      throw std::invalid_argument(path + " exists; --force replaces it, output.folder names another place");

  ProgressBar bar("training");
  const auto say = [&](const std::string& line) {
    bar.finish();
    std::cerr << line << "\n";
  };
  TrainingLog log(say);
  run.training.on_row = [&](const nn::HistoryRow& row, const nn::Metrics& metrics) { log.add(row, metrics); };
  run.training.on_fallback = [&](const std::string& used, const std::string& damage) {
    say("warning: " + damage + "\ngoing on from " + used + " instead");
  };
  const OperatorTraining r = train_operator(run, o.resume, say, bar.callback(), &context().stop);
  log.finish();
  bar.finish();

  const nn::Summary& s = r.summary;
  if (s.interrupted) context().exit_code = interrupted;
  if (s.status == nn::Status::diverged) context().exit_code = not_reached;
  if (o.json) {
    nlohmann::json j{{"status", nn::name_of(s.status)},
                     {"steps", s.steps},
                     {"epochs", s.epochs},
                     {"skipped_steps", s.skipped},
                     {"seconds", s.seconds},
                     {"seconds_per_epoch", r.seconds_per_epoch},
                     {"parameters", r.parameters},
                     {"train_samples", r.train_samples},
                     {"model", r.model},
                     {"checkpoint", r.checkpoint},
                     {"history", r.history},
                     {"learning_curve", r.curve},
                     {"pictures", r.pictures}};
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
  std::cout << s.message << " (" << duration(s.seconds) << ")\n";
  if (r.validation) std::cout << "\nvalidation, " << table(*r.validation);
  for (const auto& [path, errors] : r.tests) std::cout << "\n" << path << ", " << table(errors);
  std::cout << "\nmodel           " << r.model << "\ncheckpoint      " << r.checkpoint << "\nhistory         "
            << r.history << "\nlearning curve  " << r.curve << "\n";
  for (const std::string& path : r.pictures) std::cout << "picture         " << path << "\n";
  if (s.interrupted) std::cout << "\nstopped early; go on with --resume\n";
}

}  // namespace

void add_operator_train(CLI::App& group) {
  CLI::App* verb = group.add_subcommand("train", "Train a neural operator as a run file says");
  auto o = std::make_shared<Options>();
  verb->add_option("run", o->run, "Run file (TOML), see --help-keys")->required();
  verb->add_option("--data", o->data, "Fields to train on, instead of data.train");
  verb->add_option("--out", o->out, "Folder for the results, instead of output.folder");
  verb->add_flag(
      "--resume", o->resume,
      "Go on from the folder's checkpoint, bit for bit; without one the run starts at its first step");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  OperatorRun defaults;
  add_override_options(verb, all_keys(described(defaults)), o->overrides);
  verb->add_flag_callback(
          "--help-keys",
          [] {
            OperatorRun run;
            std::cout << reference(described(run));
            throw CLI::Success();
          },
          "Show every key of a run file with its default and exit; each is also a flag, --section.key VALUE")
      ->trigger_on_parse();
  add_example(verb,
              "cartan operator train data/operators.toml --data darcy.h5 --out darcy --training.epochs 3");
  verb->callback([o] { train(*o); });
}

}  // namespace cartan::app
