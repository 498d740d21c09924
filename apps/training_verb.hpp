#pragma once
// What the verbs `train` have in common: their options, what they show, what they do with a checkpoint.

#include <cartan/core/progress.hpp>
#include <cartan/nn/trainer.hpp>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app.hpp"
#include "config_file.hpp"
#include "training_log.hpp"

namespace cartan::app {

struct TrainOptions {
  std::string run, data, from, out;
  bool resume = false, json = false, force = false;
  std::vector<Override> overrides;

  /// Those of the flags with names of their own, too.
  std::vector<Override> all_overrides() const;
};

/// The run file, --data (with this help), --from, --out, --resume, --force, --json, --threads, a flag for
/// every key of the run file, and --help-keys, which prints `reference`.
std::shared_ptr<TrainOptions> add_train_options(CLI::App* verb, const std::string& data_help,
                                                const std::vector<std::string>& keys,
                                                const std::function<std::string()>& reference);
/// The same for run files that describe a Run.
template <class Run>
std::shared_ptr<TrainOptions> add_train_options(CLI::App* verb, const std::string& data_help) {
  Run defaults;
  return add_train_options(verb, data_help, all_keys(described(defaults)), [] {
    Run run;
    return reference(described(run));
  });
}

/// Sets the threads; throws std::invalid_argument for results in the folder that are not to be replaced.
void begin_training(const TrainOptions& options, int threads, const std::string& folder);

/// What every training leaves.
struct Trained {
  nn::Summary summary;
  Index parameters = 0;
  std::string model, checkpoint, history, curve;  // files
};

/// Progress bar and log, on standard error.
class TrainingScreen {
 public:
  /// Rows and fallbacks of a training with these options are shown.
  explicit TrainingScreen(nn::TrainerOptions& options);
  void say(const std::string& line);
  ProgressCallback progress() { return bar_.callback(); }
  void finish();

 private:
  ProgressBar bar_{"training"};
  TrainingLog log_{[this](const std::string& line) { say(line); }};
};

/// The exit code that follows from how a training ended.
void set_exit_code(const nn::Summary& summary);
nlohmann::json json_of(const Trained& trained);
void print_files(const Trained& trained);

/// say_resumed() below, `before` being the fields of a default description, which are set to what the
/// checkpoint has.
void say_resumed(const std::string& folder, const Describe& before, config::Fields now,
                 const std::function<void(const std::string&)>& say);
/// Says from where a resumed run goes on, and what is not as the checkpoint's description has it: one line a
/// key, "training.learning_rate was 0.001, is 0.01". Paths, limits of the run and keys that an older program
/// did not have are left out.
template <class Run>
void say_resumed(const std::string& folder, const Run& run,
                 const std::function<void(const std::string&)>& say) {
  Run before, now = run;
  say_resumed(folder, described(before), config::fields_of(now), say);
}

}  // namespace cartan::app
