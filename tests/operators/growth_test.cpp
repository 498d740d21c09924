// Modes that are added in training.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/operators/cosine.hpp"
#include "cartan/operators/fno.hpp"
#include "cartan/operators/training.hpp"
#include "operators/shifts.hpp"
#include "temporary.hpp"
#include "worst.hpp"

namespace cartan::operators {
namespace {

using testing::shifts;

double largest(const Array& a) {
  double worst = 0;
  const Array wide = is_complex(a.dtype()) ? concatenate({real(a), imag(a)}, 0) : a;
  for (const double x : wide.to_vector<double>()) worst = cartan::testing::worst_of(worst, std::abs(x));
  return worst;
}

FnoConfig plane(const std::string& factorization, bool separable = false) {
  FnoConfig c;
  c.spectral.modes = {7, 6};
  c.spectral.factorization = factorization, c.spectral.separable = separable;
  if (factorization != "dense") c.spectral.rank = 0.5;
  c.hidden_channels = 4, c.layers = 2, c.dtype = DType::f64;
  return c;
}

// Whatever the format: weights that are not in use are zero, and adding their modes changes nothing but the
// gradient, which they have.
TEST(Growth, AddedModesBeginWithNothing) {
  const Array x = random_normal({2, 1, 12, 13}, DType::f64, Random(1, 1));
  for (const auto& [format, separable] : {std::pair<const char*, bool>{"dense", false},
                                          {"dense", true},
                                          {"tucker", false},
                                          {"tucker", true},
                                          {"cp", false},
                                          {"cp", true},
                                          {"tt", false},
                                          {"tt", true},
                                          {"joint_tucker", false}}) {
    SCOPED_TRACE(std::string(format) + (separable ? " separable" : ""));
    nn::Init init{1};
    const std::unique_ptr<Operator> made = plane(format, separable).make(init);
    auto& fno = static_cast<Fno&>(*made);
    fno.set_modes({3, 2});
    const Array few = fno(x);
    fno.clear_unused();
    EXPECT_TRUE(identical(fno(x), few));
    const Array dense = fno.blocks().convolution().weights().dense(1);
    const int channels = separable ? 1 : 2;
    const Array used = slice(slice(dense, channels, 2, 5), channels + 1, 0, 2);
    EXPECT_LE(std::abs(sum(square(real(dense)) + square(imag(dense))).item() -
                       sum(square(real(used)) + square(imag(used))).item()),
              1e-12);
    EXPECT_GT(largest(used), 0);
    for (const std::vector<Index>& more : {std::vector<Index>{5, 4}, {7, 6}}) {
      fno.set_modes(more);
      EXPECT_LE(largest(fno(x) - few), 1e-13 * largest(few));
    }
    EXPECT_EQ(fno.config().spectral.modes, (std::vector<Index>{7, 6}));
    // what is zero can be learnt
    nn::track_parameters(fno.parameters());
    Arrays weights;
    for (const nn::NamedParameter& p : fno.parameters())
      if (p.name.find("weight.") != std::string::npos && is_complex(p.value->dtype()))
        weights.push_back(*p.value);
    const Arrays slopes = gradients(sum(square(fno(x))), weights);
    nn::detach_parameters(fno.parameters());
    std::size_t learnt = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const Array w = detach(weights[k]), g = slopes[k];
      const auto size = [](const Array& a) { return square(real(a)) + square(imag(a)); };
      learnt += sum(where(less(size(w), Array::full(w.shape(), 1e-300, DType::f64)), size(g),
                          Array::zeros(w.shape(), DType::f64)))
                    .item() > 0;
    }
    EXPECT_GE(learnt, 1u);
  }
}

// The share of the outer modes, by the entries themselves.
TEST(Growth, ShareOfOuterModes) {
  nn::Init init{3};
  const std::unique_ptr<Operator> made = plane("dense").make(init);
  auto& fno = static_cast<Fno&>(*made);
  fno.set_modes({6, 4});  // frequencies -3 .. 2 at 0 .. 5 of 7, and 0 .. 2
  double all = 0, inside[2] = {0, 0};
  for (Index l = 0; l < 2; ++l) {
    const Array w = fno.blocks().convolution().weights().dense(l);
    const auto* v = w.data<std::complex<double>>();
    for (Index c = 0; c < 16; ++c)
      for (Index i = 0; i < 6; ++i)
        for (Index j = 0; j < 3; ++j) {
          const double n = std::norm(v[(c * 7 + i) * 4 + j]);
          all += n;
          if (i >= 1 && i < 5) inside[0] += n;  // -2 .. 1
          if (j < 2) inside[1] += n;
        }
  }
  const std::vector<double> beyond = fno.blocks().convolution().share_beyond({4, 2});
  ASSERT_EQ(beyond.size(), 2u);
  for (int a = 0; a < 2; ++a) EXPECT_LE(std::abs(beyond[a] - (1 - inside[a] / all)), 1e-13);
}

FnoConfig line() {
  FnoConfig c;
  c.spectral.modes = {12};
  c.hidden_channels = 8, c.layers = 2;
  return c;
}

nn::TrainerOptions quick(std::int64_t epochs) {
  nn::TrainerOptions o;
  o.epochs = epochs, o.batch_size = 8, o.ema_decay = 0.9;
  o.schedule.learning_rate = 1e-2, o.schedule.warmup_steps = 5;
  return o;
}

using Modes = std::vector<Index>;

// One mode has no outer ones, and two numbers of modes of a real axis may be the same frequencies: where
// nothing can be judged, modes are added.
TEST(Growth, GoesOnFromFewModes) {
  const FieldSet train = shifts(32, 24, 1, 5);
  for (const Index start : {1, 3}) {
    TaskOptions options;
    options.growth.rule = "explained", options.growth.explained = 0.5;
    options.growth.start = {start}, options.growth.step = 1;
    Model model(line(), 3);
    OperatorTask task(model, train, {}, options);
    nn::Trainer(task, quick(4)).run();
    EXPECT_GT(static_cast<const FnoConfig&>(model.config()).spectral.modes[0], start);
  }
}

TEST(Growth, EveryRuleAddsModesAndResumesBitForBit) {
  const FieldSet train = shifts(32, 24, 1, 5), test = shifts(8, 24, 2, 5);
  for (const char* rule : {"epochs", "loss-gap", "explained"}) {
    SCOPED_TRACE(rule);
    TaskOptions options;
    options.growth.rule = rule;
    options.growth.start = {2}, options.growth.step = 4, options.growth.every = 2;
    options.growth.loss_gap = 0.01;
    std::vector<std::pair<std::int64_t, Modes>> said;
    options.on_modes = [&](std::int64_t epoch, const Modes& modes) { said.emplace_back(epoch, modes); };
    const auto fresh = [&] {
      Model m(line(), 3);
      fit_normalizers(m, train);
      return m;
    };
    const auto modes_of_model = [](const Model& m) {
      return static_cast<const FnoConfig&>(m.config()).spectral.modes;
    };
    Model whole = fresh();
    OperatorTask task(whole, train, {test}, options);
    EXPECT_EQ(modes_of_model(whole), Modes{2});
    const auto summary = nn::Trainer(task, quick(8)).run();
    ASSERT_GE(said.size(), 2u);
    if (rule == std::string("loss-gap")) {
      bool moved[2] = {};
      for (std::size_t e = 2; e < 8; e += 2) {
        const double last = summary.history[e - 1].train_loss, before = summary.history[e - 2].train_loss;
        const bool changed = std::any_of(
            said.begin(), said.end(), [&](const auto& s) { return s.first == static_cast<std::int64_t>(e); });
        EXPECT_EQ(changed, std::abs(last - before) <= options.growth.loss_gap * before) << e;
        moved[changed] = true;
      }
      EXPECT_TRUE(moved[0] && moved[1]) << "both cases are to be seen";
    }
    EXPECT_EQ(said[0], (std::pair<std::int64_t, Modes>{0, {2}}));
    for (std::size_t k = 1; k < said.size(); ++k) {
      EXPECT_EQ(said[k].first % 2, 0);
      EXPECT_EQ(said[k].second[0], std::min<Index>(12, said[k - 1].second[0] + 4));
    }
    EXPECT_EQ(modes_of_model(whole), said.back().second);
    if (rule == std::string("epochs")) {
      EXPECT_EQ(modes_of_model(whole), Modes{12});
    }

    // what is saved is what was trained
    data::Group file;
    whole.save(file);
    const auto [x, y] = test.read(0, 8, DType::f32);
    const Model opened = Model::load(file);
    EXPECT_EQ(modes_of_model(opened), modes_of_model(whole));
    EXPECT_TRUE(identical(opened.predict(x), whole.predict(x)));

    // stopped within an epoch and between two, before and after modes were added
    for (const std::int64_t at : {7, 8, 18}) {
      const testing::Temporary folder;
      Model first = fresh(), second = fresh();
      {
        OperatorTask a(first, train, {test}, options);
        nn::Trainer part(a, quick(8));
        StopFlag stop{false};
        part.run([&](const Progress& p) { stop = p.done >= at; }, &stop);
        ASSERT_EQ(part.step(), at);
        part.save_checkpoint(folder.path("c.h5"));
      }
      OperatorTask b(second, train, {test}, options);
      if (at == 7) set_threads(2);
      nn::Trainer rest(b, quick(8));
      said.clear();
      rest.load_checkpoint(folder.path("c.h5"));
      ASSERT_EQ(said.size(), 1u);
      EXPECT_EQ(said[0].first, -1);
      rest.run();
      set_threads(0);
      EXPECT_EQ(modes_of_model(second), modes_of_model(whole));
      const auto p = whole.parameters(), q = second.parameters();
      for (std::size_t k = 0; k < p.size(); ++k)
        EXPECT_TRUE(identical(detach(*p[k].value), detach(*q[k].value))) << p[k].name << " " << at;

      // the checkpoint of a run that was to have fewer modes, or began with more, is another's
      FnoConfig narrow = line();
      narrow.spectral.modes = {6};
      Model other(narrow, 3);
      fit_normalizers(other, train);
      OperatorTask wrong(other, train, {test}, options);
      nn::Trainer trainer(wrong, quick(8));
      EXPECT_THROW(trainer.load_checkpoint(folder.path("c.h5")), FormatError);
      TaskOptions more = options;
      more.growth.start = {10};
      if (at < 18) {
        Model late = fresh();
        OperatorTask begun(late, train, {test}, more);
        nn::Trainer t(begun, quick(8));
        EXPECT_THROW(t.load_checkpoint(folder.path("c.h5")), FormatError);
      }
    }
  }
}

// Where the frequencies of the data are all there, the outer modes stay small and no more are added.
TEST(Growth, StopsWhereOuterModesExplainNothing) {
  const FieldSet train = shifts(32, 24, 1, 1);
  TaskOptions options;
  options.growth.rule = "explained", options.growth.start = {6}, options.growth.explained = 0.5;
  Model model(line(), 3);
  fit_normalizers(model, train);
  OperatorTask task(model, train, {}, options);
  nn::Trainer(task, quick(6)).run();
  EXPECT_EQ(static_cast<const FnoConfig&>(model.config()).spectral.modes, Modes{6});
}

TEST(Growth, RefusesWhatMakesNoSense) {
  const FieldSet train = shifts(8, 24, 1, 2);
  const auto refused = [&](const OperatorConfig& config, const GrowthOptions& growth, const char* words) {
    Model model(config, 1);
    TaskOptions options;
    options.growth = growth;
    try {
      OperatorTask task(model, train, {}, options);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
    }
  };
  GrowthOptions g;
  g.start = {4};
  refused(line(), g, "without a rule");
  g.rule = "sometimes";
  refused(line(), g, "rule");
  g.rule = "epochs", g.start = {};
  refused(line(), g, "modes to start with");
  g.start = {4, 4};
  refused(line(), g, "modes to start with");
  g.start = {14};
  refused(line(), g, "is above");
  g.start = {12};
  refused(line(), g, "nothing is left");
  g.start = {0};
  refused(line(), g, "at least 1");
  g.start = {4}, g.step = 0;
  refused(line(), g, "step");
  g.step = 2;
  CosineConfig cosine;
  cosine.modes = {8};
  refused(cosine, g, "cosine");
  FnoConfig peer = line();
  peer.spectral.compat = true;
  refused(peer, g, "compat");
}

}  // namespace
}  // namespace cartan::operators
