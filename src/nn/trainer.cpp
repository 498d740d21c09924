#include "cartan/nn/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "nn/trainer_state.hpp"

namespace cartan::nn {
namespace {

// Streams of the shuffling, far from those that a task takes for itself.
constexpr std::uint64_t shuffle_stream = std::uint64_t{0x5D1} << 44;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Parameters are tracked for its lifetime, also when the task throws.
struct Tracked {
  explicit Tracked(const ParameterRefs& p) : parameters(p) { track_parameters(p); }
  ~Tracked() { detach_parameters(parameters); }
  const ParameterRefs& parameters;
};

struct Swapped {
  Swapped(Ema& e, const ParameterRefs& p, bool on) : ema(e), parameters(p), swapped(on) {
    if (swapped) ema.swap(parameters);
  }
  ~Swapped() {
    if (swapped) ema.swap(parameters);
  }
  Ema& ema;
  const ParameterRefs& parameters;
  bool swapped;
};

void assign(const ParameterRefs& parameters, const Arrays& values) {
  for (std::size_t k = 0; k < parameters.size(); ++k) *parameters[k].value = values[k];
}

constexpr const char* status_names[] = {"finished", "early_stopped", "time_limit", "interrupted", "diverged"};

}  // namespace

const char* name_of(Status status) {
  return status_names[static_cast<int>(status)];
}

Trainer::State::State(Task& the_task, TrainerOptions the_options)
    : task(the_task), options(std::move(the_options)), parameters(task.parameters()) {
  optimizer = AdamW(parameters, options.adamw);
  schedule = Schedule(options.schedule);
  patience = Patience(options.early_stopping_threshold);
  const TrainerOptions& o = options;
  require(task.samples() > 0 && !parameters.empty(), "[Trainer] the task has ", task.samples(),
          " samples and ", parameters.size(), " parameters");
  require(o.batch_size >= 1, "[Trainer] batch_size is ", o.batch_size);
  require(!o.drop_last || o.batch_size <= task.samples(), "[Trainer] drop_last with batch_size ",
          o.batch_size, " and ", task.samples(), " samples leaves no batch");
  require(o.epochs >= 0 && o.max_steps >= 0 && o.time_limit_seconds >= 0, "[Trainer] negative limits");
  require(o.epochs > 0 || o.max_steps > 0 || o.time_limit_seconds > 0,
          "[Trainer] needs a limit: epochs, max_steps or time_limit_seconds");
  require(
      o.clip_norm >= 0 && o.validate_every >= 1 && o.early_stopping >= 0 && o.max_consecutive_skips >= 1,
      "[Trainer] needs clip_norm >= 0, validate_every >= 1, early_stopping >= 0, max_consecutive_skips >= 1");
  if (uses_ema()) ema = Ema(parameters, o.ema_decay, o.ema_warm_up);
}

Index Trainer::State::batches_per_epoch() const {
  const Index n = task.samples(), size = options.batch_size;
  return options.drop_last ? n / size : (n + size - 1) / size;
}

std::int64_t Trainer::State::steps_in_all() const {
  const std::int64_t by_epochs = options.epochs * batches_per_epoch();
  if (options.max_steps == 0) return by_epochs;
  return by_epochs == 0 ? options.max_steps : std::min(by_epochs, options.max_steps);
}

double Trainer::State::progress(double elapsed) const {
  double part = 0;
  if (const std::int64_t all = steps_in_all()) part = static_cast<double>(step) / static_cast<double>(all);
  if (options.time_limit_seconds > 0) part = std::max(part, elapsed / options.time_limit_seconds);
  return part;
}

bool Trainer::State::ended(double elapsed, Status& status) const {
  const std::int64_t all = steps_in_all();
  if (skips_in_row >= options.max_consecutive_skips)
    status = Status::diverged;
  else if (options.early_stopping > 0 && patience.waited() >= options.early_stopping)
    status = Status::early_stopped;
  else if (all > 0 && step >= all)
    status = Status::finished;
  else if (options.time_limit_seconds > 0 && elapsed + validation_seconds >= options.time_limit_seconds)
    status = Status::time_limit;
  else
    return false;
  return true;
}

Batch Trainer::State::next_batch() {
  if (order_epoch != epoch) {
    order =
        Random(options.seed, shuffle_stream + static_cast<std::uint64_t>(epoch)).permutation(task.samples());
    order_epoch = epoch;
  }
  const Index begin = batch * options.batch_size, end = std::min(begin + options.batch_size, task.samples());
  return {std::vector<Index>(order.begin() + begin, order.begin() + end), step, epoch};
}

void Trainer::State::take_step(double elapsed) {
  const Batch samples = next_batch();
  last_rate = schedule.rate(step, progress(elapsed));
  Arrays slopes;
  {
    const Tracked tracked(parameters);
    const Array loss = task.loss(samples);
    require(loss.size() == 1, "[Trainer] the loss has shape ", loss.shape(), ", not one element");
    last_loss = loss.item();
    if (std::isfinite(last_loss)) slopes = gradients(loss, values_of(parameters));
  }  // the tape is gone, the parameters can be written in place
  const double norm = slopes.empty() ? not_a_number : global_norm(slopes);
  ++step;
  ++batch;
  if (!std::isfinite(norm)) {
    ++skipped;
    ++skips_in_row;
    return;
  }
  skips_in_row = 0;
  const double weight = static_cast<double>(samples.samples.size());
  loss_sum += weight * last_loss;
  loss_weight += weight;
  optimizer.step(parameters, slopes, last_rate, clip_scale(norm, options.clip_norm));
  if (uses_ema()) ema.update(parameters);
}

Judged Trainer::State::judge() {
  const double start = now();
  const Swapped averaged(ema, parameters, uses_ema());
  Judged judged{task.validate(), values_of(parameters)};
  validation_seconds = now() - start;
  std::vector<std::string> names;
  for (const auto& [name, value] : judged.metrics) names.push_back(name);
  require(metric_names.empty() || names == metric_names,
          "[Trainer] validate() returned other metrics than the time before");
  metric_names = std::move(names);
  return judged;
}

HistoryRow Trainer::State::row(double elapsed, const Metrics& metrics) const {
  HistoryRow out{step,    epoch, last_rate, loss_weight > 0 ? loss_sum / loss_weight : not_a_number,
                 elapsed, {}};
  for (const auto& [name, value] : metrics) out.metrics.push_back(value);
  return out;
}

void Trainer::State::end_epoch(double elapsed) {
  ++epoch;
  batch = 0;
  Judged judged;
  const bool due = epoch % options.validate_every == 0;
  if (due) {
    judged = judge();
    elapsed += validation_seconds;
  }
  history.push_back(row(elapsed, judged.metrics));
  loss_sum = loss_weight = 0;
  if (due) {
    const double criterion =
        judged.metrics.empty() ? history.back().train_loss : judged.metrics.front().second;
    schedule.report(criterion);
    patience.report(criterion);
    if (criterion < best_criterion || (std::isnan(best_criterion) && !std::isnan(criterion))) {
      best_criterion = criterion;
      best_step = step;
      if (!judged.metrics.empty()) best = std::move(judged.weights);
    }
  }
  if (options.on_row) options.on_row(history.back());
}

void Trainer::State::finish(Summary& s, double elapsed) {
  s.interrupted = s.status == Status::interrupted;
  s.steps = step;
  s.epochs = epoch;
  s.skipped = skipped;
  s.best = best_criterion;
  s.best_step = best_step;
  s.last_loss = last_loss;
  s.seconds = elapsed;
  s.history = history;
  Arrays result = best;
  // The rest of an epoch is judged for the result alone: a run that goes on later must not see it.
  if (batch != 0 && (s.status == Status::finished || s.status == Status::time_limit)) {
    const Judged judged = judge();
    s.seconds += validation_seconds;
    s.history.push_back(row(s.seconds, judged.metrics));
    if (options.on_row) options.on_row(s.history.back());
    if (!judged.metrics.empty()) {
      const double criterion = judged.metrics.front().second;
      if (criterion < s.best || (std::isnan(s.best) && !std::isnan(criterion))) {
        s.best = criterion;
        s.best_step = step;
        result = judged.weights;
      }
    }
  }
  s.metric_names = metric_names;
  if (result.empty()) {
    const Swapped averaged(ema, parameters, uses_ema());
    result = values_of(parameters);
  }
  weights = values_of(parameters);
  assign(parameters, result);
}

void Trainer::State::put_back() {
  if (weights.empty()) return;
  assign(parameters, weights);
  weights.clear();
}

Trainer::Trainer(Task& task, TrainerOptions options)
    : state_(std::make_unique<State>(task, std::move(options))) {}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

std::int64_t Trainer::step() const {
  return state_->step;
}

Summary Trainer::run(const ProgressCallback& progress, const StopFlag* stop) {
  State& s = *state_;
  const TrainerOptions& o = s.options;
  s.put_back();
  const double start = now(), before = s.seconds;
  double saved_at = start;
  const std::int64_t first_step = s.step;
  std::int64_t saved_step = first_step;
  auto elapsed = [&] { return s.seconds = before + now() - start; };
  Summary summary;
  for (;;) {
    if (s.ended(elapsed(), summary.status)) break;
    if (stop && stop->load(std::memory_order_relaxed)) {
      summary.status = Status::interrupted;
      break;
    }
    s.take_step(s.seconds);
    if (s.batch == s.batches_per_epoch()) s.end_epoch(elapsed());
    if (progress) {
      char message[96];
      std::snprintf(message, sizeof message, "epoch %lld  loss %.3g  rate %.2g",
                    static_cast<long long>(s.epoch), s.last_loss, s.last_rate);
      progress({s.step, s.steps_in_all(), message});
    }
    if (o.checkpoint_path.empty() || s.skips_in_row > 0) continue;
    const bool by_steps = o.checkpoint_every_steps > 0 && s.step - saved_step >= o.checkpoint_every_steps;
    const bool by_time = o.checkpoint_every_seconds > 0 && now() - saved_at >= o.checkpoint_every_seconds;
    if (!by_steps && !by_time) continue;
    elapsed();
    save_checkpoint(o.checkpoint_path);
    saved_at = now();
    saved_step = s.step;
  }
  elapsed();
  const bool diverged = summary.status == Status::diverged;
  // The file that a run was resumed from, or the one just written, holds this step already.
  const bool written =
      s.step == saved_step && (s.step > first_step || std::filesystem::exists(o.checkpoint_path));
  if (!o.checkpoint_path.empty() && !diverged && !written) save_checkpoint(o.checkpoint_path);
  s.finish(summary, elapsed());
  summary.message = text(name_of(summary.status), " after ", s.step, " steps, ", s.epoch, " epochs");
  if (diverged)
    summary.message +=
        text(": loss or gradient not finite in ", s.skips_in_row, " steps in a row; use a lower rate");
  return summary;
}

}  // namespace cartan::nn
