#include "cartan/nn/trainer.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/nn/loss.hpp"

using namespace cartan;
using namespace cartan::nn;

namespace {

// y = sin(x_0) x_1 by an MLP; with state of its own (a running average of the loss).
class Toy : public Task {
 public:
  explicit Toy(Index count = 22) {
    Init init{5};
    mlp = Mlp({2, 16, 1}, DType::f32, init);
    x = random_normal({count, 2}, DType::f32, Random(1));
    y = Array::uninitialized({count, 1}, DType::f32);
    for (Index i = 0; i < count; ++i)
      y.mutable_data<float>()[i] = std::sin(x.data<float>()[2 * i]) * x.data<float>()[2 * i + 1];
  }
  ParameterRefs parameters() override {
    ParameterRefs out;
    mlp.collect("mlp", out);
    return out;
  }
  Index samples() const override { return x.dim(0); }
  Array loss(const Batch& batch) override {
    seen.push_back(batch.samples);
    for (const auto& p : parameters()) EXPECT_TRUE(p.value->tracked());
    if (fail_at == batch.step) throw std::runtime_error("the task failed");
    const std::vector<std::int32_t> rows(batch.samples.begin(), batch.samples.end());
    const Indices picked(rows, samples());
    Array value = mse(mlp(gather(x, picked)), gather(y, picked));
    if (batch.step >= nan_from && batch.step < nan_to)
      value = scale(value, std::numeric_limits<double>::quiet_NaN());
    average = 0.9 * average + 0.1 * value.item();
    return scale(value, 1 + average);
  }
  Metrics validate() override {
    for (const auto& p : parameters()) EXPECT_FALSE(p.value->tracked());
    if (!validated) return {};
    ++validations;
    if (script.size() > 0) return {{"script", script.at(static_cast<std::size_t>(validations - 1))}};
    return {{"mse", mse(mlp(x), y).item()}, {"average", average}};
  }
  void save(data::Group& group) const override { group.attributes["average"] = average; }
  void load(const data::Group& group) override { average = group.number("average"); }

  Mlp mlp;
  Array x, y;
  double average = 0;
  bool validated = true;
  int validations = 0;
  std::vector<double> script;
  std::int64_t nan_from = -1, nan_to = -1, fail_at = -1;
  std::vector<std::vector<Index>> seen;
};

TrainerOptions basic(std::int64_t steps = 20) {
  TrainerOptions o;
  o.max_steps = steps;
  o.batch_size = 4;  // 22 samples: 6 batches an epoch, the last of 2
  o.seed = 3;
  o.schedule.learning_rate = 0.01;
  o.schedule.warmup_steps = 5;
  o.schedule.decay = Decay::cosine;
  o.adamw.weight_decay = 0.01;
  o.adamw.amsgrad = true;
  o.clip_norm = 0.5;
  o.ema_decay = 0.9;
  return o;
}

Arrays weights(Task& task) {
  return values_of(task.parameters());
}
bool same(const Arrays& a, const Arrays& b) {
  bool out = a.size() == b.size();
  for (std::size_t k = 0; out && k < a.size(); ++k) out = identical(a[k], b[k]);
  return out;
}

// The same tree, but for the times.
void expect_same(const data::Group& a, const data::Group& b, const std::string& path = "") {
  for (const auto& [name, value] : a.attributes) {
    if (name == "seconds" || name == "validation_seconds") continue;
    ASSERT_EQ(b.attributes.count(name), 1u) << path << name;
    const bool equal = value == b.attributes.at(name);
    const auto* number = std::get_if<double>(&value);
    EXPECT_TRUE(equal || (number && std::isnan(*number))) << path << '@' << name;
  }
  EXPECT_EQ(a.attributes.size(), b.attributes.size()) << path;
  EXPECT_EQ(a.items().size(), b.items().size()) << path;
  for (const auto& [name, item] : a.items()) {
    if (path == "/history/" && name == "values") {
      const Array &u = item.array, &v = b.array(name);
      ASSERT_EQ(u.shape(), v.shape());
      for (Index k = 0; k < u.dim(0); ++k)
        for (Index c = 0; c < 2; ++c) EXPECT_EQ(u.data<double>()[3 * k + c], v.data<double>()[3 * k + c]);
    } else {
      EXPECT_TRUE(identical(item.array, b.array(name))) << path << name;
    }
  }
  EXPECT_EQ(a.groups().size(), b.groups().size()) << path;
  for (const auto& [name, group] : a.groups())
    expect_same(group, b.group(name), path.empty() ? "/" + name + "/" : path + name + "/");
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder =
        std::filesystem::temp_directory_path() /
        ("cartan_trainer_" +
         std::to_string(
             Random(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()))
                 .bits(0)));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const char* name) const { return (folder / name).string(); }
  std::filesystem::path folder;
};
using Checkpoint = Files;

}  // namespace

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
  EXPECT_EQ(s.metric_names, (std::vector<std::string>{"mse", "average"}));
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
TEST(Trainer, ResumesBitForBit) {
  for (Decay decay : {Decay::cosine, Decay::plateau}) {
    TrainerOptions o = basic();
    o.schedule.decay = decay;
    o.schedule.patience = 0;
    Toy straight;
    Trainer whole(straight, o);
    const Summary expected = whole.run();
    data::Group final_state;
    whole.save(final_state);
    for (std::int64_t stop_at : {1, 6, 7, 13, 20}) {
      SCOPED_TRACE(stop_at);
      Toy first;
      StopFlag stop{false};
      Trainer part(first, o);
      const Summary half = part.run([&](const Progress& p) { stop = p.done >= stop_at; }, &stop);
      EXPECT_EQ(half.interrupted, stop_at < 20);
      EXPECT_EQ(half.steps, stop_at);
      data::Group saved;
      part.save(saved);

      Toy second;
      for (const auto& p : second.parameters()) *p.value = Array::zeros(p.value->shape(), DType::f32);
      Trainer rest(second, o);
      rest.load(saved);
      EXPECT_EQ(rest.step(), stop_at);
      const Summary found = rest.run();
      EXPECT_TRUE(same(weights(straight), weights(second)));
      data::Group state;
      rest.save(state);
      expect_same(final_state, state);
      EXPECT_EQ(found.best, expected.best);
      EXPECT_EQ(found.history.size(), expected.history.size());

      // the interrupted trainer itself can go on too
      stop = false;
      part.run({}, &stop);
      EXPECT_TRUE(same(weights(straight), weights(first)));
    }
  }
}

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

TEST_F(Checkpoint, FileRoundTripAndPrevious) {
  TrainerOptions o = basic();
  Toy straight;
  Trainer(straight, o).run();

  o.checkpoint_path = path("run.h5");
  o.checkpoint_every_steps = 3;
  o.config = "epochs = 2";
  Toy first;
  StopFlag stop{false};
  const Summary half = train(
      first, o, true, [&](const Progress& p) { stop = p.done >= 8; }, &stop);
  EXPECT_TRUE(half.interrupted);
  EXPECT_TRUE(std::filesystem::exists(path("run.h5")));
  EXPECT_TRUE(std::filesystem::exists(path("run.h5.previous")));
  {
    Toy probe;
    Trainer t(probe, o);
    t.load_checkpoint(path("run.h5.previous"));
    EXPECT_EQ(t.step(), 6);
    t.load_checkpoint(path("run.h5"));
    EXPECT_EQ(t.step(), 8);
  }
  Toy second;
  const Summary rest = train(second, o, true);
  EXPECT_EQ(rest.steps, 20);
  EXPECT_TRUE(same(weights(straight), weights(second)));

  // a damaged file: the one before it is used
  {
    std::fstream file(path("run.h5"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path("run.h5")) / 2));
    file.write("################################", 32);
  }
  Toy third;
  std::int64_t first_step = -1;
  train(third, o, true, [&](const Progress& p) { first_step = first_step < 0 ? p.done : first_step; });
  EXPECT_EQ(first_step, 18);
  EXPECT_TRUE(same(weights(straight), weights(third)));
}

TEST_F(Checkpoint, RefusesWhatDoesNotFit) {
  TrainerOptions o = basic(3);
  o.checkpoint_path = path("run.h5");
  Toy task;
  train(task, o);
  auto message = [&](Task& t, const TrainerOptions& options) {
    try {
      Trainer(t, options).load_checkpoint(path("run.h5"));
    } catch (const FormatError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  Toy other;
  TrainerOptions changed = o;
  changed.batch_size = 5;
  EXPECT_NE(message(other, changed).find("batch_size = 4, the run has 5"), std::string::npos);
  changed = o;
  changed.seed = 4;
  EXPECT_NE(message(other, changed).find("seed"), std::string::npos);
  Toy more(23);
  EXPECT_NE(message(more, o).find("samples"), std::string::npos);
  Init init{1};
  Toy wide;
  wide.mlp = Mlp({2, 17, 1}, DType::f32, init);
  const Arrays before = weights(wide);
  EXPECT_NE(message(wide, o).find("mlp.0.weight"), std::string::npos);
  EXPECT_TRUE(same(before, weights(wide)));
  EXPECT_EQ(message(other, o), "no error");
  EXPECT_THROW(Trainer(other, o).load_checkpoint(path("absent.h5")), IoError);
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
  o.on_row = [&](const HistoryRow& row) {
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
  EXPECT_TRUE(s.metric_names.empty());
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
