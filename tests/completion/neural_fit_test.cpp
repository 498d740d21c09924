#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/completion/neural/dain.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/hdf5.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::completion;
using cartan::testing::Temporary;

namespace {

// Entries of a smooth tensor that is not additive, some of them.
SparseTensor data(const Shape& shape, double share, double noise, std::uint64_t seed = 1) {
  const Random random(seed);
  std::vector<std::vector<std::int32_t>> index(shape.size());
  std::vector<double> values;
  for (Index e = 0; e < size_of(shape); ++e) {
    const auto at = static_cast<std::uint64_t>(e);
    if (random.uniform(at) >= share) continue;
    double product = 1, sum = 0;
    Index rest = e;
    for (std::size_t k = shape.size(); k-- > 0;) {
      const auto i = static_cast<std::int32_t>(rest % shape[k]);
      rest /= shape[k];
      index[k].push_back(i);
      product *= std::sin(1.0 + 0.7 * i + static_cast<double>(k));
      sum += 0.3 * std::cos(0.5 * i);
    }
    values.push_back(2 + sum + product + noise * random.normal(1000000 + at));
  }
  return SparseTensor(shape, std::move(index), std::move(values));
}

NeuralOptions quick(std::int64_t epochs = 6) {
  NeuralOptions o;
  o.epochs = epochs;
  o.batch_size = 64;
  o.learning_rate = 5e-3;
  return o;
}

EntryNetworkOptions small(const std::string& kind) {
  if (kind == "mlp") return MlpOptions{12, {24, 8}};
  if (kind == "costco") return CostcoOptions{4, 6};
  return NtfOptions{4, {12, 6}, -1, 2};
}

double rmse(const NeuralModel& m, const SparseTensor& x) {
  const Array f = m.predict(x.index_array());
  double squares = 0;
  for (Index n = 0; n < x.size(); ++n) squares += std::pow(f.data<double>()[n] - x.values()[n], 2);
  return std::sqrt(squares / static_cast<double>(x.size()));
}

double deviation(const SparseTensor& x) {
  double sum = 0, squares = 0;
  for (const double v : x.values()) sum += v, squares += v * v;
  const auto n = static_cast<double>(x.size());
  return std::sqrt(squares / n - sum * sum / n / n);
}

TEST(NeuralFit, LearnsForAnyOrder) {
  for (const auto& [kind, shape, part] :
       {std::tuple{"mlp", Shape{12, 10, 8}, 0.9}, std::tuple{"costco", Shape{12, 10, 8}, 0.9},
        std::tuple{"ntf", Shape{12, 10, 8}, 0.9}, std::tuple{"mlp", Shape{30, 20}, 0.9},
        std::tuple{"mlp", Shape{6, 5, 4, 5}, 0.9}}) {
    SCOPED_TRACE(::testing::Message() << kind << " " << to_string(shape));
    const Split s = split(data(shape, part, 0.01), {0.1, 0.2, 3});
    NeuralOptions o = quick(40);
    o.patience = 0;
    const NeuralFit fit = fit_neural(s.train, s.validation, small(kind), o, {});
    EXPECT_LT(rmse(fit.model, s.test), 0.7 * deviation(s.test));
    EXPECT_NEAR(fit.validation_rmse, rmse(fit.model, s.validation), 1e-12);
    EXPECT_NEAR(fit.summary.best, fit.validation_rmse, 1e-4 * fit.validation_rmse);
    EXPECT_LT(fit.summary.history.back().train_loss, fit.summary.history.front().train_loss);
  }
}

TEST(NeuralFit, HasTheSameBitsForAnyThreadsAndAfterARestart) {
  const Split s = split(data({12, 10, 8}, 0.5, 0.05), {0.2, 0.1, 3});
  const Temporary folder;
  for (const std::string kind : {"mlp", "costco", "ntf"})
    for (const Products products : {Products::f32, Products::bf16}) {
      SCOPED_TRACE(kind);
      NeuralOptions o = quick();
      o.products = products;
      o.tensor_dropout = 0.2;
      o.average = 0.9;
      std::vector<double> influence[2];
      Array first;
      for (const int count : {1, 2, 3}) {
        set_threads(count);
        CellInfluence cells(s.train.size(), small(kind).index() == 0 ? 8 : 6);
        NeuralContext c;
        c.seed = 5;
        c.influence = &cells;
        const NeuralFit fit = fit_neural(s.train, s.validation, small(kind), o, c);
        const Array f = fit.model.predict(s.test.index_array());
        if (first.empty()) first = f, influence[0] = cells.kept();
        EXPECT_TRUE(identical(first, f));
        EXPECT_EQ(influence[0], cells.kept());
      }
      set_threads(0);
      // stopped after some steps, in the middle of an epoch
      NeuralContext c;
      c.seed = 5;
      c.checkpoint = folder.path(kind + ".h5");
      StopFlag stop{false};
      c.stop = &stop;
      c.progress = [&](const Progress& p) {
        if (p.done == 14) stop = true;
      };
      CellInfluence cells(s.train.size(), small(kind).index() == 0 ? 8 : 6);
      c.influence = &cells;
      EXPECT_THROW(fit_neural(s.train, s.validation, small(kind), o, c), Stopped);
      stop = false;
      c.progress = {};
      c.resume = true;
      CellInfluence again(s.train.size(), small(kind).index() == 0 ? 8 : 6);
      c.influence = &again;
      const NeuralFit fit = fit_neural(s.train, s.validation, small(kind), o, c);
      EXPECT_TRUE(identical(first, fit.model.predict(s.test.index_array())));
      EXPECT_EQ(influence[0], again.kept());
      std::remove(c.checkpoint.c_str());
      std::remove((c.checkpoint + ".previous").c_str());
    }
}

// The influence by its definition: gradients of the last layer by automatic differentiation, of every entry
// and epoch, all of them kept. It follows the training by its own copy of the loop's order.
TEST(CellInfluence, IsTheSumOfProductsOfGradients) {
  const Split s = split(data({5, 4, 3}, 0.9, 0.1), {0.3, 0, 2});
  for (const std::string kind : {"mlp", "costco", "ntf"}) {
    SCOPED_TRACE(kind);
    const EntryNetworkOptions network = small(kind);
    nn::Init init{11};
    const auto net =
        make_network(network, s.train.shape(), DType::f64, init, Products::f32, kind == "costco");
    const Index hidden = net->head.weight.dim(1), n = s.train.size();
    const auto batch_of = [](const SparseTensor& x, Index e) {
      EntryBatch b;
      for (int k = 0; k < x.order(); ++k) b.index.push_back(x.index(k)[e]);
      return b;
    };
    // d/dw (f - y)^2/2 of one entry
    const auto gradient = [&](const SparseTensor& x, Index e) {
      const Array w = net->head.weight;
      net->head.weight = track(w);
      const Array f = net->output(net->hidden(batch_of(x, e)));
      const Array g = gradients(sum(square(f - x.values()[e])) * 0.5, {net->head.weight})[0];
      net->head.weight = w;
      return g.to_vector<double>();
    };
    const int epochs = 4;
    CellInfluence online(n, hidden);
    std::vector<std::vector<std::vector<double>>> train_gradients(epochs), validation_gradients(epochs);
    for (int epoch = 0; epoch < epochs; ++epoch) {
      // weights move between epochs, and within them
      const auto move = [&](std::uint64_t stream) {
        for (auto& p : net->parameters())
          *p.value = *p.value + 0.05 * random_normal(p.value->shape(), DType::f64, Random(77, stream));
      };
      const auto pass = [&](const SparseTensor& x, const std::vector<Index>& rows, Array& h, Array& slope) {
        EntryBatch b;
        std::vector<double> y;
        for (const Index e : rows) {
          for (int k = 0; k < x.order(); ++k) b.index.push_back(x.index(k)[e]);
          y.push_back(x.values()[e]);
        }
        h = net->hidden(b);
        const Array f = net->output(h);
        std::vector<double> out;
        for (std::size_t i = 0; i < y.size(); ++i) {
          const double v = f.data<double>()[i];
          out.push_back(net->rectified() && v <= 0 ? 0 : v - y[i]);
        }
        slope = Array::from(out);
      };
      Array h, slope;
      online.start_epoch(epoch);
      std::vector<Index> all(static_cast<std::size_t>(s.validation.size()));
      for (std::size_t e = 0; e < all.size(); ++e) all[e] = static_cast<Index>(e);
      pass(s.validation, all, h, slope);
      online.add_validation(h, slope);
      for (const Index e : all)
        validation_gradients[static_cast<std::size_t>(epoch)].push_back(gradient(s.validation, e));
      train_gradients[static_cast<std::size_t>(epoch)].resize(static_cast<std::size_t>(n));
      for (Index begin = 0; begin < n; begin += 7) {
        move(static_cast<std::uint64_t>(100 * epoch + begin));
        std::vector<Index> rows;
        for (Index e = begin; e < std::min(n, begin + 7); ++e) rows.push_back(n - 1 - e);
        pass(s.train, rows, h, slope);
        online.add(rows, h, slope);
        for (const Index e : rows)
          train_gradients[static_cast<std::size_t>(epoch)][static_cast<std::size_t>(e)] =
              gradient(s.train, e);
      }
      if (epoch == epochs - 2) online.keep();  // the last epoch does not count
    }
    double scale = 0;
    std::vector<double> brute(static_cast<std::size_t>(n), 0.0);
    for (std::size_t epoch = 0; epoch + 1 < static_cast<std::size_t>(epochs); ++epoch)
      for (std::size_t e = 0; e < brute.size(); ++e)
        for (const auto& v : validation_gradients[epoch])
          for (std::size_t i = 0; i < v.size(); ++i) brute[e] += train_gradients[epoch][e][i] * v[i];
    for (const double v : brute) scale = std::max(scale, std::abs(v));
    ASSERT_GT(scale, 0);
    for (std::size_t e = 0; e < brute.size(); ++e) EXPECT_NEAR(online.kept()[e], brute[e], 1e-11 * scale);
  }
}

// What the training sums is what a second training with all gradients kept gives: the best epoch, the weights
// at the start of an epoch for validation, those of the batch for training.
TEST(CellInfluence, OfATrainingHasTheBestEpochAndTakesMemoryOfTheEntriesAlone) {
  const Split s = split(data({9, 8, 7}, 0.8, 0.3), {0.3, 0, 2});
  std::vector<std::size_t> held;
  std::vector<std::vector<double>> kept;
  double best_epoch = 0;
  for (const std::int64_t epochs : {30, 60}) {
    NeuralOptions o = quick(epochs);
    o.patience = 0;
    CellInfluence cells(s.train.size(), 8);
    NeuralContext c;
    c.influence = &cells;
    const NeuralFit fit = fit_neural(s.train, s.validation, small("mlp"), o, c);
    const Index steps = (s.train.size() + 63) / 64;
    best_epoch = static_cast<double>(fit.summary.best_step / steps);
    held.push_back(cells.bytes());
    kept.push_back(cells.kept());
  }
  EXPECT_EQ(held[0], held[1]);
  EXPECT_LE(held[0], static_cast<std::size_t>(s.train.size()) * 2 * sizeof(double) + 8 * sizeof(double));
  // trained no longer than to the best epoch, the sum is the same
  ASSERT_GE(best_epoch, 1);
  ASSERT_LT(best_epoch, 60);
  NeuralOptions o = quick(static_cast<std::int64_t>(best_epoch));
  o.patience = 0;
  CellInfluence cells(s.train.size(), 8);
  NeuralContext c;
  c.influence = &cells;
  fit_neural(s.train, s.validation, small("mlp"), o, c);
  EXPECT_EQ(cells.kept(), kept[1]);
}

TEST(Importance, IsTheShareOfInfluenceAndDrawsFollowIt) {
  const SparseTensor x({3, 2}, {{0, 0, 2, 2}, {0, 1, 0, 1}}, {1.0, 2.0, 3.0, 4.0});
  const auto importance = entity_importance(x, {1, -2, 0, 5});
  ASSERT_EQ(importance.size(), 2u);
  EXPECT_DOUBLE_EQ(importance[0][0], 3.0 / 8);
  EXPECT_DOUBLE_EQ(importance[0][1], 0);
  EXPECT_DOUBLE_EQ(importance[0][2], 5.0 / 8);
  EXPECT_DOUBLE_EQ(importance[1][0], 1.0 / 8);
  EXPECT_DOUBLE_EQ(importance[1][1], 7.0 / 8);
  const Index count = 20000;
  const Array drawn = draw_entries(importance, count, 3);
  ASSERT_EQ(drawn.shape(), (Shape{count, 2}));
  for (int k = 0; k < 2; ++k) {
    std::vector<double> seen(3, 0.0);
    for (Index n = 0; n < count; ++n) seen[static_cast<std::size_t>(drawn.data<Index>()[n * 2 + k])] += 1;
    for (std::size_t j = 0; j < importance[static_cast<std::size_t>(k)].size(); ++j) {
      const double p = importance[static_cast<std::size_t>(k)][j];
      EXPECT_TRUE(p > 0 || seen[j] == 0);
      EXPECT_NEAR(seen[j] / static_cast<double>(count), p,
                  5 * std::sqrt(p * (1 - p) / static_cast<double>(count)));
    }
  }
  EXPECT_TRUE(identical(drawn, draw_entries(importance, count, 3)));
  EXPECT_FALSE(identical(drawn, draw_entries(importance, count, 4)));
  // no influence at all: what occurs counts the same
  EXPECT_EQ(entity_importance(x, {0, 0, 0, 0}), even_importance(x));
  EXPECT_DOUBLE_EQ(even_importance(x)[0][1], 0);
  EXPECT_THROW(entity_importance(x, {1, 2}), std::invalid_argument);
  EXPECT_THROW(entity_importance(x, {1, NAN, 1, 1}), std::invalid_argument);
  EXPECT_THROW(draw_entries({{0, 0}}, 1, 0), std::invalid_argument);
}

TEST(Dain, AddsEntriesAndTrainsAgain) {
  const Split s = split(data({9, 8, 7}, 0.7, 0.1), {0.2, 0.2, 2});
  DainOptions o;
  o.network = small("mlp");
  o.training = quick(20);
  Array predictions[3];
  int at = 0;
  for (const Augmentation a : {Augmentation::none, Augmentation::random, Augmentation::influence}) {
    o.augmentation = a;
    const DainFit fit = fit_dain(s.train, s.validation, o, {});
    predictions[at++] = fit.model.predict(s.test.index_array());
    EXPECT_LT(rmse(fit.model, s.test), deviation(s.test));
    if (a == Augmentation::none) {
      EXPECT_TRUE(fit.added.empty() && std::isnan(fit.second_rmse));
      continue;
    }
    EXPECT_EQ(fit.added.shape(), (Shape{s.train.size() / 2, 3}));
    EXPECT_EQ(fit.influence.size(), static_cast<std::size_t>(s.train.size()));
    EXPECT_FALSE(std::isnan(fit.second_rmse));
    for (const auto& mode : fit.importance) {
      double sum = 0;
      for (const double v : mode) sum += v;
      EXPECT_NEAR(sum, 1, 1e-12);
    }
    const DainFit again = fit_dain(s.train, s.validation, o, {});
    EXPECT_TRUE(identical(again.model.predict(s.test.index_array()), predictions[at - 1]));
  }
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(identical(predictions[i], predictions[(i + 1) % 3]));
  o.training.validation = 0;
  EXPECT_THROW(fit_dain(s.train, {}, o, {}), std::invalid_argument);
  o.training.validation = 0.2;
  EXPECT_EQ(
      fit_dain(s.train, {}, o, {}).train.size() + std::llround(0.2 * static_cast<double>(s.train.size())),
      s.train.size());
}

// A run that was stopped in the second training goes on as if it had not been.
TEST(Dain, GoesOnBitForBit) {
  const Split s = split(data({9, 8, 7}, 0.7, 0.1), {0.2, 0.2, 2});
  DainOptions o;
  o.network = small("mlp");
  o.training = quick();
  const Array whole = fit_dain(s.train, s.validation, o, {}).model.predict(s.test.index_array());
  const Temporary folder;
  NeuralContext c;
  c.checkpoint = folder.path("dain.h5");
  StopFlag stop{false};
  c.stop = &stop;
  int calls = 0;
  for (const int last : {9, 5, 25}) {  // in the first training, in it again, in the second
    calls = 0;
    c.progress = [&](const Progress&) {
      if (++calls == last) stop = true;
    };
    EXPECT_THROW(fit_dain(s.train, s.validation, o, c), Stopped) << last;
    stop = false;
    c.resume = true;
  }
  c.progress = {};
  EXPECT_TRUE(identical(whole, fit_dain(s.train, s.validation, o, c).model.predict(s.test.index_array())));
}

TEST(NeuralModel, ReadsBackWhatItSaved) {
  const SparseTensor x = data({9, 8, 7}, 0.6, 0.1);
  for (const std::string kind : {"mlp", "costco", "ntf"})
    for (const Baseline baseline : {Baseline::none, Baseline::additive, Baseline::blend}) {
      NeuralOptions o = quick(3);
      o.baseline = baseline;
      const NeuralFit fit = fit_neural(x, {}, small(kind), o, {});
      const Temporary folder;
      data::Group group;
      fit.model.save(group["model"]);
      const NeuralModel back = NeuralModel::load(group.group("model"), small(kind), o);
      EXPECT_TRUE(identical(back.predict(x.index_array()), fit.model.predict(x.index_array())));
      EXPECT_THROW(NeuralModel::load(group.group("model"), small(kind == "mlp" ? "ntf" : "mlp"), o),
                   FormatError);
      data::Group damaged = group;
      damaged["model"].attributes["shape"] = std::vector<std::int64_t>{9, 8};
      EXPECT_THROW(NeuralModel::load(damaged.group("model"), small(kind), o), FormatError);
    }
}

// An index that no entry has: the additive model answers, and it is said how often.
TEST(NeuralModel, FallsBackWhereAnIndexWasNotTrained) {
  const SparseTensor x = data({9, 8, 7}, 0.6, 0.1).resized({10, 8, 9});
  for (const std::string kind : {"mlp", "costco", "ntf"}) {
    NeuralOptions o = quick(3);
    o.validation = 0;
    const NeuralModel m = fit_neural(x, {}, small(kind), o, {}).model;
    const Array at = Array::from(std::vector<Index>{9, 1, 1, 2, 3, 8, 2, 3, 4}, {3, 3});
    const bool ntf = kind == "ntf";  // its last mode is time, which needs its past alone
    EXPECT_EQ(m.fallbacks(at), ntf ? 1 : 2);
    const Array f = m.predict(at);
    const Index* i = at.data<Index>();
    EXPECT_EQ(f.data<double>()[0], m.additive.at(i));
    EXPECT_EQ(f.data<double>()[1] == m.additive.at(i + 3), !ntf);
    EXPECT_NE(f.data<double>()[2], m.additive.at(i + 6));
    EXPECT_NEAR(m.additive.bias[0][9], 0, 1e-6);
  }
}

TEST(NeuralFit, TakesValuesThatAreAllTheSame) {
  SparseTensor x = data({6, 5, 4}, 0.7, 0);
  for (const double value : {0.0, 7.5, -1e6})
    for (const std::string kind : {"mlp", "costco", "ntf"}) {
      SCOPED_TRACE(::testing::Message() << kind << value);
      const SparseTensor same = x.with_values(std::vector<double>(static_cast<std::size_t>(x.size()), value));
      DainOptions o;
      o.network = small(kind);
      o.training = quick(10);
      const DainFit fit = fit_dain(same, {}, o, {});
      EXPECT_LE(rmse(fit.model, same), 0.5 + 0.3 * std::abs(value)) << fit.first.message;
      EXPECT_TRUE(all_finite(fit.model.predict(same.index_array())));
    }
}

// A blend weighs the network that would be trained without one.
TEST(NeuralFit, OfABlendTrainsTheSameNetwork) {
  const Split s = split(data({9, 8, 7}, 0.6, 0.1), {0.2, 0, 3});
  for (const std::string kind : {"mlp", "costco", "ntf"}) {
    NeuralOptions o = quick(3);
    NeuralModel plain = fit_neural(s.train, s.validation, small(kind), o, {}).model;
    o.baseline = Baseline::blend;
    NeuralModel blend = fit_neural(s.train, s.validation, small(kind), o, {}).model;
    EXPECT_EQ(plain.network->rectified(), blend.network->rectified());
    EXPECT_EQ(plain.network->rectified(), kind == "costco");
    const auto a = plain.network->parameters(), b = blend.network->parameters();
    for (std::size_t k = 0; k < a.size(); ++k) EXPECT_TRUE(identical(*a[k].value, *b[k].value)) << a[k].name;
    const Array at = s.validation.index_array();
    const Array f = plain.predict(at), g = blend.predict(at), h = blend.additive.at(at);
    for (Index n = 0; n < f.size(); ++n)
      EXPECT_NEAR(g.data<double>()[n],
                  h.data<double>()[n] + blend.share * (f.data<double>()[n] - h.data<double>()[n]), 1e-12);
  }
}

// With a baseline the network counts as far as it helps on validation entries, which may be not at all.
TEST(NeuralFit, IsNoWorseThanItsAdditiveBaseline) {
  for (const Baseline baseline : {Baseline::additive, Baseline::blend})
    for (const double noise : {0.05, 2.0}) {
      const Split s = split(data({12, 10, 8}, 0.9, noise), {0.2, 0.2, 3});
      NeuralOptions o = quick(150);
      o.patience = 0;
      o.baseline = baseline;
      const NeuralModel m = fit_neural(s.train, s.validation, small("mlp"), o, {}).model;
      EXPECT_GE(m.share, 0);
      EXPECT_LE(m.share, 1);
      const Array f = m.additive.at(s.validation.index_array());
      double squares = 0;
      for (Index n = 0; n < s.validation.size(); ++n)
        squares += std::pow(f.data<double>()[n] - s.validation.values()[n], 2);
      const double additive = std::sqrt(squares / static_cast<double>(s.validation.size()));
      EXPECT_LE(rmse(m, s.validation), additive * (1 + 1e-12));
      if (noise == 2.0) continue;
      EXPECT_GT(m.share, 0.1);  // there is much that biases cannot say
      EXPECT_LT(rmse(m, s.validation), 0.95 * additive);
    }
  // of values that are additive the network is left out
  SparseTensor x = data({12, 10, 8}, 0.9, 0);
  std::vector<double> values;
  for (Index n = 0; n < x.size(); ++n)
    values.push_back(std::sin(x.index(0)[n]) + 0.1 * x.index(1)[n] +
                     0.2 * Random(9).normal(static_cast<std::uint64_t>(n)));
  x = x.with_values(values);
  NeuralOptions o = quick(10);
  o.baseline = Baseline::blend;
  const NeuralFit fit = fit_neural(x, {}, small("mlp"), o, {});
  EXPECT_EQ(fit.model.share, 0);
  EXPECT_NE(fit.summary.message.find("left out"), std::string::npos);
  EXPECT_TRUE(identical(fit.model.predict(x.index_array()), fit.model.additive.at(x.index_array())));
}

TEST(NeuralFit, SaysWhatDoesNotFit) {
  const SparseTensor x = data({6, 5, 4}, 0.7, 0.1);
  EXPECT_THROW(fit_neural({}, {}, small("mlp"), quick(), {}), std::invalid_argument);
  EXPECT_THROW(fit_neural(x, data({6, 5, 3}, 0.5, 0), small("mlp"), quick(), {}), std::invalid_argument);
  EXPECT_THROW(SparseTensor({2, 2}, {{0}, {1}}, {NAN}), std::invalid_argument);
  EXPECT_THROW(SparseTensor({2, 2}, {{0}, {2}}, {1.0}), std::invalid_argument);
  for (const auto& change : std::vector<std::function<void(NeuralOptions&)>>{
           [](NeuralOptions& o) { o.epochs = 0; }, [](NeuralOptions& o) { o.batch_size = 0; },
           [](NeuralOptions& o) { o.learning_rate = -1; }, [](NeuralOptions& o) { o.tensor_dropout = 1; },
           [](NeuralOptions& o) { o.learning_rate = NAN; }, [](NeuralOptions& o) { o.validation = 1; }}) {
    NeuralOptions o = quick();
    change(o);
    EXPECT_THROW(fit_neural(x, {}, small("mlp"), o, {}), std::invalid_argument);
  }
  const NeuralModel m = fit_neural(x, {}, small("mlp"), quick(1), {}).model;
  EXPECT_THROW(m.predict(Array::from(std::vector<Index>{6, 0, 0}, {1, 3})), std::invalid_argument);
  EXPECT_THROW(m.predict(Array::from(std::vector<Index>{0, -1, 0}, {1, 3})), std::invalid_argument);
  EXPECT_THROW(m.predict(Array::from(std::vector<Index>{0, 0}, {1, 2})), std::invalid_argument);
  EXPECT_THROW(NeuralModel().predict(Array::from(std::vector<Index>{0, 0}, {1, 2})), std::invalid_argument);
  NeuralContext c;
  CellInfluence cells(x.size(), 8);
  c.influence = &cells;
  NeuralOptions o = quick();
  o.validation = 0;
  EXPECT_THROW(fit_neural(x, {}, small("mlp"), o, c), std::invalid_argument);
}

}  // namespace
