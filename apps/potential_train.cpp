// cartan potential train RUN.toml: a potential from quantum-chemical data.

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/nn/run_folder.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app.hpp"
#include "config_flags.hpp"
#include "errors_json.hpp"
#include "json_text.hpp"
#include "training_log.hpp"
#include "training_run.hpp"
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
  Run run = read_run(o.run, o.overrides);
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
  const TrainingResult r = train_potential(run, o.resume, say, bar.callback(), &context().stop);
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
                     {"parameters", r.parameters},
                     {"model", r.model},
                     {"checkpoint", r.checkpoint},
                     {"history", r.history},
                     {"learning_curve", r.curve}};
    if (r.validation_frames > 0) j["validation"] = to_json(r.validation);
    std::cout << json_text(j) << "\n";
    return;
  }
  std::cout << s.message << " (" << duration(s.seconds) << ")\n";
  if (r.validation_frames > 0) std::cout << "\nvalidation, " << table(r.validation);
  std::cout << "\nmodel           " << r.model << "\ncheckpoint      " << r.checkpoint << "\nhistory         "
            << r.history << "\nlearning curve  " << r.curve << "\n";
  if (s.interrupted) std::cout << "\nstopped early; go on with --resume\n";
}

}  // namespace

void add_potential_train(CLI::App& potential) {
  CLI::App* verb = potential.add_subcommand("train", "Train a potential as a run file says");
  auto o = std::make_shared<Options>();
  verb->add_option("run", o->run, "Run file (TOML), see --help-keys")->required();
  verb->add_option("--data", o->data, "Frames to train on, instead of data.train");
  verb->add_option("--out", o->out, "Folder for the results, instead of output.folder");
  for (const char* label : {"energy", "forces", "stress", "virial"})
    verb->add_option_function<std::string>(
            text("--", label, "-key"),
            [o, label](const std::string& name) {
              o->overrides.push_back({text("data.", label, "_key"), name});
            },
            text("Name of the ", label, " in the data, instead of data.", label, "_key"))
        ->type_name("NAME");
  verb->add_flag(
      "--resume", o->resume,
      "Go on from the folder's checkpoint, bit for bit; without one the run starts at its first step");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  Run defaults;
  add_override_options(verb, all_keys(described(defaults)), o->overrides);
  verb->add_flag_callback(
          "--help-keys",
          [] {
            Run run;
            std::cout << reference(described(run));
            throw CLI::Success();
          },
          "Show every key of a run file with its default and exit; each is also a flag, --section.key VALUE")
      ->trigger_on_parse();
  add_example(verb, "cartan potential train data/demo.toml --out demo --training.time_limit_seconds 30");
  verb->callback([o] { train(*o); });
}

}  // namespace cartan::app
