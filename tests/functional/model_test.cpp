// Functional tensor models: recovery of known functions, the bound, ranks, streams, files, bad input.

#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/table.hpp>
#include <cartan/functional/scores.hpp>

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

#include "functional/builder.hpp"
#include "functional/special.hpp"
#include "functional/variational.hpp"
#include "real_data.hpp"
#include "temporary.hpp"
#include "worst.hpp"

namespace cartan::functional {
namespace {

using testing::worst_of;
using Table = std::vector<double>;

struct Set {
  Array x, y, f;  // f without the noise
};
// N points in the unit cube, a sum of main effects and `rank` products.
Set make(Index n, int rank, std::uint64_t seed, double noise = 0.1, bool main = true, double outliers = 0) {
  constexpr double places = 100;  // of each coordinate
  const Random random(seed);
  Table x, y, truth;
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i) * 8;
    const double a = std::floor(places * random.uniform(u)) / places,
                 b = std::floor(places * random.uniform(u + 1)) / places,
                 c = std::floor(places * random.uniform(u + 2)) / places;
    double f = main ? std::sin(6 * a) + 2 * b * b - std::cos(9 * c) : 0;
    if (rank > 0) f += 1.5 * std::cos(5 * a + 1) * std::sin(4 * b) * std::cos(7 * c);
    if (rank > 1) f += 1.2 * std::sin(8 * a) * std::cos(9 * b) * std::sin(3 * c + 0.5);
    if (rank > 2) f += std::cos(12 * a) * std::cos(2 * b + 2) * std::sin(11 * c);
    x.insert(x.end(), {a, b, c});
    truth.push_back(f);
    const bool out = random.uniform(u + 4) < outliers;
    y.push_back(f + (out ? 20 : 1) * noise * random.normal(u + 3));
  }
  return {Array::from(x, {n, 3}), Array::from(y), Array::from(truth)};
}

double rmse(const Array& a, const Array& b) {
  return score(a, b).rmse;
}

TEST(FunctionalModel, RecoversKnownFunctionsWithinItsBands) {
  const Set train = make(3000, 2, 1), test = make(2000, 2, 2);
  FitOptions o;
  o.noise = Noise::gaussian;
  o.tolerance = 1e-5;
  const Fit made = fit(train.x, train.y, {}, o);
  EXPECT_TRUE(made.converged) << made.message;
  EXPECT_EQ(made.rank, 2);
  const Prediction p = made.model.predict(test.x, {}, test.y);
  EXPECT_LE(rmse(p.mean, test.f), 0.04);
  const Score s = score(p, test.y);
  EXPECT_LE(s.rmse, 0.11);
  EXPECT_LE(std::abs(s.coverage_90 - 0.9), 0.03);
  EXPECT_LE(std::abs(made.model.noise() - 0.1), 0.01);
  // f itself lies within two standard deviations about as often as it should
  Index within = 0;
  for (Index i = 0; i < 2000; ++i) within += std::abs(p.mean(i) - test.f(i)) <= 2 * std::sqrt(p.variance(i));
  EXPECT_GE(within, 1500);
  EXPECT_LT(within, 2000);
  // the simple models are worse
  for (const Baseline& b : baselines(train.x, train.y, {}, test.x, o))
    EXPECT_GT(rmse(b.mean, test.y), s.rmse) << b.name;
}

TEST(FunctionalModel, TheBoundNeverFalls) {
  const Set set = make(800, 2, 3, 0.2, true, 0.05);
  for (const Noise noise : {Noise::gaussian, Noise::student})
    for (const char* kernel : {"matern12", "matern52", "constant + linear + matern32"}) {
      const Prepared data = Builder::prepare({{"a", ModeKind::continuous, 0, "", {}, 0, 1},
                                              {"b", ModeKind::continuous, 0, "", {}, 0, 1},
                                              {"c", ModeKind::continuous, 0, "", {}, 0, 1}},
                                             set.x, set.y, {{0}, {1}, {}});
      std::vector<Component> components{{{true, false, false}, -1},
                                        {{false, true, false}, -1},
                                        {{true, true, true}, -1},
                                        {{true, true, true}, -1},
                                        {{false, true, true}, -1}};
      const std::vector<std::vector<Kernel>> kernels(3, std::vector<Kernel>(5, Kernel::parse(kernel)));
      VariationalOptions v;
      v.student = noise == Noise::student;
      Variational state(data.entries, data.coordinates, components, kernels, {}, v);
      for (int k = 1; k < 3; ++k)
        for (int a = 2; a < 5; ++a) {
          Table start;
          for (std::size_t i = 0; i < data.coordinates[static_cast<std::size_t>(k)].size(); ++i)
            start.push_back(
                std::cos(static_cast<double>(a) * data.coordinates[static_cast<std::size_t>(k)][i]));
          if (a < 4 || k > 0) state.set_function(k, a, start, 0.1);
        }
      double before = state.sweep({0, 1, 2});
      for (int s = 0; s < 40; ++s) {
        const double now = state.sweep({2, 0, 1});
        EXPECT_GE(now, before - 1e-8 * std::abs(before)) << kernel << " sweep " << s;
        before = now;
      }
      EXPECT_TRUE(std::isfinite(before));
    }
}

// With one mode and fixed parameters there is nothing to factorise: the bound and the posterior are exact.
TEST(FunctionalModel, OneModeIsAGaussianProcess) {
  const Random random(4);
  Table x, y;
  for (std::uint64_t i = 0; i < 60; ++i) {
    x.push_back(random.uniform(i));
    y.push_back(std::sin(7 * x.back()) + 0.1 * random.normal(i + 100));
  }
  const Prepared data = Builder::prepare({{"x", ModeKind::continuous, 0, "", {}, 0, 1}},
                                         Array::from(x, {60, 1}), Array::from(y), {{0}, {1}, {}});
  VariationalOptions v;
  v.learn = false;
  const Kernel kernel = Kernel::matern(1.5, 0.3);
  Variational state(data.entries, data.coordinates, {{{true}, -1}}, {{kernel}}, {}, v);
  for (int s = 0; s < 50; ++s) state.sweep({0});
  const GaussianProcess gp(kernel, Array::from(x), Array::from(y), 1 / state.precision());
  const Model m =
      Builder::model(state, {{"x", ModeKind::continuous, 0, "", {}, 0, 1}}, {"y"}, {{0}, {1}, {}});
  const Array z = Array::of({0.1, 0.5, 1.5});
  const Prediction p = m.predict(z.reshaped({3, 1}));
  const auto [mean, variance] = gp.predict(z);
  for (Index i = 0; i < 3; ++i) {
    EXPECT_LE(std::abs(p.mean(i) - mean(i)), 1e-6);
    EXPECT_LE(std::abs(p.variance(i) - variance(i)), 1e-6);
  }
}

TEST(FunctionalModel, FindsThePlantedRank) {
  int right = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const int rank = 1 + static_cast<int>(seed % 3);
    const Set set = make(2000, rank, 100 + seed, 0.1, seed % 2 == 0);
    FitOptions o;
    o.noise = Noise::gaussian;
    o.rank = 6;
    o.seed = seed;
    o.max_sweeps = 80;
    o.tolerance = 1e-5;
    o.calibrate = false;
    right += fit(set.x, set.y, {}, o).rank == rank ? 1 : 0;
  }
  EXPECT_GE(right, 9);
}

TEST(FunctionalModel, HeavyTailsDoNotMoveIt) {
  const Set train = make(2000, 1, 5, 0.1, true, 0.05), test = make(1000, 1, 6);
  FitOptions o;
  o.rank = 2, o.max_sweeps = 80, o.tolerance = 1e-5;
  const Fit student = fit(train.x, train.y, {}, o);
  o.noise = Noise::gaussian;
  const Fit normal = fit(train.x, train.y, {}, o);
  const double a = rmse(student.model.predict(test.x).mean, test.f),
               b = rmse(normal.model.predict(test.x).mean, test.f);
  EXPECT_LE(a, 0.05);
  EXPECT_LT(a, 0.7 * b);
}

TEST(FunctionalModel, SameBitsForAnyNumberOfThreads) {
  const Set set = make(6000, 1, 7, 0.1, true, 0.05);
  FitOptions o;
  o.rank = 2, o.max_sweeps = 8;
  set_threads(1);
  const Fit one = fit(set.x, set.y, {}, o);
  set_threads(4);
  const Fit four = fit(set.x, set.y, {}, o);
  set_threads(0);
  EXPECT_EQ(one.elbo, four.elbo);
  EXPECT_TRUE(identical(one.model.predict(set.x).high, four.model.predict(set.x).high));
}

TEST(FunctionalModel, FilesHoldAllOfIt) {
  const Set set = make(400, 1, 8);
  FitOptions o;
  o.rank = 2, o.max_sweeps = 10;
  for (const Method method : {Method::additive_cp, Method::funbat_cp, Method::funbat}) {
    o.method = method;
    o.epochs = 10;
    o.length = 0.2;
    const Model m = fit(set.x, set.y, {}, o).model;
    const testing::Temporary folder;
    data::Group root;
    m.save(root);
    data::save(folder.path("m.h5"), root, {"cartan-functional", 1, "", ""});
    const Model again = Model::load(data::load(folder.path("m.h5")));
    const Prediction a = m.predict(set.x, {}, set.y), b = again.predict(set.x, {}, set.y);
    EXPECT_TRUE(identical(a.mean, b.mean) && identical(a.low, b.low) &&
                identical(a.log_density, b.log_density));
    EXPECT_NE(m.figure(0).svg().find("fill-opacity"), std::string::npos);
    root.attributes["terms"] = std::int64_t{3000};
    EXPECT_THROW(Model::load(root), FormatError);
  }
}

TEST(FunctionalModel, CategoriesPeriodsOutputsAndMissingValues) {
  const Random random(9);
  const Index n = 1500;
  Table x, y;
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i) * 8;
    const double angle = std::floor(3 * random.uniform(u) * 48) / 2,
                 place = std::floor(40 * random.uniform(u + 1)) / 40;
    const double kind = std::floor(4 * random.uniform(u + 2));
    const double f = std::sin(2 * M_PI * angle / 24) + 0.5 * kind + (kind == 2 ? place : 0);
    x.insert(x.end(), {angle, place, kind});
    y.push_back(i % 7 == 0 ? NAN : f + 0.1 * random.normal(u + 3));
    y.push_back(i % 5 == 0 ? NAN : 100 - 30 * f + 3 * random.normal(u + 4));
  }
  std::vector<Mode> modes{{"hour", ModeKind::periodic, 24, "", {}, 0, 1},
                          {"place", ModeKind::continuous, 0, "", {}, 0, 1},
                          {"kind", ModeKind::categorical, 0, "", {"a", "b", "c", "d"}, 0, 1}};
  FitOptions o;
  o.noise = Noise::gaussian;
  o.rank = 2, o.max_sweeps = 60, o.tolerance = 1e-5;
  const Fit made = fit(Array::from(x, {n, 3}), Array::from(y, {n, 2}), modes, o, {"warm", "cold"});
  const Array at = Array::of({{6, 0.5, 1}, {18 + 240, 0.5, 1}, {6, 0.9, 2}});
  PredictOptions p;
  const Prediction warm = made.model.predict(at, p);
  p.output = 1;
  const Prediction cold = made.model.predict(at, p);
  const double truth[] = {1.5, -0.5, 2.9};
  for (Index i = 0; i < 3; ++i) {
    EXPECT_LE(std::abs(warm.mean(i) - truth[i]), 0.1) << i;
    EXPECT_LE(std::abs(cold.mean(i) - (100 - 30 * truth[i])), 3) << i;
  }
  EXPECT_LE(std::abs(made.model.noise(1) - 3), 0.3);
  // a category that was never seen: the prior's spread
  const Prediction unseen = made.model.predict(Array::of({{6, 0.5, 4}}));
  EXPECT_GT(unseen.variance(0), 4 * warm.variance(0));
}

TEST(FunctionalModel, StreamsLearnWhatOneFitLearns) {
  const Set all = make(3000, 0, 10);
  FitOptions o;
  o.noise = Noise::gaussian;
  o.rank = 0, o.tolerance = 1e-6, o.calibrate = false;
  const Model first = fit(all.x.rows(0, 600), all.y.rows(0, 600), {}, o).model;
  const Set test = make(1000, 0, 11);
  Model streamed = first;
  for (Index b = 600; b < 3000; b += 600)
    streamed = update(streamed, all.x.rows(b, b + 600), all.y.rows(b, b + 600));
  const double before = rmse(first.predict(test.x).mean, test.f),
               after = rmse(streamed.predict(test.x).mean, test.f);
  EXPECT_LT(after, 0.75 * before);
  // one mode alone: exactly the posterior of all data, but for the noise, which was known to both
  const Model whole = fit(all.x, all.y, {}, o).model;
  EXPECT_LE(after, 1.6 * rmse(whole.predict(test.x).mean, test.f));
  EXPECT_THROW(update(streamed, all.x.rows(0, 3), all.y), std::invalid_argument);
}

TEST(FunctionalModel, PublishedMethodsRunWithTheirUpdates) {
  const Set train = make(2500, 1, 12), test = make(500, 1, 13);
  double mean = 0;
  for (Index i = 0; i < 500; ++i) mean += test.f(i) / 500;
  const double nothing = rmse(Array::full({500}, mean, DType::f64), test.f);
  FitOptions o;
  o.rank = 3, o.length = 0.5, o.damping = 0.3, o.noise_damping = 0.5, o.epochs = 100;
  for (const Method method : {Method::funbat_cp, Method::funbat}) {
    o.method = method;
    double best = INFINITY;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {  // its start is random, and may end at zero
      o.seed = seed;
      const Fit made = fit(train.x, train.y, {}, o);
      EXPECT_EQ(made.sweeps, 100);
      best = std::min(best, rmse(made.model.predict(test.x).mean, test.f));
    }
    EXPECT_LE(best, 0.8 * nothing);
  }
  // without damping each update is the best of its block: the bound of the Tucker form never falls
  o.damping = o.noise_damping = 0, o.epochs = 60, o.rank = 2;
  const Fit plain = fit(train.x, train.y, {}, o);
  for (std::size_t s = 1; s < plain.elbo.size(); ++s)
    EXPECT_GE(plain.elbo[s], plain.elbo[s - 1] - 1e-8 * std::abs(plain.elbo[s])) << s;
}

TEST(FunctionalModel, SaysWhatIsWrong) {
  const Set set = make(50, 0, 14);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const Array one = Array::of({{0.5, 1, 2}});
  EXPECT_NE(message([&] { fit(one, Array::of({1}), {}); }).find("1 observation; a fit needs two"),
            std::string::npos);
  Array constant = set.x.as(DType::f64);
  for (Index i = 0; i < 50; ++i) constant.mutable_data<double>()[3 * i + 1] = 7;
  EXPECT_NE(message([&] { fit(constant, set.y, {}); }).find("x2 is 7 in all of 50 rows"), std::string::npos);
  Array hole = set.x.as(DType::f64);
  hole.mutable_data<double>()[3 * 11 + 2] = NAN;
  EXPECT_NE(message([&] { fit(hole, set.y, {}); }).find("row 11: x3 is nan"), std::string::npos);
  EXPECT_NE(message([&] { fit(set.x, set.y.rows(0, 9), {}); }).find("[fit] values"), std::string::npos);
  EXPECT_NE(message([&] { fit(set.x, Array::full({50}, NAN, DType::f64), {}); }).find("y has 0 values"),
            std::string::npos);
  FitOptions o;
  o.rank = -1;
  EXPECT_NE(message([&] { fit(set.x, set.y, {}, o); }).find("rank"), std::string::npos);
  o.rank = 0, o.main_effects = false;
  EXPECT_NE(message([&] { fit(set.x, set.y, {}, o); }).find("no terms"), std::string::npos);
  // equal rows with other values are noise, a constant target is a constant
  Table x, y;
  for (int i = 0; i < 40; ++i)
    x.insert(x.end(), {static_cast<double>(i % 2), static_cast<double>(i % 4 / 2)}),
        y.push_back(5 + (i < 20 ? 1 : -1));
  const Fit repeated = fit(Array::from(x, {40, 2}), Array::from(y), {});
  const Prediction p = repeated.model.predict(Array::of({{0, 1}}));
  EXPECT_LE(std::abs(p.mean(0) - 5), 0.5);
  EXPECT_LE(p.low(0), 4.5);
  EXPECT_NO_THROW(fit(set.x, Array::full({50}, 3, DType::f64), {}));
  // coordinates of any size are scaled, and the scales are told
  Array wide = set.x.as(DType::f64);
  for (Index i = 0; i < 50; ++i) wide.mutable_data<double>()[3 * i] *= 1e9;
  const Fit scaled = fit(wide, set.y, {});
  EXPECT_GT(scaled.model.mode(0).scale, 8e8);
  EXPECT_THROW(scaled.model.predict(Array::of({{1, 2}})), std::invalid_argument);
}

TEST(Noise, MixtureIsStudentsDistribution) {
  for (const double nu : {2.2, 4.0, 30.0}) {
    const NoiseMixture m(nu);
    for (const double r : {0.0, 0.5, 2.0, 10.0, 100.0}) {
      const double expected = std::lgamma((nu + 1) / 2) - std::lgamma(nu / 2) -
                              0.5 * std::log(nu * M_PI * 0.3) -
                              0.5 * (nu + 1) * std::log1p(r * r / (0.3 * nu));
      EXPECT_LE(std::abs(m.log_density(r, 0, 0.3) - expected), 1e-6 * (1 + std::abs(expected)))
          << nu << " " << r;
    }
  }
  EXPECT_LE(std::abs(NoiseMixture(0).half_width(0.9, 1, 3) - 2 * 1.6448536269514722), 1e-9);
  EXPECT_LE(std::abs(NoiseMixture(4).half_width(0.9, 0, 1) - 2.13184678632665), 1e-6);  // t of 4 at 0.95
  const std::vector<double> table = NoiseMixture(4).half_width_table(0.9);
  EXPECT_LE(std::abs(NoiseMixture::look_up(table, 0.5, 2) / NoiseMixture(4).half_width(0.9, 0.5, 2) - 1),
            1e-3);
  EXPECT_LE(std::abs(digamma(1) + 0.5772156649015329), 1e-12);
}

TEST(FunctionalModel, BeijingAir) {
  CARTAN_REAL_DATA(path, "beijing/beijing_air.csv");
  const data::Table table = data::read_table(path);
  const Index n = table.rows();
  const double limits[] = {0.274, 0.32, 0.36};
  int at = 0;
  for (const char* target : {"pm25", "pm10", "so2"}) {
    Table x, y, xt, yt;
    const std::vector<Index> order = Random(1).permutation(n);
    for (Index i = 0; i < n; ++i) {
      const auto row = static_cast<std::size_t>(order[static_cast<std::size_t>(i)]);
      Table& xs = i % 5 == 0 ? xt : x;
      for (const char* name : {"temperature", "pressure", "time"})
        xs.push_back(table.column(name).numbers[row]);
      (i % 5 == 0 ? yt : y).push_back(table.column(target).numbers[row]);
    }
    FitOptions o;
    o.rank = 2, o.max_sweeps = 40, o.prune = false;
    const Fit made = fit(Array::from(x, {Index(y.size()), 3}), Array::from(y), {}, o);
    const Array values = Array::from(yt);
    const Score s = score(made.model.predict(Array::from(xt, {Index(yt.size()), 3}), {}, values), values);
    EXPECT_LE(s.rmse, limits[at]) << target;
    EXPECT_LE(std::abs(s.coverage_90 - 0.9), 0.025) << target;
    ++at;
  }
}

TEST(Tables, AreRead) {
  const testing::Temporary folder;
  const data::Table t =
      data::read_table(folder.file("a.csv",
                                   "\xEF\xBB\xBF# a comment\nwhen,\"a \"\"b\"\"\",kind,v\r\n2013-03-01,1,x "
                                   "y,NA\r\n\r\n2013-03-02 12:00,+2.5e1,,3\r\n"));
  EXPECT_EQ(t.names(), (std::vector<std::string>{"when", "a \"b\"", "kind", "v"}));
  EXPECT_EQ(t.rows(), 2);
  EXPECT_EQ(t.lines[1], 5);
  EXPECT_EQ(t.column("when").kind, data::Column::Kind::times);
  EXPECT_EQ(t.column("when").numbers[1] - t.column("when").numbers[0], 1.5);
  EXPECT_EQ(t.column("when").numbers[0], 15765);
  EXPECT_EQ(t.column("kind").kind, data::Column::Kind::words);
  EXPECT_EQ(t.column("kind").words[1], "");
  EXPECT_TRUE(std::isnan(t.column("v").numbers[0]));
  const data::Table blank = data::read_table(folder.file("b.txt", "x y\n 1   2\n3\t4 \n"));
  EXPECT_EQ(blank.column("y").numbers, (Table{2, 4}));
  const auto fails = [&](const std::string& bytes, const char* words) {
    try {
      data::read_table(folder.file("bad.csv", bytes));
      ADD_FAILURE() << words;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  fails("", "is empty");
  fails("1,2\n3,4\n", "has numbers where the names");
  fails("a,a\n1,2\n", "two columns are called 'a'");
  fails("a,\n1,2\n", "column 2 has no name");
  fails("a,b\n1,2\n1\n", "line 3: has 1 fields; there are 2 columns");
  EXPECT_THROW(data::read_table(folder.path("none.csv")), IoError);
  try {
    (void)t.column("whem");
    ADD_FAILURE();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("perhaps 'when' is meant"), std::string::npos);
  }
  data::Group root;
  root.set("a", Array::of({1, 2}));
  root.set("b", Array::of({3, 4}));
  data::save(folder.path("t.h5"), root, {"table", 1, "", ""});
  EXPECT_EQ(data::read_table(folder.path("t.h5")).column("b").numbers, (Table{3, 4}));
}

}  // namespace
}  // namespace cartan::functional
