#pragma once
// A small task for the tests of the training loop.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>

#include "cartan/nn/loss.hpp"
#include "cartan/nn/trainer.hpp"

namespace toy {

using namespace cartan;
using namespace cartan::nn;

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
  void move_to(Device device) {
    for (const auto& p : parameters()) *p.value = p.value->to(device);
    x = x.to(device);
    y = y.to(device);
  }
  Index samples() const override { return x.dim(0); }
  Array loss(const Batch& batch) override {
    {
      const std::lock_guard<std::mutex> lock(guard);
      seen.push_back(batch.samples);
    }
    for (const auto& p : parameters()) EXPECT_TRUE(p.value->tracked());
    if (fail_at == batch.step) throw std::runtime_error("the task failed");
    const std::vector<std::int32_t> rows(batch.samples.begin(), batch.samples.end());
    const Indices picked(rows, samples());
    Array value = mse(mlp(gather(x, picked)), gather(y, picked));
    if (batch.step >= nan_from && batch.step < nan_to)
      value = scale(value, std::numeric_limits<double>::quiet_NaN());
    if (!remember) return value;
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
  bool validated = true, remember = true;
  int validations = 0;
  std::vector<double> script;
  std::int64_t nan_from = -1, nan_to = -1, fail_at = -1;
  std::vector<std::vector<Index>> seen;
  std::mutex guard;  // of seen: batches may come side by side
};

inline TrainerOptions basic(std::int64_t steps = 20) {
  TrainerOptions o;
  o.max_steps = steps;
  o.batch_size = 4;  // 22 samples: 6 batches an epoch, the last of 2
  o.seed = 3;
  o.schedule.learning_rate = 0.01;
  o.schedule.warmup_steps = 5;
  o.schedule.decay = Decay::cosine;
  AdamWOptions adamw;
  adamw.weight_decay = 0.01;
  o.optimizer = adamw;
  o.clip_norm = 0.5;
  o.ema_decay = 0.9;
  return o;
}

inline Arrays weights(Task& task) {
  return values_of(task.parameters());
}
inline bool same(const Arrays& a, const Arrays& b) {
  bool out = a.size() == b.size();
  for (std::size_t k = 0; out && k < a.size(); ++k) out = identical(a[k], b[k]);
  return out;
}

}  // namespace toy
