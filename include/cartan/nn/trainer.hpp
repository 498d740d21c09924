#pragma once
/// The training loop. A Task says what is minimised; the Trainer does the rest: shuffling, steps, clipping,
/// learning rates, moving averages, validation, checkpoints, resuming.
///
/// Everything is a function of (task, options, step), so that a resumed run continues bit for bit, whatever
/// the step it was stopped at; a time limit is the one exception.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cartan/core/progress.hpp>
#include <cartan/nn/optimizers.hpp>
#include <cartan/nn/schedule.hpp>
#include <cartan/nn/state_update.hpp>

namespace cartan::nn {

/// Samples of one step, or of one part of it where gradients are accumulated. `step`, `epoch` and `part` may
/// key random augmentation: Random(seed, step).
struct Batch {
  std::vector<Index> samples;
  std::int64_t step = 0, epoch = 0;
  std::int64_t part = 0;  ///< of the step, from 0
};

/// A value with its name and how people read it.
struct Metric {
  std::string name;             ///< of the column in history.csv: "forces_rmse_ev_per_ang"
  double value = 0;             ///< in `unit`
  std::string unit = {};        ///< "eV/A"; "" for a number without
  std::string label = {};       ///< in log lines and legends: "F"; "" for the name
  double shown_factor = 1;      ///< people read value * shown_factor ...
  std::string shown_unit = {};  ///< ... in this unit: "meV/A"; "" for `unit`
};
/// The first is the criterion, of which less is better.
using Metrics = std::vector<Metric>;

struct HistoryRow {
  std::int64_t step = 0, epoch = 0;  ///< steps and epochs done
  double learning_rate = 0;          ///< of the last step
  double train_loss = 0;             ///< mean over the samples of the epoch; NaN without a finite one
  double seconds = 0;                ///< of training so far, over all runs
  std::vector<double> metrics;       ///< of validate(); empty when this epoch had none
};

/// What is trained.
class Task {
 public:
  virtual ~Task() = default;
  /// The trained arrays; the same names, order and places at every call.
  virtual ParameterRefs parameters() = 0;
  virtual Index samples() const = 0;
  /// The loss of a batch, one element, from the parameters, which are tracked during the call.
  virtual Array loss(const Batch& batch) = 0;
  /// What a network keeps beside its parameters and training changes, such as running averages. It belongs to
  /// the weights: checkpoints hold it, and the best weights come back with theirs.
  virtual ParameterRefs state() { return {}; }
  /// The loss, and new values of arrays of state(), which are set once the step is taken: not where loss or
  /// gradient are not finite. Parts of one step follow one another in one `update`.
  virtual Array step_loss(const Batch& batch, StateUpdate& update) {
    static_cast<void>(update);
    return loss(batch);
  }
  /// Called before the first step of every epoch, with a row for each epoch there was: a task may change what
  /// it trains with, as a function of these alone. A run that is resumed within an epoch does not call it.
  virtual void begin_epoch(const std::vector<HistoryRow>& history) { static_cast<void>(history); }
  /// Called with the weights to judge (the averaged ones with an EMA) in place, not tracked. The same names
  /// at every call. Empty: no validation; the criterion is then the mean training loss of the epoch.
  virtual Metrics validate() { return {}; }
  /// What else a checkpoint must hold: the description of the model, running averages of the task, ...
  virtual void save(data::Group&) const {}
  virtual void load(const data::Group&) {}
};

/// The mean gradient of this process, the loss and number of samples it is the mean over; replaces each by
/// that of all processes (samples: their sum). A loss that is not finite must stay so for all of them, so
/// that all leave the step out.
using GradientReduction = std::function<void(Arrays& gradients, double& loss, double& samples)>;

/// The defaults suit small and middling sets.
struct TrainerOptions {
  std::int64_t epochs = 0;     ///< 0: no limit
  std::int64_t max_steps = 0;  ///< 0: no limit
  /// Seconds of training over all runs, the last validation included as far as its time is known; 0: no
  /// limit. At least one of the three limits is needed.
  double time_limit_seconds = 0;
  Index batch_size = 8;
  /// Batches a step: the gradient is the mean over accumulate * batch_size samples, with the memory of
  /// batch_size.
  Index accumulate = 1;
  /// The batches of a step are worked on side by side, a thread each, with the memory of all of them: for
  /// networks of many small products, whose own loops leave threads idle. The bits are those of one after
  /// another. The Task is called from several threads at once, and may set no StateUpdate
  /// (std::invalid_argument).
  bool concurrent = false;
  bool drop_last = false;  ///< leave out the incomplete step at the end of an epoch
  std::uint64_t seed = 1;  ///< of the shuffling

  OptimizerOptions optimizer;
  ParameterGroups groups;
  /// The cosine runs over max(step/steps in all, seconds/time limit): with a time limit, the run depends on
  /// the machine's speed.
  ScheduleOptions schedule;
  double clip_norm = 10;    ///< largest global norm of the gradient; 0: any
  double ema_decay = 0.99;  ///< 0: no moving average of the weights
  bool ema_warm_up = true;
  std::int64_t validate_every = 1;      ///< epochs
  std::int64_t early_stopping = 0;      ///< stop after that many validations without improvement; 0: never
  double early_stopping_threshold = 0;  ///< relative
  std::int64_t max_consecutive_skips = 10;  ///< steps in a row whose loss or gradient is not finite

  std::string checkpoint_path;  ///< "": none. The one before is kept as path + ".previous"
  std::int64_t checkpoint_every_steps = 0;
  double checkpoint_every_seconds = 60;
  std::string config;  ///< resolved run description, for the header of checkpoints

  /// Called with every new row of the history and what its metrics are.
  std::function<void(const HistoryRow&, const Metrics&)> on_row;
  /// Called when a damaged checkpoint was passed over: with the file used instead, and what was wrong.
  std::function<void(const std::string& used, const std::string& damage)> on_fallback;
  /// Called once a step where several processes train one model, each on a Task with its own samples (as many
  /// as every other has) and the same seed, before clipping. A step whose StateUpdate is not empty throws
  /// std::invalid_argument: averages of samples would differ from process to process.
  GradientReduction reduce_gradients;
};
/// The fields, without paths, texts and functions.
void describe(config::Fields& f, TrainerOptions& options);

enum class Status { finished, early_stopped, time_limit, interrupted, diverged };
const char* name_of(Status status);

struct Summary {
  Status status = Status::finished;
  bool interrupted = false;  ///< by the stop flag, after writing a checkpoint where a path was given
  std::int64_t steps = 0, epochs = 0;
  std::int64_t skipped = 0;  ///< steps not taken since loss or gradient was not finite
  double best = 0;           ///< the lowest criterion; NaN when there was none
  std::int64_t best_step = 0;
  double last_loss = 0;
  double seconds = 0;
  Metrics metrics;  ///< what the metrics of a row are; values of the last validation
  std::vector<HistoryRow> history;
  std::string message;  ///< one line on how it ended
};

class Trainer {
 public:
  /// The task must outlive the trainer. Throws std::invalid_argument for options that make no sense.
  Trainer(Task& task, TrainerOptions options);
  ~Trainer();
  Trainer(Trainer&&) noexcept;

  /// Trains until a limit is met or `stop` is set. Afterwards the task's parameters are the best ones by
  /// validation, without a validation the last ones; of the averaged weights with an EMA. Another run()
  /// continues with the weights of the last step.
  Summary run(const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);

  /// The whole state. load() throws FormatError when it does not fit the task or was made with another seed,
  /// batch size, accumulation or number of samples.
  void save(data::Group& group) const;
  void load(const data::Group& group);
  /// To and from a file of format "cartan-checkpoint".
  void save_checkpoint(const std::string& path) const;
  void load_checkpoint(const std::string& path);

  std::int64_t step() const;  ///< steps done

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Trainer(task, options).run(...), after loading options.checkpoint_path when `resume` and that file, or
/// else the one before it, exists. A damaged checkpoint falls back to the one before it and is kept as path +
/// ".damaged", so that the next one does not put it in the place of the good one.
Summary train(Task& task, const TrainerOptions& options, bool resume = false,
              const ProgressCallback& progress = {}, const StopFlag* stop = nullptr);

}  // namespace cartan::nn
