// Saving, loading and resuming training runs.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "cartan/core/error.hpp"
#include "nn/toy_task.hpp"

using namespace toy;

namespace {

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

TEST(Resume, BitForBit) {
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
  std::string used, damage;
  o.on_fallback = [&](const std::string& file, const std::string& what) { used = file, damage = what; };
  train(third, o, true, [&](const Progress& p) { first_step = first_step < 0 ? p.done : first_step; });
  EXPECT_EQ(first_step, 18);
  EXPECT_EQ(used, path("run.h5.previous"));
  EXPECT_NE(damage.find("run.h5"), std::string::npos) << damage;
  // The damaged one has not taken the place of the good one.
  EXPECT_TRUE(std::filesystem::exists(path("run.h5.damaged")));
  for (const char* name : {"run.h5", "run.h5.previous"}) {
    Toy probe;
    Trainer(probe, o).load_checkpoint(path(name));
  }
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
