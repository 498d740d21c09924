#include "cartan/nn/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "autodiff/last_gradients.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/autodiff/update.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
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

void describe(config::Fields& f, TrainerOptions& o) {
  f("epochs", o.epochs, "passes over the data (0: no limit)").from(0).may_change();
  f("max_steps", o.max_steps, "steps in all (0: no limit)").from(0).may_change();
  f("time_limit_seconds", o.time_limit_seconds, "seconds of training in all (0: no limit)")
      .from(0)
      .unit("s")
      .may_change();
  f("batch_size", o.batch_size, "samples that are worked on at a time").from(1).to(1e6);
  f("accumulate", o.accumulate, "batches a step, whose gradients are averaged").from(1).to(1e6);
  f("concurrent", o.concurrent,
    "work on the batches of a step side by side, a thread each; the results are the same")
      .may_change();
  f("drop_last", o.drop_last, "leave out the incomplete step at the end of an epoch");
  f("seed", o.seed, "seed of the first weights, of the split and of the order of samples");
  describe(f, o.optimizer);
  describe(f, o.groups);
  describe(f, o.schedule);
  f("clip_norm", o.clip_norm, "largest norm of the gradient (0: any)").from(0);
  f("ema_decay", o.ema_decay, "decay of the moving average of the weights (0: none)").from(0).below(1);
  f("ema_warm_up", o.ema_warm_up, "let the average follow the early changes");
  f("validate_every", o.validate_every, "epochs from one validation to the next").from(1);
  f("early_stopping", o.early_stopping, "end after as many validations without improvement (0: never)")
      .from(0);
  f("early_stopping_threshold", o.early_stopping_threshold, "smallest relative improvement that counts")
      .from(0);
  f("max_consecutive_skips", o.max_consecutive_skips,
    "give up after as many steps in a row whose loss or gradient is not finite")
      .from(1);
  f("checkpoint_every_steps", o.checkpoint_every_steps,
    "steps from one checkpoint to the next (0: by time alone)")
      .from(0)
      .may_change();
  f("checkpoint_every_seconds", o.checkpoint_every_seconds,
    "seconds from one checkpoint to the next (0: by steps alone)")
      .from(0)
      .unit("s")
      .may_change();
}

Trainer::State::State(Task& the_task, TrainerOptions the_options)
    : task(the_task), options(std::move(the_options)), parameters(task.parameters()), state(task.state()) {
  whole = parameters;
  whole.insert(whole.end(), state.begin(), state.end());
  config::validate("Trainer", options);
  optimizer = make_optimizer(options.optimizer, parameters, options.groups);
  schedule = Schedule(options.schedule);
  patience = Patience(options.early_stopping_threshold);
  const TrainerOptions& o = options;
  require(task.samples() > 0 && !parameters.empty(), "[Trainer] the task has ", task.samples(),
          " samples and ", parameters.size(), " parameters");
  require(!o.drop_last || samples_per_step() <= task.samples(), "[Trainer] drop_last with batch_size ",
          o.batch_size, ", accumulate ", o.accumulate, " and ", task.samples(), " samples leaves no step");
  require(o.epochs > 0 || o.max_steps > 0 || o.time_limit_seconds > 0,
          "[Trainer] needs a limit: epochs, max_steps or time_limit_seconds");
  if (uses_ema()) ema = Ema(parameters, o.ema_decay, o.ema_warm_up);
}

Index Trainer::State::steps_per_epoch() const {
  const Index n = task.samples(), size = samples_per_step();
  return options.drop_last ? n / size : (n + size - 1) / size;
}

std::int64_t Trainer::State::steps_in_all() const {
  const std::int64_t by_epochs = options.epochs * steps_per_epoch();
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

std::vector<Batch> Trainer::State::next_batches() {
  if (order_epoch != epoch) {
    order =
        Random(options.seed, shuffle_stream + static_cast<std::uint64_t>(epoch)).permutation(task.samples());
    order_epoch = epoch;
  }
  const Index first = batch * samples_per_step(), last = std::min(first + samples_per_step(), task.samples());
  std::vector<Batch> out;
  for (Index begin = first; begin < last; begin += options.batch_size) {
    const Index end = std::min(begin + options.batch_size, last);
    out.push_back(
        {{order.begin() + begin, order.begin() + end}, step, epoch, static_cast<Index>(out.size())});
  }
  return out;
}

std::pair<double, Arrays> Trainer::State::loss_and_gradient(const Batch& one, StateUpdate& update) {
  const Array loss = task.step_loss(one, update);
  require(loss.size() == 1, "[Trainer] the loss has shape ", loss.shape(), ", not one element");
  const double value = loss.item();
  return {value, std::isfinite(value) ? last_gradients({loss}, values_of(parameters)) : Arrays{}};
}

double Trainer::State::gradient(const std::vector<Batch>& batches, Arrays& slopes, double& samples,
                                StateUpdate& update) {
  for (const Batch& b : batches) samples += static_cast<double>(b.samples.size());
  const std::size_t at_once = options.concurrent ? batches.size() : 1;
  std::vector<std::pair<double, Arrays>> parts(at_once);
  std::vector<StateUpdate> own(at_once);
  double mean = 0;
  for (std::size_t first = 0; first < batches.size(); first += at_once) {
    {
      const Tracked tracked(parameters);
      parallel_tasks(static_cast<Index>(at_once), [&](Index task_number) {
        const auto k = static_cast<std::size_t>(task_number);
        parts[k] = loss_and_gradient(batches[first + k], at_once > 1 ? own[k] : update);
      });
    }  // the tapes are gone, the parameters can be written in place
    for (std::size_t k = 0; k < at_once; ++k) {
      require(own[k].empty(),
              "[Trainer] concurrent batches cannot train what keeps averages of its samples beside its "
              "parameters, as batch norm does: those of one batch follow those of the one before");
      auto& [value, part] = parts[k];
      if (batches.size() == 1) {
        slopes = std::move(part);
        return value;
      }
      const double weight = static_cast<double>(batches[first + k].samples.size()) / samples;
      mean += weight * value;
      if (!std::isfinite(mean)) {
        slopes.clear();
        return mean;
      }
      Recording off(false);
      for (std::size_t j = 0; j < part.size(); ++j) {
        const Array share = scale(part[j], weight);
        slopes.size() <= j ? slopes.push_back(share) : add_in_place(slopes[j], share);
      }
      part.clear();
    }
  }
  return mean;
}

void Trainer::State::take_step(double elapsed) {
  if (batch == 0) task.begin_epoch(history);
  last_rate = schedule.rate(step, progress(elapsed));
  Arrays slopes;
  double samples = 0;
  StateUpdate update;
  last_loss = gradient(next_batches(), slopes, samples, update);
  if (options.reduce_gradients) {
    require(update.empty(),
            "[Trainer] several processes cannot train what keeps averages of its samples beside its "
            "parameters, as batch norm does: every process would have its own");
    if (slopes.empty())
      for (const auto& p : parameters)
        slopes.push_back(Array::zeros(p.value->shape(), p.value->dtype(), p.value->device()));
    options.reduce_gradients(slopes, last_loss, samples);
  }
  const double norm = std::isfinite(last_loss) ? global_norm(slopes) : not_a_number;
  ++step;
  ++batch;
  if (!std::isfinite(norm)) {
    ++skipped;
    ++skips_in_row;
    return;
  }
  skips_in_row = 0;
  loss_sum += samples * last_loss;
  loss_weight += samples;
  optimizer->step(parameters, slopes, last_rate, clip_scale(norm, options.clip_norm));
  if (uses_ema()) ema.update(parameters);
  update.apply(state);
}

Judged Trainer::State::judge() {
  const double start = now();
  const Swapped averaged(ema, parameters, uses_ema());
  Judged judged{task.validate(), values_of(whole)};
  validation_seconds = now() - start;
  const auto same = [](const Metric& a, const Metric& b) { return a.name == b.name; };
  require(metrics.empty() ||
              std::equal(metrics.begin(), metrics.end(), judged.metrics.begin(), judged.metrics.end(), same),
          "[Trainer] validate() returned other metrics than the time before");
  metrics = judged.metrics;
  return judged;
}

HistoryRow Trainer::State::row(double elapsed, const Metrics& judged) const {
  HistoryRow out{step,    epoch, last_rate, loss_weight > 0 ? loss_sum / loss_weight : not_a_number,
                 elapsed, {}};
  for (const Metric& m : judged) out.metrics.push_back(m.value);
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
        judged.metrics.empty() ? history.back().train_loss : judged.metrics.front().value;
    schedule.report(criterion);
    patience.report(criterion);
    if (criterion < best_criterion || (std::isnan(best_criterion) && !std::isnan(criterion))) {
      best_criterion = criterion;
      best_step = step;
      if (!judged.metrics.empty()) best = std::move(judged.weights);
    }
  }
  if (options.on_row) options.on_row(history.back(), metrics);
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
    if (options.on_row) options.on_row(s.history.back(), metrics);
    if (!judged.metrics.empty()) {
      const double criterion = judged.metrics.front().value;
      if (criterion < s.best || (std::isnan(s.best) && !std::isnan(criterion))) {
        s.best = criterion;
        s.best_step = step;
        result = judged.weights;
      }
    }
  }
  s.metrics = metrics;
  if (result.empty()) {
    const Swapped averaged(ema, parameters, uses_ema());
    result = values_of(whole);
  }
  weights = values_of(whole);
  assign(whole, result);
}

void Trainer::State::put_back() {
  if (weights.empty()) return;
  assign(whole, weights);
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
    if (s.batch == s.steps_per_epoch()) s.end_epoch(elapsed());
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
