// The state of a training run as a tree and as a file.
#include <filesystem>

#include "cartan/core/error.hpp"
#include "cartan/data/hdf5.hpp"
#include "nn/chunks.hpp"
#include "nn/trainer_state.hpp"

namespace cartan::nn {
namespace {

constexpr const char* format = "cartan-checkpoint";

std::vector<std::string> names_of(const ParameterRefs& parameters) {
  std::vector<std::string> names;
  for (const auto& p : parameters) names.push_back(p.name);
  return names;
}

// The checkpoint must have been made with the same value, or the run would not be the same.
void check_same(const data::Group& group, const char* name, std::int64_t value) {
  // Files from before a step could have several batches do not say so.
  const bool absent = std::string(name) == "accumulate" && !group.attributes.count(name);
  if (const std::int64_t found = absent ? 1 : group.integer(name); found != value)
    throw FormatError(
        group.file(), "checkpoint",
        text("made with ", name, " = ", found, ", the run has ", value, "; start anew or change it back"));
}

std::int64_t count(const data::Group& group, const char* name, std::int64_t end) {
  const std::int64_t value = group.integer(name);
  if (value < 0 || value >= end) throw FormatError(group.file(), "checkpoint", text(name, " is ", value));
  return value;
}

// Another name for the file, so that writing the new one leaves the old one.
void keep_previous(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) return;
  const std::string kept = path + ".previous", temporary = kept + ".tmp";
  fs::remove(temporary, error);
  fs::create_hard_link(path, temporary, error);
  if (error) fs::copy_file(path, temporary, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(temporary, kept, error);
  if (error) throw IoError(kept, "cannot keep the previous checkpoint: " + error.message());
}

// A damaged checkpoint, which must not become the previous one.
void set_aside(const std::string& path) {
  std::error_code error;
  std::filesystem::rename(path, path + ".damaged", error);
  if (error) throw IoError(path, "is damaged and cannot be moved away: " + error.message());
}

}  // namespace

void Trainer::State::save_history(data::Group& group) const {
  if (!metrics.empty()) {
    std::vector<std::string> names, units, labels, shown_units;
    std::vector<double> factors;
    for (const Metric& m : metrics) {
      names.push_back(m.name);
      units.push_back(m.unit);
      labels.push_back(m.label);
      factors.push_back(m.shown_factor);
      shown_units.push_back(m.shown_unit);
    }
    group.attributes["metrics"] = names;
    group.attributes["metric_units"] = units;
    group.attributes["metric_labels"] = labels;
    group.attributes["metric_shown_factors"] = factors;
    group.attributes["metric_shown_units"] = shown_units;
  }
  if (history.empty()) return;
  const Index rows = static_cast<Index>(history.size()), columns = static_cast<Index>(metrics.size());
  Array counts = Array::uninitialized({rows, 2}, DType::i64),
        values = Array::uninitialized({rows, 3}, DType::f64);
  Array judged = Array::full({rows, columns}, not_a_number, DType::f64);
  for (Index k = 0; k < rows; ++k) {
    const HistoryRow& r = history[static_cast<std::size_t>(k)];
    std::copy_n(std::array{r.step, r.epoch}.data(), 2, counts.mutable_data<std::int64_t>() + 2 * k);
    std::copy_n(std::array{r.learning_rate, r.train_loss, r.seconds}.data(), 3,
                values.mutable_data<double>() + 3 * k);
    std::copy(r.metrics.begin(), r.metrics.end(), judged.mutable_data<double>() + columns * k);
  }
  group.set("counts", counts, "", "row, (step, epoch)");
  group.set("values", values, "", "row, (learning rate, training loss, seconds)");
  if (columns > 0) {
    group.set("metrics", judged, "", "row, metric");
    std::vector<std::uint8_t> validated;
    for (const HistoryRow& r : history) validated.push_back(r.metrics.empty() ? 0 : 1);
    group.set("validated", Array::from(validated));
  }
}

std::vector<HistoryRow> Trainer::State::load_history(const data::Group& group, std::size_t width) const {
  std::vector<HistoryRow> rows;
  if (!group.has("counts")) return rows;
  const Array counts = group.array("counts", DType::i64, {-1, 2});
  const Index n = counts.dim(0), columns = static_cast<Index>(width);
  const Array values = group.array("values", DType::f64, {n, 3});
  const Array table = columns > 0 ? group.array("metrics", DType::f64, {n, columns}) : Array();
  const Array validated = columns > 0 ? group.array("validated", DType::u8, {n}) : Array();
  for (Index k = 0; k < n; ++k) {
    const std::int64_t* c = counts.data<std::int64_t>() + 2 * k;
    const double* v = values.data<double>() + 3 * k;
    HistoryRow r{c[0], c[1], v[0], v[1], v[2], {}};
    if (columns > 0 && validated.data<std::uint8_t>()[k])
      r.metrics.assign(table.data<double>() + columns * k, table.data<double>() + columns * (k + 1));
    rows.push_back(std::move(r));
  }
  return rows;
}

namespace {

// What metrics are, without values; checkpoints from before there were units have the names alone.
Metrics load_metrics(const data::Group& group) {
  if (!group.attributes.count("metrics")) return {};
  Metrics out;
  for (const std::string& name : group.strings("metrics")) out.push_back({name, not_a_number});
  if (!group.attributes.count("metric_units")) return out;
  const auto &units = group.strings("metric_units"), &labels = group.strings("metric_labels"),
             &shown_units = group.strings("metric_shown_units");
  const auto& factors = group.numbers("metric_shown_factors");
  for (const std::size_t count : {units.size(), labels.size(), shown_units.size(), factors.size()})
    if (count != out.size())
      throw FormatError(group.file(), "history",
                        text(out.size(), " metrics, and ", count, " units or labels"));
  for (std::size_t k = 0; k < out.size(); ++k)
    out[k] = {out[k].name, not_a_number, units[k], labels[k], factors[k], shown_units[k]};
  return out;
}

}  // namespace

void Trainer::State::save(data::Group& group) const {
  group.attributes["seed"] = static_cast<std::int64_t>(options.seed);
  group.attributes["batch_size"] = options.batch_size;
  group.attributes["accumulate"] = options.accumulate;
  group.attributes["drop_last"] = std::int64_t{options.drop_last};
  group.attributes["samples"] = task.samples();
  group.attributes["step"] = step;
  group.attributes["epoch"] = epoch;
  group.attributes["batch"] = batch;
  group.attributes["skipped"] = skipped;
  group.attributes["skips_in_row"] = skips_in_row;
  group.attributes["loss_sum"] = loss_sum;
  group.attributes["loss_weight"] = loss_weight;
  group.attributes["last_loss"] = last_loss;
  group.attributes["last_rate"] = last_rate;
  group.attributes["seconds"] = seconds;
  group.attributes["validation_seconds"] = validation_seconds;
  group.attributes["best_criterion"] = best_criterion;
  group.attributes["best_step"] = best_step;
  const auto save_whole = [&](const Arrays& values, const char* trained, const char* kept) {
    const auto border = values.begin() + static_cast<std::ptrdiff_t>(parameters.size());
    save_named(names_of(parameters), Arrays(values.begin(), border), group[trained]);
    if (!state.empty()) save_named(names_of(state), Arrays(border, values.end()), group[kept]);
  };
  save_whole(weights.empty() ? values_of(whole) : weights, "parameters", "state");
  if (!best.empty()) save_whole(best, "best", "best_state");
  optimizer->save(group["optimizer"]);
  schedule.save(group["schedule"]);
  patience.save(group["early_stopping"]);
  if (uses_ema()) ema.save(group["ema"]);
  save_history(group["history"]);
  task.save(group["task"]);
}

void Trainer::State::load(const data::Group& group) {
  check_same(group, "seed", static_cast<std::int64_t>(options.seed));
  check_same(group, "batch_size", options.batch_size);
  check_same(group, "accumulate", options.accumulate);
  check_same(group, "drop_last", std::int64_t{options.drop_last});
  check_same(group, "samples", task.samples());
  constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();

  // Everything is read before anything is changed.
  Resumable s = *this;
  s.step = count(group, "step", any);
  s.epoch = count(group, "epoch", any);
  s.batch = count(group, "batch", steps_per_epoch());
  s.skipped = count(group, "skipped", any);
  s.skips_in_row = count(group, "skips_in_row", any);
  s.loss_sum = group.number("loss_sum");
  s.loss_weight = group.number("loss_weight");
  s.last_loss = group.number("last_loss");
  s.last_rate = group.number("last_rate");
  s.seconds = group.number("seconds");
  s.validation_seconds = group.number("validation_seconds");
  s.best_criterion = group.number("best_criterion");
  s.best_step = count(group, "best_step", any);
  s.optimizer = optimizer->clone();
  s.optimizer->load(group.group("optimizer"));
  s.schedule.load(group.group("schedule"));
  s.patience.load(group.group("early_stopping"));
  if (uses_ema()) s.ema.load(group.group("ema"));
  const data::Group& past = group.group("history");
  s.metrics = load_metrics(past);
  s.history = load_history(past, s.metrics.size());
  s.best.clear();
  if (group.has_group("best")) {
    s.best = values_of(parameters);
    load_parameters(named(names_of(parameters), s.best), group.group("best"));
  }
  load_parameters(parameters, group.group("parameters"));
  const data::Group none;
  task.load(group.has_group("task") ? group.group("task") : none);
  // Older files have the state among what the task saved, and of the best weights none.
  if (group.has_group("state")) load_parameters(state, group.group("state"));
  if (!s.best.empty()) {
    Arrays kept = values_of(state);
    if (group.has_group("best_state"))
      load_parameters(named(names_of(state), kept), group.group("best_state"));
    s.best.insert(s.best.end(), kept.begin(), kept.end());
  }

  static_cast<Resumable&>(*this) = std::move(s);
  weights.clear();
}

void Trainer::save(data::Group& group) const {
  state_->save(group);
}
void Trainer::load(const data::Group& group) {
  state_->load(group);
}

void Trainer::save_checkpoint(const std::string& path) const {
  data::Group root;
  state_->save(root);
  keep_previous(path);
  data::save(path, root, {format, 1, "", state_->options.config});
}

void Trainer::load_checkpoint(const std::string& path) {
  state_->load(data::load(path, format));
}

Summary train(Task& task, const TrainerOptions& options, bool resume, const ProgressCallback& progress,
              const StopFlag* stop) {
  Trainer trainer(task, options);
  std::exception_ptr first_error;
  std::string damage;
  bool loaded = false;
  if (resume && !options.checkpoint_path.empty())
    for (const char* suffix : {"", ".previous"}) {
      const std::string path = options.checkpoint_path + suffix;
      std::error_code error;
      if (loaded || !std::filesystem::exists(path, error)) continue;
      try {
        trainer.load_checkpoint(path);
        loaded = true;
        if (damage.empty()) continue;
        set_aside(options.checkpoint_path);
        if (options.on_fallback) options.on_fallback(path, damage);
      } catch (const FormatError& problem) {
        if (!first_error) first_error = std::current_exception();
        damage = problem.what();
      }
    }
  if (!loaded && first_error) std::rethrow_exception(first_error);
  return trainer.run(progress, stop);
}

}  // namespace cartan::nn
