// Training where the parameters lie.
#include <gtest/gtest.h>

#include <map>

#include "cartan/core/memory.hpp"
#include "nn/toy_task.hpp"
#include "temporary.hpp"

using namespace toy;

namespace {

std::vector<Device> devices() {
  std::vector<Device> out{Device::debug};
  if (cuda_available()) out.push_back(Device::cuda());
  return out;
}

// Bit for bit on the debug device, to rounding on others.
void expect_same(const Arrays& found, const Arrays& expected, Device device) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    EXPECT_EQ(found[k].device(), device);
    if (device.kind != Device::Kind::cuda) {
      EXPECT_TRUE(identical(found[k], expected[k])) << device << ", array " << k;
      continue;
    }
    ASSERT_EQ(found[k].shape(), expected[k].shape());
    const auto a = found[k].to_vector<double>(), b = expected[k].to_vector<double>();
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_LE(std::abs(a[i] - b[i]), 1e-4 * (1 + std::abs(b[i])));
  }
}

TrainerOptions options(std::int64_t accumulate = 1) {
  TrainerOptions o = basic(20);
  o.accumulate = accumulate;
  return o;
}

}  // namespace

TEST(OnDevice, TrainingHasTheResultsOfTheHost) {
  for (const std::int64_t accumulate : {1, 2}) {
    Toy host;
    const Summary expected = train(host, options(accumulate));
    for (const Device device : devices()) {
      Toy toy;
      toy.move_to(device);
      const Summary found = train(toy, options(accumulate));
      expect_same(weights(toy), weights(host), device);
      EXPECT_EQ(found.steps, expected.steps);
      if (device == Device::debug) {
        EXPECT_EQ(found.best, expected.best);
      }
    }
  }
}

// A checkpoint holds host arrays, and what resumes from it lies where the run's parameters lie.
TEST(OnDevice, ARunResumesThere) {
  cartan::testing::Temporary folder;
  Toy host;
  train(host, options());
  for (const Device device : devices()) {
    TrainerOptions o = options();
    o.checkpoint_path = folder.path(device == Device::debug ? "debug.h5" : "cuda.h5");
    Toy first;
    first.move_to(device);
    StopFlag stop{false};
    const Summary half = train(
        first, o, false, [&](const Progress& p) { stop = p.done >= 9; }, &stop);
    ASSERT_TRUE(half.interrupted);
    Toy second;
    second.move_to(device);
    const Summary rest = train(second, o, true);
    EXPECT_EQ(rest.steps, 20);
    expect_same(weights(second), weights(host), device);
    Toy third;  // on the host, from the device's file
    train(third, o, true);
    if (device == Device::debug) {
      EXPECT_TRUE(same(weights(third), weights(host)));
    }
  }
}

TEST(OnDevice, NormsAndClippingHaveTheResultsOfTheHost) {
  const Arrays host{random_normal({300, 200}, DType::f32, Random(1)),
                    random_normal({7}, DType::f64, Random(2)), Array::zeros({0}, DType::f32),
                    random_normal({9}, DType::f64, Random(3)).as(DType::c128)};
  for (const Device device : devices()) {
    Arrays there;
    for (const Array& a : host) there.push_back(a.to(device));
    const double norm = global_norm(host);
    EXPECT_LE(std::abs(global_norm(there) - norm), device == Device::debug ? 0 : 1e-12 * norm);
    Arrays clipped = host;
    EXPECT_EQ(clip_gradients(clipped, 1.5), norm);
    clip_gradients(there, 1.5);
    for (std::size_t k = 0; k < host.size(); ++k) {
      EXPECT_EQ(there[k].device(), device);
      if (device == Device::debug) {
        EXPECT_TRUE(identical(there[k], clipped[k])) << k;
      }
    }
    EXPECT_LE(std::abs(global_norm(there) - 1.5), 1e-5);
  }
  EXPECT_THROW(global_norm({host[0], host[1].to(Device::debug)}), std::invalid_argument);
}

// Once warm, steps and forward passes live on the memory that those before them gave back.
TEST(OnDevice, StepsTakeNoFreshMemoryOnceWarm) {
  for (const Device device : {Device::cpu, Device::debug}) {
    Toy toy;
    toy.move_to(device);
    TrainerOptions o = options(2);
    o.max_steps = 60;
    std::map<std::int64_t, std::size_t> fresh;
    train(toy, o, false, [&](const Progress& p) { fresh[p.done] = memory_use(device).fresh; });
    ASSERT_EQ(fresh.size(), 60u);
    EXPECT_EQ(fresh[60], fresh[20]) << device;
    const auto pass = [&] { return mse(toy.mlp(toy.x), toy.y).item(); };
    pass();
    const std::size_t before = memory_use(device).fresh;
    for (int k = 0; k < 10; ++k) pass();
    EXPECT_EQ(memory_use(device).fresh, before) << device;
  }
}
