#include "cartan/nn/trainer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/parallel.hpp"
#include "nn/toy_task.hpp"

using namespace toy;

TEST(Trainer, Learns) {
  Toy task;
  TrainerOptions o = basic(0);
  o.epochs = 150;
  const double before = mse(task.mlp(task.x), task.y).item();
  std::int64_t reports = 0;
  const Summary s = Trainer(task, o).run([&](const Progress& p) {
    ++reports;
    EXPECT_EQ(p.done, reports);
    EXPECT_EQ(p.total, 900);
    EXPECT_NE(p.message.find("loss"), std::string::npos);
  });
  EXPECT_EQ(s.status, Status::finished);
  EXPECT_EQ(s.steps, 900);
  EXPECT_EQ(s.epochs, 150);
  EXPECT_EQ(reports, 900);
  EXPECT_EQ(s.history.size(), 150u);
  ASSERT_EQ(s.metrics.size(), 2u);
  EXPECT_EQ(s.metrics[0].name, "mse");
  EXPECT_EQ(s.metrics[1].name, "average");
  const double after = mse(task.mlp(task.x), task.y).item();
  EXPECT_TRUE(after < 0.1 * before) << before << " -> " << after;
  EXPECT_EQ(after, s.best);  // the result holds the best weights
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto& row : s.history) lowest = std::min(lowest, row.metrics[0]);
  EXPECT_EQ(lowest, s.best);
}

TEST(Trainer, EverySampleOnceAnEpochInAnOrderOfItsOwn) {
  Toy task;
  TrainerOptions o = basic(12);
  Trainer(task, o).run();
  ASSERT_EQ(task.seen.size(), 12u);
  std::vector<std::vector<Index>> epochs(2);
  for (std::size_t k = 0; k < 12; ++k)
    epochs[k / 6].insert(epochs[k / 6].end(), task.seen[k].begin(), task.seen[k].end());
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto& e : epochs) {
    std::sort(e.begin(), e.end());
    ASSERT_EQ(e.size(), 22u);
    for (Index i = 0; i < 22; ++i) EXPECT_EQ(e[static_cast<std::size_t>(i)], i);
  }
  Toy dropped;
  o.drop_last = true;
  o.max_steps = 5;
  EXPECT_EQ(Trainer(dropped, o).run().epochs, 1);
  for (const auto& b : dropped.seen) EXPECT_EQ(b.size(), 4u);
}

// Stopped after any number of steps, the run goes on to the same bits.
TEST(Trainer, BitsDoNotDependOnThreads) {
  auto run = [](int n) {
    set_threads(n);
    Toy task;
    Trainer(task, basic()).run();
    set_threads(0);
    return weights(task);
  };
  EXPECT_TRUE(same(run(1), run(3)));
}

TEST(Trainer, StepsThatAreNotFiniteAreLeftOut) {
  Toy task;
  task.nan_from = 2;
  task.nan_to = 5;
  // the first NaN would poison the task's own average
  class Clean : public Toy {
   public:
    Array loss(const Batch& b) override {
      const double kept = average;
      Array value = Toy::loss(b);
      if (std::isnan(average)) average = kept;
      return value;
    }
  } clean;
  clean.nan_from = 2;
  clean.nan_to = 5;
  const Summary s = Trainer(clean, basic()).run();
  EXPECT_EQ(s.status, Status::finished);
  EXPECT_EQ(s.skipped, 3);
  EXPECT_EQ(s.steps, 20);
  for (const Array& w : weights(clean)) EXPECT_TRUE(all_finite(w));
  EXPECT_TRUE(std::isfinite(s.history[0].train_loss));

  TrainerOptions o = basic();
  o.max_consecutive_skips = 4;
  const Summary d = Trainer(task, o).run();
  EXPECT_EQ(d.status, Status::diverged);
  EXPECT_EQ(d.steps, 6);
  for (const Array& w : weights(task)) EXPECT_TRUE(all_finite(w));
  EXPECT_NE(d.message.find("not finite"), std::string::npos);
}

TEST(Trainer, EarlyStoppingKeepsTheBest) {
  Toy task;
  task.script = {5, 3, 4, 3, 2.5, 2.6, std::numeric_limits<double>::quiet_NaN(), 2.5, 1, 1};
  TrainerOptions o = basic(0);
  o.epochs = 100;
  o.early_stopping = 3;
  Arrays at_best;
  o.on_row = [&](const HistoryRow& row, const Metrics&) {
    if (row.epoch == 5) at_best = weights(task);
  };
  o.ema_decay = 0;
  const Summary s = Trainer(task, o).run();
  EXPECT_EQ(s.status, Status::early_stopped);
  EXPECT_EQ(s.epochs, 8);
  EXPECT_EQ(s.best, 2.5);
  EXPECT_EQ(s.best_step, 30);
  EXPECT_TRUE(same(at_best, weights(task)));
}

TEST(Trainer, ValidatesEveryFewEpochsAndAtTheEnd) {
  Toy task;
  TrainerOptions o = basic(20);
  o.validate_every = 2;
  const Summary s = Trainer(task, o).run();
  ASSERT_EQ(s.history.size(), 4u);  // three epochs of 6, then 2 steps
  EXPECT_TRUE(s.history[0].metrics.empty());
  EXPECT_EQ(s.history[1].metrics.size(), 2u);
  EXPECT_TRUE(s.history[2].metrics.empty());
  EXPECT_EQ(s.history[3].step, 20);
  EXPECT_EQ(s.history[3].metrics.size(), 2u);
}

TEST(Trainer, WithoutValidationTheResultIsTheAverage) {
  Toy task;
  task.validated = false;
  Trainer trainer(task, basic());
  const Summary s = trainer.run();
  EXPECT_TRUE(s.metrics.empty());
  data::Group state;
  trainer.save(state);
  const auto refs = task.parameters();
  for (const auto& p : refs) {
    EXPECT_TRUE(identical(*p.value, state.array("ema/average/" + p.name)));
    EXPECT_FALSE(identical(*p.value, state.array("parameters/" + p.name)));
  }
  EXPECT_EQ(s.best, std::min({s.history[0].train_loss, s.history[1].train_loss, s.history[2].train_loss}));
}

TEST(Trainer, TimeLimit) {
  Toy task;
  TrainerOptions o = basic(0);
  o.time_limit_seconds = 0.15;
  const Summary s = Trainer(task, o).run();
  EXPECT_EQ(s.status, Status::time_limit);
  EXPECT_GT(s.steps, 1);
  EXPECT_TRUE(s.seconds < 5);
  EXPECT_TRUE(s.history.back().learning_rate < o.schedule.learning_rate);
}

TEST(Trainer, ATaskThatThrowsLeavesNothingTracked) {
  Toy task;
  task.fail_at = 3;
  Trainer trainer(task, basic());
  EXPECT_THROW(trainer.run(), std::runtime_error);
  for (const auto& p : task.parameters()) EXPECT_FALSE(p.value->tracked());
  EXPECT_EQ(trainer.step(), 3);
  task.fail_at = -1;
  EXPECT_EQ(trainer.run().status, Status::finished);
}

TEST(Trainer, AccumulatedBatchesAreOneStep) {
  // 22 samples, 8 a step: two batches of 4, or one of 8; the rest of an epoch is 6
  Toy parts, whole;
  parts.remember = whole.remember = false;  // the toy's running average depends on the batches
  TrainerOptions o = basic(9);
  o.accumulate = 2;
  const Summary s = Trainer(parts, o).run();
  EXPECT_EQ(s.steps, 9);
  EXPECT_EQ(s.epochs, 3);
  EXPECT_EQ(parts.seen.size(), 18u);
  o.accumulate = 1;
  o.batch_size = 8;
  const Summary t = Trainer(whole, o).run();
  EXPECT_EQ(t.epochs, 3);
  for (std::size_t k = 0; k < s.history.size(); ++k)
    EXPECT_NEAR(s.history[k].train_loss, t.history[k].train_loss, 1e-5);
  const Arrays a = weights(parts), b = weights(whole);
  for (std::size_t k = 0; k < a.size(); ++k)
    for (Index i = 0; i < a[k].size(); ++i) EXPECT_NEAR(a[k].data<float>()[i], b[k].data<float>()[i], 2e-4);

  TrainerOptions dropped = basic(4);
  dropped.accumulate = 5;
  dropped.drop_last = true;  // 20 samples a step: one step an epoch
  Toy task;
  EXPECT_EQ(Trainer(task, dropped).run().epochs, 4);
  dropped.accumulate = 6;
  EXPECT_THROW(Trainer(task, dropped), std::invalid_argument);
}

TEST(Trainer, ConcurrentBatchesHaveTheBitsOfOneAfterAnother) {
  set_threads(4);
  for (const bool broken : {false, true}) {
    Toy one_by_one, side_by_side;
    for (Toy* toy : {&one_by_one, &side_by_side}) {
      toy->remember = false;
      if (broken) toy->nan_from = 3, toy->nan_to = 5;
    }
    TrainerOptions o = basic(12);
    o.accumulate = 3;
    const Summary s = Trainer(one_by_one, o).run();
    o.concurrent = true;
    const Summary t = Trainer(side_by_side, o).run();
    EXPECT_TRUE(same(weights(one_by_one), weights(side_by_side)));
    EXPECT_EQ(s.skipped, broken ? 2 : 0);
    EXPECT_EQ(t.skipped, s.skipped);
    EXPECT_EQ(t.last_loss, s.last_loss);
  }
  set_threads(0);
}

TEST(Trainer, AConcurrentBatchThatThrowsLeavesNothingTracked) {
  set_threads(2);
  Toy task;
  task.remember = false;
  task.fail_at = 3;
  TrainerOptions o = basic();
  o.accumulate = 2;
  o.concurrent = true;
  Trainer trainer(task, o);
  EXPECT_THROW(trainer.run(), std::runtime_error);
  for (const auto& p : task.parameters()) EXPECT_FALSE(p.value->tracked());
  EXPECT_EQ(trainer.step(), 3);
  set_threads(0);
}

namespace {
class Averaging : public Toy {
 public:
  Averaging() { remember = false; }
  Array kept = Array::zeros({1}, DType::f64);
  ParameterRefs state() override { return {{"kept", &kept}}; }
  Array step_loss(const Batch& batch, StateUpdate& update) override {
    update.set(kept, Array::full({1}, 1, DType::f64));
    return loss(batch);
  }
};
}  // namespace

TEST(Trainer, AveragesOfSamplesAreRefusedWhereTheirOrderIsLost) {
  // Averages of a process's own samples would differ from the others'.
  TrainerOptions o = basic();
  o.reduce_gradients = [](Arrays&, double&, double&) {};
  Averaging task;
  EXPECT_THROW(Trainer(task, o).run(), std::invalid_argument);
  o.reduce_gradients = nullptr;
  o.accumulate = 2;
  EXPECT_NO_THROW(Trainer(task, o).run());
  o.concurrent = true;
  EXPECT_THROW(Trainer(task, o).run(), std::invalid_argument);
}

TEST(Trainer, GradientsAreReducedOnceAStep) {
  // Two processes with the same samples: the reduction gives the mean, which is what each has.
  Toy alone, together;
  TrainerOptions o = basic();
  Trainer(alone, o).run();
  int calls = 0;
  o.reduce_gradients = [&](Arrays& gradients, double& loss, double& samples) {
    ++calls;
    EXPECT_EQ(gradients.size(), 4u);
    EXPECT_TRUE(std::isfinite(loss));
    EXPECT_TRUE(samples == 4 || samples == 2);
    for (Array& g : gradients) g = scale(scale(g, 2), 0.5);
  };
  Trainer(together, o).run();
  EXPECT_EQ(calls, 20);
  EXPECT_TRUE(same(weights(alone), weights(together)));

  // A loss that is not finite in another process: the step is left out here too.
  Toy skipping;
  o.reduce_gradients = [&](Arrays&, double& loss, double&) { loss = std::nan(""); };
  o.max_consecutive_skips = 3;
  EXPECT_EQ(Trainer(skipping, o).run().status, Status::diverged);
  // And one here reaches the others, with gradients of zero.
  Toy failing;
  failing.nan_from = 0;
  failing.nan_to = 100;
  int told = 0;
  o.reduce_gradients = [&](Arrays& gradients, double& loss, double&) {
    told += std::isnan(loss);
    EXPECT_EQ(gradients.size(), 4u);
  };
  Trainer(failing, o).run();
  EXPECT_EQ(told, 3);
}

TEST(Trainer, Errors) {
  Toy task;
  EXPECT_THROW(Trainer(task, TrainerOptions{}), std::invalid_argument);
  TrainerOptions o = basic();
  o.batch_size = 0;
  EXPECT_THROW(Trainer(task, o), std::invalid_argument);
  o = basic();
  o.batch_size = 30;
  EXPECT_NO_THROW(Trainer(task, o).run());
  o.drop_last = true;
  EXPECT_THROW(Trainer(task, o), std::invalid_argument);
}
