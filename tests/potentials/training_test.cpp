#include <cartan/core/error.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/potentials/training.hpp>

#include "golden.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

// Molecules of unequal size with made-up labels.
FrameSet small_set() {
  FrameSet set{"made-up", {}};
  const Random random(17);
  std::uint64_t draw = 0;
  for (int k = 0; k < 12; ++k) {
    Frame f = k % 3 ? golden::molecule() : golden::crystal();
    for (double& x : f.positions) x += 0.05 * random.normal(draw++);
    f.energy = -3.0 * static_cast<double>(f.size()) + random.normal(draw++);
    for (std::size_t i = 0; i < f.positions.size(); ++i) f.forces.push_back(random.normal(draw++));
    if (f.periodic()) f.stress = {0.01, 0, 0, 0, 0.02, 0, 0, 0, -0.01};
    set.frames.push_back(std::move(f));
  }
  return set;
}

TensorNetConfig small_config(DType dtype = DType::f32) {
  TensorNetConfig c;
  c.channels = 16;
  c.layers = 1;
  c.radial = 8;
  c.cutoff = 3.5;
  c.dtype = dtype;
  return c;
}

nn::ScheduleOptions plain_rate() {
  nn::ScheduleOptions o;
  o.decay = nn::Decay::constant;
  o.warmup_steps = 0;
  return o;
}
nn::AdamWOptions plain_adam() {
  nn::AdamWOptions o;
  o.amsgrad = false;
  return o;
}

nn::TrainerOptions options_for(std::int64_t steps) {
  nn::TrainerOptions o;
  o.max_steps = steps;
  o.batch_size = 5;
  o.seed = 0;
  o.schedule = plain_rate();
  o.optimizer = plain_adam();
  o.ema_decay = 0.9;
  o.clip_norm = 10;
  return o;
}

Arrays train(int threads, std::int64_t steps) {
  set_threads(threads);
  const FrameSet set = small_set();
  Model model(small_config(), 3);
  model.reference = fit_reference_energies(set);
  model.energy_scale = fit_scale(set, model.reference);
  PotentialTask task(model, set, set, {1, 1, 10});
  const nn::Summary s = nn::train(task, options_for(steps));
  EXPECT_EQ(s.steps, steps);
  EXPECT_LT(s.history.back().train_loss, s.history.front().train_loss);
  set_threads(0);
  return nn::values_of(model.parameters());
}

std::string message_of(FrameSet set, LossOptions loss = {}) {
  Model model(small_config(), 3);
  model.reference = {{1, 0.0}, {6, 0.0}, {7, 0.0}, {8, 0.0}};
  try {
    PotentialTask(model, std::move(set), {}, loss);
  } catch (const FormatError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST(Training, LossCurveOfThePeer) {
  FrameSet set{"golden", {golden::molecule(), golden::molecule()}};
  for (std::size_t i = 0; i < 12; ++i)
    set.frames[1].positions[i] += 0.05 * std::sin(1.7 * static_cast<double>(i) + 0.3);
  set.frames[0].energy = 1;
  set.frames[1].energy = -1;
  for (Frame& f : set.frames) f.forces.assign(12, 0.0);
  Model model = golden::model();
  LossOptions loss;
  loss.energy = loss.forces = 0.5;
  loss.energy_per_atom = false;
  PotentialTask task(model, set, {}, loss);
  nn::TrainerOptions o;
  o.max_steps = 21;
  o.batch_size = 2;
  o.schedule = plain_rate();
  o.optimizer = plain_adam();
  o.clip_norm = 0;
  o.ema_decay = 0;
  const nn::Summary s = nn::train(task, o);
  const auto expected = golden::value("training.loss");
  ASSERT_EQ(s.history.size(), expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k)
    EXPECT_LE(std::abs(s.history[k].train_loss - expected[k]), 1e-9 * expected[k]) << "step " << k;
}

TEST(Training, SameBitsForAnyNumberOfThreads) {
  const Arrays one = train(1, 20);
  for (int n : {2, 3, 4}) {
    const Arrays other = train(n, 20);
    for (std::size_t k = 0; k < one.size(); ++k)
      EXPECT_TRUE(identical(one[k], other[k])) << n << " threads, tensor " << k;
  }
}

// Energies, forces, stress, averages, clipping, a checkpoint in between: the same bits.
TEST(Training, SameBitsOnTheDebugDevice) {
  cartan::testing::Temporary folder;
  const FrameSet set = small_set();
  nn::Metrics judged[2];
  Arrays trained[2];
  for (const Device device : {Device::cpu, Device::debug}) {
    const bool there = device == Device::debug;
    nn::TrainerOptions o = options_for(6);
    o.checkpoint_path = folder.path(to_string(device) + ".h5");
    for (int part = 0; part < (there ? 2 : 1); ++part) {  // there with an end after two steps
      Model model(small_config(), 3);
      model.reference = fit_reference_energies(set);
      model.energy_scale = fit_scale(set, model.reference);
      model.to(device);
      PotentialTask task(model, set, set, {1, 1, 10});
      StopFlag stop{false};
      const nn::Summary s = nn::train(
          task, o, part == 1, [&](const Progress& p) { stop = there && part == 0 && p.done == 2; }, &stop);
      ASSERT_EQ(s.steps, there && part == 0 ? 2 : 6);
      for (const nn::NamedParameter& p : model.parameters()) EXPECT_EQ(p.value->device(), device) << p.name;
      judged[there] = task.validate();
      trained[there] = nn::values_of(model.parameters());
    }
  }
  ASSERT_EQ(trained[0].size(), trained[1].size());
  for (std::size_t k = 0; k < trained[0].size(); ++k)
    EXPECT_TRUE(identical(trained[0][k], trained[1][k])) << k;
  ASSERT_FALSE(judged[0].empty());
  for (std::size_t k = 0; k < judged[0].size(); ++k) EXPECT_EQ(judged[0][k].value, judged[1][k].value) << k;
}

// Once warm, training and prediction live on the memory that the steps before them gave back.
TEST(Training, TakesNoFreshMemoryOnceWarm) {
  for (const Device device : {Device::cpu, Device::debug}) {
    const FrameSet set = small_set();
    Model model(small_config(), 3);
    model.reference = fit_reference_energies(set);
    model.to(device);
    PotentialTask task(model, set, {}, {1, 1, 10});
    nn::TrainerOptions o = options_for(60);
    o.batch_size = 12;
    std::size_t warm = 0, end = 0;
    nn::train(task, o, false, [&](const Progress& p) {
      if (p.done == 30) warm = memory_use(device).fresh;
      end = memory_use(device).fresh;
    });
    EXPECT_EQ(end, warm) << device;
  }
}

TEST(Training, ReferenceEnergiesByLeastSquares) {
  FrameSet set = small_set();
  const std::map<int, double> exact{{1, -1.5}, {6, -10.25}, {7, -12.0}, {8, -20.0}};
  set.frames.push_back(golden::molecule());
  set.frames.back().numbers = {6, 6, 1, 1};
  set.frames.push_back(golden::molecule());
  set.frames.back().numbers = {8, 8, 1, 6};
  for (Frame& f : set.frames) {
    f.energy = 0;
    for (int z : f.numbers) *f.energy += exact.at(z);
  }
  for (const auto& [z, e] : fit_reference_energies(set)) EXPECT_LE(std::abs(e - exact.at(z)), 1e-10) << z;
  std::map<int, double> given = exact;
  for (auto& [z, e] : given) e += 0.5;  // isolated atoms lie higher
  for (const auto& [z, e] : shifted_reference_energies(set, given))
    EXPECT_LE(std::abs(e - exact.at(z)), 1e-10) << z;
  given.erase(7);
  EXPECT_THROW(shifted_reference_energies(set, given), std::invalid_argument);
}

TEST(Training, ErrorsOfAPredictionThatIsOff) {
  FrameSet set = small_set();
  Predictions p;
  for (const Frame& f : set.frames) {
    p.energy.push_back(*f.energy + 0.5);
    p.forces.push_back(f.forces);
    for (double& x : p.forces.back()) x -= 0.25;
    p.stress.push_back(f.stress.value_or(std::array<double, 9>{}));
  }
  const Errors e = compare(set, p);
  EXPECT_LE(std::abs(e.energy_rmse - 0.5), 1e-12);
  EXPECT_LE(std::abs(e.forces_mae - 0.25), 1e-12);
  EXPECT_LE(std::abs(e.stress_rmse), 1e-15);
  p.energy[3] = std::nan("");
  EXPECT_TRUE(std::isnan(compare(set, p).energy_rmse));
}

TEST(Training, PredictionsDoNotDependOnTheBatch) {
  const FrameSet set = small_set();
  Model model(small_config(DType::f64), 3);
  model.reference = fit_reference_energies(set);
  const Predictions one = predict(model, set, true, 1), all = predict(model, set, true, 1000);
  EXPECT_LE(golden::difference(one.energy, all.energy), 1e-13);
  for (std::size_t k = 0; k < set.frames.size(); ++k)
    EXPECT_LE(golden::difference(one.forces[k], all.forces[k]), 1e-12);
}

TEST(Training, BadLabelsAreNamed) {
  FrameSet set = small_set();
  set.frames[4].forces.clear();
  EXPECT_EQ(message_of(set), "");  // it counts by its energy
  EXPECT_NE(message_of(set, {0, 1, 0}).find("made-up: frame 4: has no forces (it has energy)"),
            std::string::npos);
  set.frames[4].index = 40;  // its place in a file
  EXPECT_NE(message_of(set, {0, 1, 0}).find("made-up: frame 40: has no forces"), std::string::npos);
  for (Frame& f : set.frames) f.forces.clear();
  EXPECT_NE(message_of(set).find("has no forces, nor has any other"), std::string::npos);
  set = small_set();
  set.frames[5].energy.reset();
  set.frames[5].info["my_e"] = -3.0;
  EXPECT_NE(
      message_of(set).find("frame 5: has no energy (it has forces; keys my_e); data.energy_key names it"),
      std::string::npos);
  set = small_set();
  set.frames[2].energy = std::nan("");
  EXPECT_NE(message_of(set).find("frame 2: the energy is not finite"), std::string::npos);
  set = small_set();
  set.frames[3].stress.reset();
  EXPECT_EQ(message_of(set), "");
  EXPECT_EQ(message_of(set, {1, 1, 1}), "");
  EXPECT_NE(message_of(set, {0, 0, 1}).find("frame 3: is periodic and has no stress"), std::string::npos);
  set = small_set();
  for (std::size_t c = 6; c < 9; ++c) set.frames[0].cell[c] = 0;
  set.frames[0].pbc[2] = false;
  EXPECT_EQ(message_of(set), "");
  EXPECT_NE(message_of(set, {1, 1, 1}).find("frame 0: has a stress, and a cell without a volume"),
            std::string::npos);
  set = small_set();
  set.frames[1].numbers[0] = 9;
  EXPECT_NE(message_of(set).find("frame 1: has F, which the model does not know"), std::string::npos);
  set = small_set();
  set.frames[1].positions[3] = set.frames[1].positions[0] + 1e-4;
  set.frames[1].positions[4] = set.frames[1].positions[1];
  set.frames[1].positions[5] = set.frames[1].positions[2];
  EXPECT_NE(message_of(set).find("made-up: frame 1: "), std::string::npos) << message_of(set);
}

// The loss of a set in which some frames lack forces or stress is that of the labels that are there.
TEST(Training, FramesCountByTheLabelsThatTheyHave) {
  const FrameSet full = small_set();
  FrameSet partial = full;
  for (const std::size_t k : {1u, 6u, 7u}) partial.frames[k].forces.clear();
  partial.frames[3].stress.reset();
  Model model(small_config(DType::f64), 3);
  model.reference = fit_reference_energies(full);
  const Predictions p = predict(model, full, true);
  double energy = 0, forces = 0, stress = 0, atoms = 0, cells = 0;
  nn::Batch batch;
  for (std::size_t k = 0; k < full.frames.size(); ++k) {
    const Frame& f = partial.frames[k];
    batch.samples.push_back(static_cast<Index>(k));
    energy += std::pow((p.energy[k] - *f.energy) / static_cast<double>(f.size()), 2);
    if (!f.forces.empty()) atoms += 3 * static_cast<double>(f.size());
    for (std::size_t c = 0; c < f.forces.size(); ++c) forces += std::pow(p.forces[k][c] - f.forces[c], 2);
    if (!f.stress) continue;
    cells += 9;
    for (std::size_t c = 0; c < 9; ++c) stress += std::pow(p.stress[k][c] - (*f.stress)[c], 2);
  }
  PotentialTask task(model, partial, {}, {1, 2, 3});
  const double wanted =
      energy / static_cast<double>(full.frames.size()) + 2 * forces / atoms + 3 * stress / cells;
  EXPECT_LE(std::abs(task.loss(batch).item() / wanted - 1), 1e-10);
  batch.samples = {1, 6};  // no forces at all
  EXPECT_TRUE(std::isfinite(task.loss(batch).item()));
}

TEST(Training, IsolatedAtomsGiveTheReferenceEnergies) {
  const auto atom = [](int z, double energy) {
    Frame f;
    f.numbers = {z};
    f.positions = {0, 0, 0};
    f.energy = energy;
    return f;
  };
  FrameSet set{"made-up", {}};
  for (int k = 1; k < 5; ++k) {  // H2O_k: -10 eV an O and -2 an H, less 0.25 eV an atom of binding
    Frame f;
    f.numbers = {1, 1};
    f.numbers.insert(f.numbers.end(), static_cast<std::size_t>(k), 8);
    f.energy = -4 - 10.0 * k - 0.25 * (2 + k);
    set.frames.push_back(f);
  }
  EXPECT_TRUE(isolated_energies(set).empty());
  set.frames.push_back(atom(1, -2));
  set.frames.push_back(atom(8, -10));
  Frame ion = atom(8, -3);
  ion.charge = 1;
  set.frames.push_back(ion);
  EXPECT_EQ(isolated_energies(set), (std::map<int, double>{{1, -2}, {8, -10}}));
  const auto reference = fit_reference_energies(set);
  EXPECT_NEAR(reference.at(1) - reference.at(8), 8, 1e-12);  // the shift is the same for all
  set.frames.resize(5);                                      // hydrogen alone: oxygen is fitted
  const auto one = fit_reference_energies(set);
  EXPECT_NEAR(one.at(8) - one.at(1), -8.25 - 0.25 * 2 / 3, 0.3);
  Frame crystal = atom(1, -7);
  crystal.pbc = {true, true, true};
  EXPECT_FALSE(is_isolated_atom(crystal));
  crystal.info["config_type"] = std::string("IsolatedAtom");
  EXPECT_TRUE(is_isolated_atom(crystal));
}
