#include "training_run.hpp"

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/figure.hpp>
#include <cartan/data/readers.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace cartan::app {
namespace {

using potentials::FrameSet;

std::string value_text(const data::Frame& frame, const std::string& key) {
  const auto it = frame.info.find(key);
  if (it == frame.info.end()) return "";
  return std::visit(
      [](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Array>)
          return std::string("array");
        else
          return text(v);
      },
      it->second);
}

// Keeps some frames of the training set back: whole groups of equal `split_by`, or single frames.
void keep_back(const Run& run, FrameSet& train, FrameSet& validation) {
  const Index total = static_cast<Index>(train.frames.size());
  Index wanted = run.validation_frames > 0
                     ? run.validation_frames
                     : static_cast<Index>(std::llround(run.validation_fraction * static_cast<double>(total)));
  require(wanted < total, train.name, ": ", total, " frames, and ", wanted, " of them wanted for validation");
  std::map<std::string, std::vector<Index>> groups;
  for (Index k = 0; k < total; ++k) {
    std::string key = text(k);
    if (!run.split_by.empty()) {
      key = value_text(train.frames[static_cast<std::size_t>(k)], run.split_by);
      require(!key.empty(), train.name, ": frame ", k, " has no '", run.split_by,
              "', by which data.split_by splits");
    }
    groups[key].push_back(k);
  }
  std::vector<std::vector<Index>> list;
  for (auto& [key, members] : groups) list.push_back(std::move(members));
  if (run.split_by.empty()) std::sort(list.begin(), list.end());
  std::set<Index> back;
  for (Index g : Random(run.training.seed, 0x76616c6964).permutation(static_cast<Index>(list.size()))) {
    if (static_cast<Index>(back.size()) >= wanted) break;
    back.insert(list[static_cast<std::size_t>(g)].begin(), list[static_cast<std::size_t>(g)].end());
  }
  FrameSet rest{train.name, {}};
  validation.name = train.name;
  for (Index k = 0; k < total; ++k)
    (back.count(k) ? validation : rest)
        .frames.push_back(std::move(train.frames[static_cast<std::size_t>(k)]));
  train = std::move(rest);
  require(!train.frames.empty(), train.name,
          ": no frame is left to train on; make data.validation_fraction smaller");
}

std::map<int, double> references(const Run& run, const FrameSet& train) {
  if (run.reference == "fit") return potentials::fit_reference_energies(train);
  std::map<int, double> given;
  if (run.reference == "none") {
    for (const data::Frame& f : train.frames)
      for (int z : f.numbers) given[z] = 0;
    return potentials::shifted_reference_energies(train, given);
  }
  for (const data::Frame& f : data::read_frames(run.reference)) {
    require(f.size() == 1 && f.energy, run.reference,
            ": isolated atoms are frames of one atom with an energy");
    given[f.numbers[0]] = *f.energy;
  }
  return potentials::shifted_reference_energies(train, given);
}

void write_history(const std::string& path, const nn::Summary& s) {
  std::ofstream out(path + ".tmp");
  out << "step,epoch,learning_rate,train_loss,seconds";
  for (const nn::Metric& m : s.metrics) out << ",validation_" << m.name;
  out << "\n";
  out.precision(8);
  for (const nn::HistoryRow& row : s.history) {
    out << row.step << ',' << row.epoch << ',' << row.learning_rate << ',' << row.train_loss << ','
        << row.seconds;
    for (double m : row.metrics) out << ',' << m;
    out << "\n";
  }
  out.close();
  if (!out) throw IoError(path, "cannot be written");
  std::filesystem::rename(path + ".tmp", path);
}

void draw_history(const std::string& path, const nn::Summary& s) {
  data::Figure figure;
  figure.title = "Learning curve";
  figure.x_label = "epoch";
  figure.y_label = "loss; errors in eV, eV/A";
  figure.log_y = true;
  data::Series loss{"training loss", {}, {}, true};
  std::vector<data::Series> metrics;
  for (const nn::Metric& m : s.metrics) metrics.push_back({"validation " + m.name, {}, {}, true});
  for (const nn::HistoryRow& row : s.history) {
    loss.x.push_back(static_cast<double>(row.epoch));
    loss.y.push_back(row.train_loss);
    for (std::size_t k = 0; k < row.metrics.size() && k < metrics.size(); ++k) {
      metrics[k].x.push_back(static_cast<double>(row.epoch));
      metrics[k].y.push_back(row.metrics[k]);
    }
  }
  figure.series.push_back(std::move(loss));
  for (auto& m : metrics) figure.series.push_back(std::move(m));
  figure.save(path);
}

}  // namespace

TrainingResult train_potential(const Run& run, bool resume,
                               const std::function<void(const std::string&)>& say,
                               const ProgressCallback& progress, const StopFlag* stop) {
  set_threads(run.threads);
  FrameSet train{run.train, data::read_frames(run.train, run.train_range)};
  FrameSet validation;
  if (!run.validation.empty())
    validation = {run.validation, data::read_frames(run.validation, run.validation_range)};
  else
    keep_back(run, train, validation);

  const std::unique_ptr<potentials::NetworkConfig> config = run.model->clone();
  config->adapt(train.frames);
  potentials::Model model(*config, run.training.seed);
  model.reference = references(run, train);
  if (run.scale == "forces") {
    model.energy_scale = potentials::fit_scale(train, model.reference);
  } else {
    try {
      model.energy_scale = std::stod(run.scale);
    } catch (const std::exception&) {
      throw std::invalid_argument("[run] model.scale must be \"forces\" or a number, not '" + run.scale +
                                  "'");
    }
  }
  potentials::PotentialTask task(model, train, validation, run.loss);

  TrainingResult result;
  result.parameters = nn::count_parameters(model.parameters());
  result.train_frames = static_cast<Index>(train.frames.size());
  result.validation_frames = static_cast<Index>(validation.frames.size());
  std::string elements;
  for (const auto& [z, e] : model.reference) elements += " " + data::element_symbol(z);
  say(text("training on ", result.train_frames, " frames of ", run.train, ", validation on ",
           result.validation_frames, "; elements", elements));
  say(text(model.config().summary(), ": ", result.parameters, " parameters; ", threads(), " threads"));

  std::filesystem::create_directories(run.out);
  const auto file = [&](const char* name) { return (std::filesystem::path(run.out) / name).string(); };
  result.model = file("model.h5");
  result.checkpoint = file("checkpoint.h5");
  result.history = file("history.csv");
  result.curve = file("learning_curve.svg");
  nn::TrainerOptions options = run.training;
  options.checkpoint_path = result.checkpoint;
  result.summary = nn::train(task, options, resume, progress, stop);

  model.save(result.model, run.text);
  std::ofstream(file("run.toml")) << run.text;
  write_history(result.history, result.summary);
  draw_history(result.curve, result.summary);
  if (!validation.frames.empty()) {
    const bool stress = run.loss.stress > 0;
    result.validation = potentials::compare(validation, potentials::predict(model, validation, stress));
  }
  return result;
}

}  // namespace cartan::app
