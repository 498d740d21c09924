#include "cartan/nn/run_folder.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cartan/core/error.hpp"
#include "cartan/data/figure.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/atomic_file.hpp"

namespace cartan::nn {
namespace {

namespace fs = std::filesystem;

// The first line of descriptions written here; a run.toml without it is a person's.
constexpr const char* mark = "# The resolved description of a run, written by cartan";

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Programs from before there was a mark wrote the text that their checkpoint holds.
bool written_here(const std::string& path, const std::string& checkpoint) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  const std::string words = content.str();
  if (words.rfind(std::string(mark) + "\n", 0) == 0) return true;
  try {
    return exists(checkpoint) && data::Hdf5File(checkpoint).header().config == words;
  } catch (const std::runtime_error&) {
    return false;  // a damaged checkpoint says nothing
  }
}

void write(const std::string& path, const std::string& content) {
  data::AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

}  // namespace

RunFolder::RunFolder(const std::string& path) {
  require(!path.empty(), "[RunFolder] the folder of the run has no name; \".\" is the current one");
  path_ = fs::absolute(path).lexically_normal().string();
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
}

bool RunFolder::has_checkpoint() const {
  return exists(checkpoint()) || exists(checkpoint() + ".previous");
}

std::vector<std::string> RunFolder::in_the_way(bool resume) const {
  std::vector<std::string> out;
  if (!resume || !has_checkpoint())
    for (const std::string& path : {model(), checkpoint(), history(), learning_curve()})
      if (exists(path)) out.push_back(path);
  if (exists(description()) && ((!resume && !out.empty()) || !written_here(description(), checkpoint())))
    out.push_back(description());
  return out;
}

void RunFolder::create() const {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) throw IoError(path_, "cannot be made: " + error.message());
}

void RunFolder::write_description(const std::string& toml) const {
  write(description(), std::string(mark) + "\n" + toml);
}

void RunFolder::write_history(const Summary& s) const {
  std::string out = "step,epoch,learning_rate,train_loss,seconds";
  for (const Metric& m : s.metrics) out += ",validation_" + m.name;
  out += "\n";
  const auto number = [&](double x) {
    char word[40];
    std::snprintf(word, sizeof word, ",%.8g", x);
    out += word;
  };
  for (const HistoryRow& row : s.history) {
    out += text(row.step, ",", row.epoch);
    for (const double x : {row.learning_rate, row.train_loss, row.seconds}) number(x);
    for (const double x : row.metrics) number(x);
    out += "\n";
  }
  write(history(), out);
}

namespace {

// "forces_rmse_ev_per_ang" as "forces RMSE": the unit stands beside it.
std::string in_words(std::string name) {
  for (const char* kind : {"rmse", "mae"}) {
    const std::size_t at = name.find(std::string("_") + kind);
    if (at == std::string::npos) continue;
    name.resize(at);
    name += std::string(" ") + (kind[0] == 'r' ? "RMSE" : "MAE");
  }
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

void RunFolder::draw_learning_curve(const Summary& s) const {
  data::Figure figure;
  figure.title = "Learning curve";
  figure.x_label = "epoch";
  figure.y_label = "loss, errors";
  figure.log_y = true;
  data::Series loss{"training loss", {}, {}, true};
  std::vector<data::Series> curves;
  for (const Metric& m : s.metrics) {
    const std::string& unit = m.shown_unit.empty() ? m.unit : m.shown_unit;
    curves.push_back(
        {"validation " + in_words(m.name) + (unit.empty() ? "" : " (" + data::typeset(unit) + ")"),
         {},
         {},
         true});
  }
  for (const HistoryRow& row : s.history) {
    loss.x.push_back(static_cast<double>(row.epoch));
    loss.y.push_back(row.train_loss);
    for (std::size_t k = 0; k < row.metrics.size() && k < curves.size(); ++k) {
      curves[k].x.push_back(static_cast<double>(row.epoch));
      curves[k].y.push_back(row.metrics[k] * s.metrics[k].shown_factor);
    }
  }
  figure.series.push_back(std::move(loss));
  for (data::Series& c : curves) figure.series.push_back(std::move(c));
  figure.save(learning_curve());
}

std::string shown(const Metric& m, double value) {
  char number[40];
  std::snprintf(number, sizeof number, " %.4g", value * m.shown_factor);
  const std::string& unit = m.shown_unit.empty() ? m.unit : m.shown_unit;
  return (m.label.empty() ? m.name : m.label) + number + (unit.empty() ? "" : " " + unit);
}

Summary train(Task& task, TrainerOptions options, const RunFolder& folder, bool resume,
              const ProgressCallback& progress, const StopFlag* stop) {
  folder.create();
  const auto describe_run = [&] {
    if (!options.config.empty()) folder.write_description(options.config);
  };
  const bool goes_on = resume && folder.has_checkpoint();
  if (!goes_on) describe_run();
  options.checkpoint_path = folder.checkpoint();
  const Summary summary = train(task, options, resume, progress, stop);
  if (goes_on) describe_run();  // not before: the checkpoint may refuse the run
  folder.write_history(summary);
  folder.draw_learning_curve(summary);
  return summary;
}

}  // namespace cartan::nn
