// cartan potential train RUN.toml: a potential from quantum-chemical data.

#include <cmath>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app.hpp"
#include "errors_json.hpp"
#include "training_run.hpp"
#include "verbs.hpp"

namespace cartan::app {
namespace {

struct Options {
  std::string run, data, out;
  bool resume = false, json = false, force = false;
  std::vector<std::string> overrides;
};

// "--training.epochs 10" and "--training.epochs=10" become "training.epochs=10".
std::vector<std::string> overrides_from(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (std::size_t k = 0; k < words.size(); ++k) {
    std::string word = words[k];
    if (word.rfind("--", 0) != 0 || word.find('.') == std::string::npos)
      throw std::invalid_argument("unknown option '" + word +
                                  "'; keys of the run file read --section.key VALUE");
    word = word.substr(2);
    if (word.find('=') == std::string::npos) {
      if (k + 1 >= words.size()) throw std::invalid_argument("--" + word + " needs a value");
      word += "=" + words[++k];
    }
    out.push_back(word);
  }
  return out;
}

// One epoch for the log; the metrics come in the order of PotentialTask::validate().
std::string log_line(const nn::HistoryRow& row, const potentials::LossOptions& loss) {
  std::ostringstream out;
  out << "epoch " << row.epoch << "  step " << row.step << std::setprecision(3) << "  rate "
      << row.learning_rate << "  loss " << row.train_loss;
  if (!row.metrics.empty()) {
    std::size_t k = 0;
    const auto next = [&] { return k < row.metrics.size() ? row.metrics[k++] : std::nan(""); };
    out << "  validation " << next() << std::setprecision(4);
    if (loss.energy > 0) out << "  E " << 1e3 * next() << " meV";
    if (loss.forces > 0) out << "  F " << 1e3 * next() << " (MAE " << 1e3 * next() << ") meV/A";
    if (k < row.metrics.size()) out << "  stress " << 1e3 * next() << " meV/A^3";
  }
  out << "  " << duration(row.seconds);
  return out.str();
}

void train(const Options& o, const std::vector<std::string>& extras) {
  std::vector<std::string> overrides = overrides_from(extras);
  if (!o.data.empty())
    overrides.push_back("data.train='" + std::filesystem::absolute(o.data).lexically_normal().string() + "'");
  if (!o.out.empty()) overrides.push_back("output.folder='" + o.out + "'");
  Run run = read_run(o.run, overrides);
  if (!o.resume) refuse_existing({run.out + "/model.h5", run.out + "/checkpoint.h5"}, o.force);

  ProgressBar bar("training");
  run.training.on_row = [&](const nn::HistoryRow& row, const nn::Metrics&) {
    bar.finish();
    std::cerr << log_line(row, run.loss) << "\n";
  };
  const TrainingResult r = train_potential(
      run, o.resume, [](const std::string& line) { std::cerr << line << "\n"; }, bar.callback(),
      &context().stop);
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
    std::cout << j.dump(2) << "\n";
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
  verb->add_option("run", o->run, "run file (TOML)")->required();
  verb->add_option("--data", o->data, "frames to train on, instead of data.train");
  verb->add_option("--out", o->out, "folder for the results, instead of output.folder");
  verb->add_flag("--resume", o->resume, "go on from the folder's checkpoint, bit for bit");
  add_force_option(verb, o->force);
  add_json_option(verb, o->json);
  add_threads_option(verb);
  verb->allow_extras();
  add_example(verb, "cartan potential train data/demo.toml --out demo --training.time_limit_seconds 30");
  verb->callback([verb, o] { train(*o, verb->remaining()); });
}

}  // namespace cartan::app
