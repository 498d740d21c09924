#include "training_verb.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/nn/run_folder.hpp>

#include <iostream>

#include "config_flags.hpp"

namespace cartan::app {

std::vector<Override> TrainOptions::all_overrides() const {
  std::vector<Override> all = overrides;
  if (!data.empty()) all.push_back({"data.train", data});
  if (!from.empty()) all.push_back({"model.from", from});
  if (!out.empty()) all.push_back({"output.folder", out});
  if (context().threads > 0) all.push_back({"training.threads", std::to_string(context().threads)});
  return all;
}

std::shared_ptr<TrainOptions> add_train_options(CLI::App* verb, const std::string& data_help,
                                                const std::vector<std::string>& keys,
                                                const std::function<std::string()>& reference) {
  auto o = std::make_shared<TrainOptions>();
  verb->add_option("run", o->run, "Run file (TOML), see --help-keys")->required();
  verb->add_option("--data", o->data, data_help);
  verb->add_option("--from", o->from, "Model to start from, instead of model.from");
  verb->add_option("--out", o->out, "Folder for the results, instead of output.folder");
  verb->add_flag(
      "--resume", o->resume,
      "Go on from the folder's checkpoint, bit for bit; without one the run starts at its first step");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  add_override_options(verb, keys, o->overrides);
  verb->add_flag_callback(
          "--help-keys",
          [reference] {
            std::cout << reference();
            throw CLI::Success();
          },
          "Show every key of a run file with its default and exit; each is also a flag, --section.key VALUE")
      ->trigger_on_parse();
  return o;
}

void begin_training(const TrainOptions& options, int threads, const std::string& folder) {
  set_threads(threads);
  if (options.force) return;
  for (const std::string& path : nn::RunFolder(folder).in_the_way(options.resume))
    throw std::invalid_argument(path + " exists; --force replaces it, output.folder names another place");
}

TrainingScreen::TrainingScreen(nn::TrainerOptions& options) {
  options.on_row = [this](const nn::HistoryRow& row, const nn::Metrics& metrics) { log_.add(row, metrics); };
  options.on_fallback = [this](const std::string& used, const std::string& damage) {
    say("warning: " + damage + "\ngoing on from " + used + " instead");
  };
}

void TrainingScreen::say(const std::string& line) {
  bar_.finish();
  std::cerr << line << "\n";
}

void TrainingScreen::finish() {
  log_.finish();
  bar_.finish();
}

void set_exit_code(const nn::Summary& summary) {
  if (summary.interrupted) context().exit_code = interrupted;
  if (summary.status == nn::Status::diverged) context().exit_code = not_reached;
}

nlohmann::json json_of(const Trained& t) {
  const nn::Summary& s = t.summary;
  return {{"status", nn::name_of(s.status)},
          {"steps", s.steps},
          {"epochs", s.epochs},
          {"skipped_steps", s.skipped},
          {"seconds", s.seconds},
          {"parameters", t.parameters},
          {"model", t.model},
          {"checkpoint", t.checkpoint},
          {"history", t.history},
          {"learning_curve", t.curve}};
}

void print_files(const Trained& t) {
  std::cout << "\nmodel           " << t.model << "\ncheckpoint      " << t.checkpoint << "\nhistory         "
            << t.history << "\nlearning curve  " << t.curve << "\n";
}

namespace {

std::vector<std::pair<std::string, config::Value>> values_of(config::Fields fields) {
  std::vector<std::pair<std::string, config::Value>> out;
  for (const config::Field& f : fields) out.emplace_back(f.name(), f.value());
  return out;
}

std::vector<std::string> changes(const std::string& config, const Describe& before, config::Fields& now) {
  std::vector<std::string> out;
  try {
    read_toml_text(config, "checkpoint", before);
  } catch (const FormatError&) {
    return out;  // of another program: the trainer checks what must be the same
  }
  for (const config::Difference& d : config::differences(values_of(before()), values_of(now))) {
    const config::Field* f = now.find(d.name);
    const bool place = d.name.rfind("data.", 0) == 0 || d.name.rfind("output.", 0) == 0;
    if (!place && !(f && f->may_change_on_resume()))
      out.push_back(text(d.name, " was ", d.before, ", is ", d.now));
  }
  return out;
}

}  // namespace

void say_resumed(const std::string& path, const Describe& before, config::Fields now,
                 const std::function<void(const std::string&)>& say) {
  const nn::RunFolder folder(path);
  if (!folder.has_checkpoint()) {
    say(text(folder.path(), " has no checkpoint yet: the run starts at its first step"));
    return;
  }
  say(text("going on from ", folder.checkpoint()));
  std::string config;
  try {
    config = data::Hdf5File(folder.checkpoint()).header().config;
  } catch (const std::runtime_error&) {
    return;  // damaged or gone: the trainer falls back to the one before, or says what is wrong
  }
  for (const std::string& line : changes(config, before, now)) say("changed since the checkpoint: " + line);
}

}  // namespace cartan::app
