// Training, judging and rolling out of operators.

#include "cartan/operators/training.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/losses.hpp"
#include "operators/shifts.hpp"
#include "temporary.hpp"

namespace cartan::operators {
namespace {

using testing::shifts;

FnoConfig small(int dimensions, Index in = 1, Index out = 1) {
  FnoConfig c;
  c.spectral.modes.assign(static_cast<std::size_t>(dimensions), 4);
  c.in_channels = in, c.out_channels = out;
  c.hidden_channels = 8, c.layers = 2;
  return c;
}

nn::TrainerOptions quick(std::int64_t steps) {
  nn::TrainerOptions o;
  o.max_steps = steps, o.batch_size = 8, o.ema_decay = 0.9;
  o.schedule.learning_rate = 1e-2, o.schedule.warmup_steps = 5;
  return o;
}

TEST(Training, LearnsAndResumesBitForBit) {
  const FieldSet train = shifts(64, 16, 1), test = shifts(16, 32, 2);
  TaskOptions options;
  options.loss.noise = 0.01;
  options.augment.translate = true;
  const auto fresh = [&] {
    Model m(small(1), 3);
    fit_normalizers(m, train);
    return m;
  };
  Model whole = fresh();
  const double before = evaluate(whole, test).rel_l2;
  OperatorTask task(whole, train, {test}, options);
  const nn::Summary s = nn::Trainer(task, quick(80)).run();
  ASSERT_EQ(s.metrics.size(), 2u);
  EXPECT_EQ(s.metrics[0].name, "rel_l2");
  const FieldErrors after = evaluate(whole, test);  // on a finer grid
  EXPECT_LE(after.rel_l2, 0.3) << "from " << before;
  EXPECT_EQ(after.n_samples, 16);

  // Stopped, saved, loaded, gone on.
  const testing::Temporary folder;
  Model first = fresh(), second = fresh();
  OperatorTask a(first, train, {test}, options), b(second, train, {test}, options);
  nn::Trainer half(a, quick(80));
  StopFlag stop{false};
  half.run([&](const Progress& p) { stop = p.done >= 40; }, &stop);
  EXPECT_LT(half.step(), 80);
  half.save_checkpoint(folder.path("c.h5"));
  set_threads(3);
  nn::Trainer rest(b, quick(80));
  rest.load_checkpoint(folder.path("c.h5"));
  rest.run();
  set_threads(0);
  const auto p = whole.parameters(), q = second.parameters();
  for (std::size_t k = 0; k < p.size(); ++k)
    EXPECT_TRUE(identical(detach(*p[k].value), detach(*q[k].value))) << p[k].name;

  // A checkpoint of another model is refused.
  FnoConfig wide = small(1);
  wide.hidden_channels = 12;
  Model other(wide, 3);
  fit_normalizers(other, train);
  OperatorTask wrong(other, train, {test}, options);
  nn::Trainer trainer(wrong, quick(80));
  EXPECT_THROW(trainer.load_checkpoint(folder.path("c.h5")), FormatError);
}

// Averages of batches are not trained, and are part of what a run goes on from.
TEST(Training, ResumesRunningAverages) {
  const FieldSet train = shifts(32, 16, 1), test = shifts(8, 16, 2);
  FnoConfig config = small(1);
  config.norm = "batch";
  const auto fresh = [&] {
    Model m(config, 3);
    fit_normalizers(m, train);
    return m;
  };
  const testing::Temporary folder;
  Model whole = fresh(), first = fresh(), second = fresh();
  OperatorTask task(whole, train, {test}, {}), a(first, train, {test}, {}), b(second, train, {test}, {});
  nn::Trainer(task, quick(16)).run();
  nn::Trainer half(a, quick(16));
  StopFlag stop{false};
  half.run([&](const Progress& p) { stop = p.done >= 8; }, &stop);
  ASSERT_LT(half.step(), 16);
  half.save_checkpoint(folder.path("c.h5"));
  nn::Trainer rest(b, quick(16));
  rest.load_checkpoint(folder.path("c.h5"));
  rest.run();
  const auto p = whole.network().constants(), q = second.network().constants();
  const auto start = fresh().network().constants().size();
  ASSERT_GE(start, 2u);
  for (std::size_t k = 0; k < p.size(); ++k) EXPECT_TRUE(identical(*p[k].value, *q[k].value)) << p[k].name;
}

// A pass of training leaves the model as it is; a step that is not taken changes no average, and the best
// weights come with the averages they were judged by.
TEST(Training, RunningAveragesAreAResultOfTheStep) {
  const FieldSet train = shifts(32, 16, 1), test = shifts(8, 16, 2);
  FnoConfig config = small(1);
  config.norm = "batch";
  Model model(config, 3);
  fit_normalizers(model, train);
  const nn::ParameterRefs averages = model.network().constants();
  ASSERT_FALSE(averages.empty());
  const Arrays before = nn::values_of(averages);
  nn::StateUpdate update;
  const auto [x, y] = train.read(0, 8, DType::f32);
  const Array once = model.train(x, update);
  for (std::size_t k = 0; k < before.size(); ++k) EXPECT_TRUE(identical(*averages[k].value, before[k]));
  ASSERT_FALSE(update.empty());
  EXPECT_FALSE(identical(update.latest(*averages[0].value), before[0]));
  EXPECT_TRUE(identical(once, model.train(x, update)));  // by the batch, not by the averages
  EXPECT_THROW(update.apply({}), std::invalid_argument);
  EXPECT_THROW(update.set(before[0], Array::zeros({1}, DType::f64)), std::invalid_argument);

  // A step whose loss is not finite, behind norms whose batches are.
  Array& last = *model.parameters().back().value;
  const Array sound = last;
  last = Array::full(last.shape(), std::numeric_limits<double>::quiet_NaN(), last.dtype());
  OperatorTask bad(model, train, {}, {});
  nn::TrainerOptions o = quick(8);
  o.max_consecutive_skips = 1, o.ema_decay = 0;
  EXPECT_EQ(nn::Trainer(bad, o).run().status, nn::Status::diverged);
  for (std::size_t k = 0; k < before.size(); ++k) EXPECT_TRUE(identical(*averages[k].value, before[k]));
  last = sound;

  // A run whose second validation is called the best.
  struct Watched : OperatorTask {
    using OperatorTask::OperatorTask;
    nn::Metrics validate() override {
      nn::Metrics m = OperatorTask::validate();
      m[0].value = std::abs(2.0 - ++validations);
      last = nn::values_of(state());
      if (validations == 2) best = last;
      return m;
    }
    int validations = 0;
    Arrays best, last;
  } watched(model, train, {test}, {});
  nn::TrainerOptions plain = quick(64);
  plain.ema_decay = 0;
  nn::Trainer(watched, plain).run();
  ASSERT_GT(watched.validations, 2);
  for (std::size_t k = 0; k < averages.size(); ++k)
    EXPECT_TRUE(identical(*averages[k].value, watched.best[k])) << averages[k].name;
  EXPECT_FALSE(identical(watched.best[0], watched.last[0]));  // or the run shows nothing
}

TEST(Training, ErrorsAreThoseOfTheLosses) {
  const FieldSet set = shifts(10, 16, 4);
  Model m(small(1), 3);
  fit_normalizers(m, set);
  const auto [x, y] = set.read(0, 10, DType::f32);
  const Array p = m.predict(x).as(DType::f64), t = y.as(DType::f64);
  const FieldErrors e = evaluate(m, set, 3);
  EXPECT_NEAR(e.rel_l2, mean(lp_error(p, t)).item(), 1e-6);
  EXPECT_NEAR(e.rel_h1, mean(h1_error(p, t)).item(), 1e-6);
  EXPECT_NEAR(e.vrmse, mean(vrmse(p, t)).item(), 1e-6);
  EXPECT_EQ(e.rel_l2_by_sample.size(), 10u);
  double total = 0;
  for (double v : e.truth_spectrum) total += v;
  EXPECT_NEAR(total, mean(square(t)).item(), 1e-6);
}

TEST(Training, EveryLossAndAugmentationHasAFiniteGradient) {
  const Array x = random_normal({6, 1, 8, 8}, DType::f32, Random(1)),
              y = random_normal({6, 1, 8, 8}, DType::f32, Random(2));
  for (const char* kind : {"l1", "l2", "h1", "h1-spectral", "mse"})
    for (const char* reflect : {"none", "torus", "ends"}) {
      TaskOptions options;
      options.loss.kind = kind;
      options.loss.normalized = std::string(reflect) == "ends";
      options.augment.reflect = reflect;
      options.augment.transpose = true;
      Model m(small(2), 1);
      const FieldSet set = FieldSet::of(x, y);
      fit_normalizers(m, set);
      OperatorTask task(m, set, {}, options);
      nn::track_parameters(task.parameters());
      const Array loss = task.loss({{0, 2, 5}, 7, 0, 0});
      EXPECT_TRUE(std::isfinite(loss.item())) << kind;
      for (const Array& g : gradients(loss, nn::values_of(task.parameters())))
        EXPECT_TRUE(all_finite(g)) << kind;
      nn::detach_parameters(task.parameters());
    }
}

// The loss of an augmented batch is one of the losses of the group's images.
TEST(Training, AugmentationKeepsPairsTogether) {
  const Array x = random_normal({1, 1, 6, 6}, DType::f32, Random(1));
  const FieldSet set = FieldSet::of(x, x);  // y = x: any change of both alike leaves them equal
  TaskOptions options;
  options.loss.kind = "mse";
  options.augment.reflect = "torus", options.augment.transpose = options.augment.translate = true;
  Model m(small(2), 1);
  OperatorTask task(m, set, {}, options);
  std::vector<double> seen;
  for (std::int64_t step = 0; step < 12; ++step) seen.push_back(task.loss({{0}, step, 0, 0}).item());
  EXPECT_EQ(task.loss({{0}, 3, 0, 0}).item(), seen[3]);  // a function of the step
  std::sort(seen.begin(), seen.end());
  EXPECT_LT(seen.front(), seen.back());
}

TEST(Training, RolloutsInTraining) {
  const Array x = random_normal({4, 3, 16}, DType::f32, Random(1)),
              y = random_normal({4, 6, 16}, DType::f32, Random(2));
  const FieldSet set = FieldSet::of(x, y);
  TaskOptions options;
  options.loss.rollout = 3;
  Model m(small(1, 3, 2), 1);
  OperatorTask task(m, set, {set}, options);
  const double full = task.loss({{0, 1}, 0, 0, 0}).item();
  // By hand: the last channel of x goes first, two come in.
  Recording off(false);
  Array state = x.rows(0, 2);
  double sum = 0, last = 0;
  for (Index step = 0; step < 3; ++step) {
    const Array p = m(state);
    last = mean(lp_error(p, slice(y.rows(0, 2), 1, 2 * step, 2 * step + 2))).item();
    sum += last;
    state = concatenate({slice(state, 1, 2, 3), p}, 1);
  }
  EXPECT_NEAR(full, sum / 3, 1e-6);
  options.loss.pushforward = true;
  EXPECT_NEAR(OperatorTask(m, set, {}, options).loss({{0, 1}, 0, 0, 0}).item(), last, 1e-6);
  EXPECT_EQ(predict_fields(m, x, 6).shape(), (Shape{4, 6, 16}));
  EXPECT_EQ(evaluate(m, set).rel_l2_by_channel.size(), 6u);
  options.loss.rollout = 2;
  EXPECT_THROW(OperatorTask(m, set, {}, options), FormatError);
}

TEST(Rollout, StableOnesAreKeptAndOthersReported) {
  Model m(small(1), 1);
  const Array x = random_normal({3, 1, 16}, DType::f32, Random(1));
  m.input = m.output = Normalizer::of(x);
  RolloutOptions o;
  o.steps = 5;
  const Rollout r = roll_out(m, x, o);
  EXPECT_TRUE(r.stable);
  EXPECT_EQ(r.steps, 5);
  EXPECT_TRUE(all_finite(r.frames));
  EXPECT_EQ(r.frames.shape(), (Shape{3, 5, 16}));
  const Array twice = m.predict(m.predict(x));
  for (Index k = 0; k < 16; ++k) EXPECT_EQ(r.frames.data<float>()[16 + k], twice.data<float>()[k]);
  EXPECT_EQ(r.mean_square.size(), 5u);
  // The filter leaves low frequencies and takes the highest away.
  o.filter_order = 8;
  const Rollout filtered = roll_out(m, x, o);
  EXPECT_LE(filtered.high_share.back(), r.high_share.back() + 1e-12);
  // One that is lost at once.
  const Array mean = Array::of({0.0});
  m.input = Normalizer(mean, Array::of({1.0}));
  o.filter_order = 0, o.steps = 50, o.alarm = 10;
  m.output = Normalizer(mean, Array::of({1.0}));
  Array large = x;
  for (Index k = 16; k < 32; ++k) large.mutable_data<float>()[k] = NAN;
  const Rollout lost = roll_out(m, large, o);
  EXPECT_FALSE(lost.stable);
  ASSERT_GE(lost.lost.size(), 1u);
  EXPECT_EQ(lost.lost[0], 1);
  EXPECT_EQ(lost.lost_at[0], 0);
  EXPECT_TRUE(std::isnan(lost.frames.data<float>()[50 * 16]));
  EXPECT_TRUE(std::isfinite(lost.frames.data<float>()[0]));
  EXPECT_THROW(roll_out(m, random_normal({3, 2, 16}, DType::f32, Random(1)), o), std::invalid_argument);
}

TEST(Training, WrongSetsAreNamed) {
  const FieldSet set = shifts(4, 16, 1);
  TaskOptions options;
  Model two(small(1, 2, 1), 1), plane(small(2), 1);
  try {
    OperatorTask(two, set, {}, options);
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("has 1 channels, the model needs 2"), std::string::npos);
  }
  EXPECT_THROW(OperatorTask(plane, set, {}, options), FormatError);
  EXPECT_THROW(evaluate(two, set), FormatError);
  Model m(small(1), 1);
  EXPECT_THROW(
      OperatorTask(m, FieldSet::of(random_normal({4, 1, 16}, DType::f32, Random(1)), {}), {}, options),
      FormatError);
  options.augment.transpose = true;
  Model p(small(2), 1);
  const Array oblong = random_normal({4, 1, 8, 10}, DType::f32, Random(1));
  EXPECT_THROW(OperatorTask(p, FieldSet::of(oblong, oblong), {}, options), FormatError);
}

}  // namespace
}  // namespace cartan::operators
