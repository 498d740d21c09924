#pragma once
// What a Trainer knows, and its steps.

#include <cmath>
#include <limits>

#include "cartan/nn/trainer.hpp"

namespace cartan::nn {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Judged {
  Metrics metrics;
  Arrays weights;  // those that were judged, averages with an EMA, and the state
};

// What a checkpoint brings back, besides the weights.
struct Resumable {
  std::shared_ptr<Optimizer> optimizer;
  Schedule schedule;
  Ema ema;
  Patience patience;

  std::int64_t step = 0, epoch = 0, batch = 0;  // done; steps of the epoch under way
  std::int64_t skipped = 0, skips_in_row = 0;
  double loss_sum = 0, loss_weight = 0;  // of this epoch
  double last_loss = not_a_number, last_rate = 0;
  double seconds = 0;             // of all finished runs
  double validation_seconds = 0;  // of the last validation
  std::vector<HistoryRow> history;
  Metrics metrics;  // what they are, with the values of the last validation
  Arrays best;      // empty before the first validation
  double best_criterion = not_a_number;
  std::int64_t best_step = 0;
};

struct Trainer::State : Resumable {
  State(Task& the_task, TrainerOptions the_options);

  Index samples_per_step() const { return options.batch_size * options.accumulate; }
  Index steps_per_epoch() const;
  std::int64_t steps_in_all() const;  // 0: not known
  double progress(double seconds) const;
  // Whether to stop before the next step; says why.
  bool ended(double seconds, Status& status) const;

  std::vector<Batch> next_batches();
  // No gradient where the loss is not finite.
  std::pair<double, Arrays> loss_and_gradient(const Batch& one, StateUpdate& update);
  // The mean gradient over the batches in `slopes`, their mean loss, their number of samples, what they make
  // of the state; no slopes where the loss is not finite.
  double gradient(const std::vector<Batch>& batches, Arrays& slopes, double& samples, StateUpdate& update);
  void take_step(double seconds);
  void end_epoch(double seconds);
  Judged judge();
  HistoryRow row(double seconds, const Metrics& judged) const;
  // Puts the best weights into the task and completes the summary.
  void finish(Summary& summary, double seconds);
  // Puts the weights of the last step back.
  void put_back();

  void save(data::Group& group) const;
  void load(const data::Group& group);
  void save_history(data::Group& group) const;
  std::vector<HistoryRow> load_history(const data::Group& group, std::size_t columns) const;

  Task& task;
  TrainerOptions options;
  ParameterRefs parameters, state;
  ParameterRefs whole;       // one behind the other
  std::vector<Index> order;  // of the samples in order_epoch
  std::int64_t order_epoch = -1;
  Arrays weights;  // of the last step, while the task holds the best ones

  bool uses_ema() const { return options.ema_decay > 0; }
};

}  // namespace cartan::nn
