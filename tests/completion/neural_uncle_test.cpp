#include <gtest/gtest.h>

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/completion/neural/uncle.hpp"
#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/core/random.hpp"
#include "cartan/data/readers.hpp"
#include "temporary.hpp"

using namespace cartan;
using namespace cartan::completion;
using cartan::testing::Temporary;

namespace {

double poisson(double mean, const Random& random, std::uint64_t stream) {
  double product = 1;
  int n = -1;
  for (std::uint64_t draw = 0; product > std::exp(-mean); ++draw, ++n)
    product *= random.uniform(stream * 4096 + draw);
  return n;
}

// Counts of a planted rank-2 intensity, detected with probability 1/(1 + exp(-2 z)) by an attribute z of the
// pair (0, 2); a tenth of the entries is counted in full.
struct Planted {
  Shape shape{20, 15, 10};
  SparseTensor counts, anchors;
  std::vector<Attributes> attributes;
  std::vector<double> lambda, p;
};

Planted planted(double share) {
  Planted out;
  const Random random(5);
  const Array z = random_normal({20, 10, 1}, DType::f64, Random(6));
  out.attributes = {{{0, 2}, z}};
  std::vector<std::vector<std::int32_t>> index(3), anchor(3);
  std::vector<double> values, ones;
  const auto u = [](int k, int i, int r) { return 1.2 + std::sin(1.7 * i + 2.0 * r + k); };
  for (std::int32_t i = 0; i < 20; ++i)
    for (std::int32_t j = 0; j < 15; ++j)
      for (std::int32_t k = 0; k < 10; ++k) {
        const auto e = static_cast<std::uint64_t>((i * 15 + j) * 10 + k);
        if (random.uniform(e) >= share) continue;
        const bool full = random.uniform(10000 + e) < 0.1;
        const double lambda =
            2 * (u(0, i, 0) * u(1, j, 0) * u(2, k, 0) + u(0, i, 1) * u(1, j, 1) * u(2, k, 1));
        const double p = full ? 1 : 1 / (1 + std::exp(-2 * z(i, k, 0)));
        index[0].push_back(i), index[1].push_back(j), index[2].push_back(k);
        values.push_back(poisson(p * lambda, random, 100 + e));
        out.lambda.push_back(lambda);
        out.p.push_back(p);
        if (full) {
          anchor[0].push_back(i), anchor[1].push_back(j), anchor[2].push_back(k);
          ones.push_back(1);
        }
      }
  out.counts = SparseTensor(out.shape, index, values);
  out.anchors = SparseTensor(out.shape, anchor, ones);
  return out;
}

TEST(Uncle, UpdatesNeverRaiseTheObjective) {
  const Planted d = planted(0.3);
  std::vector<Array> factors;
  for (const Index n : d.shape)
    factors.push_back(random_uniform({n, 4}, 0.1, 2, DType::f64, Random(7, static_cast<std::uint64_t>(n))));
  double last = negative_log_likelihood(d.counts, d.p, factors), first = last;
  for (int sweep = 0; sweep < 60; ++sweep) {
    update_factors(d.counts, d.p, factors);
    const double now = negative_log_likelihood(d.counts, d.p, factors);
    EXPECT_LE(now, last + 1e-10 * std::abs(last));
    last = now;
    for (const Array& u : factors)
      for (const double v : u.to_vector<double>()) ASSERT_GE(v, 0);
  }
  EXPECT_LT(last, first);
}

// The update of one mode at its fixed point: the gradient of the likelihood by U vanishes where U > 0.
TEST(Uncle, UpdatesEndWhereTheGradientVanishes) {
  const Planted d = planted(0.5);
  std::vector<Array> factors;
  for (const Index n : d.shape)
    factors.push_back(random_uniform({n, 1}, 0.5, 2, DType::f64, Random(7, static_cast<std::uint64_t>(n))));
  for (int sweep = 0; sweep < 200; ++sweep) update_factors(d.counts, d.p, factors);
  const double step = 1e-5;
  for (std::size_t k = 0; k < 3; ++k)
    for (Index j = 0; j < d.shape[k]; j += 3) {
      std::vector<Array> up = factors, down = factors;
      const double v = factors[k](j, 0);
      up[k].mutable_data<double>()[j] = v * (1 + step);
      down[k].mutable_data<double>()[j] = v * (1 - step);
      const double slope =
          (negative_log_likelihood(d.counts, d.p, up) - negative_log_likelihood(d.counts, d.p, down)) /
          (2 * step);
      EXPECT_NEAR(slope, 0, 1e-3) << k << " " << j;
    }
}

UncleOptions options() {
  UncleOptions o;
  o.rank = 2;
  o.hidden = {8};
  o.epochs = 40;
  o.batch_size = 256;
  return o;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
  const auto n = static_cast<double>(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i] / n, mb += b[i] / n;
  for (std::size_t i = 0; i < a.size(); ++i)
    ab += (a[i] - ma) * (b[i] - mb), aa += (a[i] - ma) * (a[i] - ma), bb += (b[i] - mb) * (b[i] - mb);
  return ab / std::sqrt(aa * bb);
}

TEST(Uncle, FindsIntensityAndDetection) {
  const Planted d = planted(0.7);
  const UncleFit fit = fit_uncle(d.counts, {}, options(), d.attributes, d.anchors, {});
  const Array at = d.counts.index_array();
  const std::vector<double> lambda = fit.model.intensity(at).to_vector<double>(),
                            p = fit.model.detection(at).to_vector<double>();
  EXPECT_GT(correlation(lambda, d.lambda), 0.97);
  EXPECT_GT(correlation(p, d.p), 0.97);
  double sum = 0, truth = 0, recorded = 0;
  for (std::size_t n = 0; n < lambda.size(); ++n)
    sum += lambda[n], truth += d.lambda[n], recorded += d.counts.values()[static_cast<Index>(n)];
  EXPECT_NEAR(sum / truth, 1, 0.05);  // the anchors say how much was missed
  EXPECT_LT(recorded / truth, 0.7);
  EXPECT_TRUE(identical(fit.model.recorded(at), fit.model.intensity(at) * fit.model.detection(at)));
}

TEST(Uncle, GoesOnBitForBitAndReadsBack) {
  const Planted d = planted(0.3);
  const Split s = split(d.counts, {0.2, 0, 1});
  UncleOptions o = options();
  o.epochs = 8;
  const Array at = d.counts.index_array();
  Array whole;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    const Array f = fit_uncle(s.train, s.validation, o, d.attributes, d.anchors, {}).model.recorded(at);
    if (whole.empty()) whole = f;
    EXPECT_TRUE(identical(whole, f));
  }
  set_threads(0);
  const Temporary folder;
  FitContext c;
  c.checkpoint = folder.path("uncle.h5");
  StopFlag stop{false};
  c.stop = &stop;
  c.progress = [&](const Progress& p) {
    if (p.done == 11) stop = true;
  };
  EXPECT_THROW(fit_uncle(s.train, s.validation, o, d.attributes, d.anchors, c), Stopped);
  stop = false;
  c.progress = {};
  c.resume = true;
  const UncleFit fit = fit_uncle(s.train, s.validation, o, d.attributes, d.anchors, c);
  EXPECT_TRUE(identical(whole, fit.model.recorded(at)));
  data::Group group;
  fit.model.save(group);
  EXPECT_TRUE(identical(UncleModel::load(group, o).recorded(at), whole));
  o.rank = 3;
  EXPECT_THROW(UncleModel::load(group, o), FormatError);
}

TEST(Uncle, PredictsFromTheMeanWhereAnIndexHasNoEntries) {
  const Planted d = planted(0.3);
  const SparseTensor x = d.counts.resized({21, 15, 10});
  std::vector<Attributes> none;
  UncleOptions o = options();
  o.epochs = 3;
  const UncleFit fit = fit_uncle(x, {}, o, none, {}, {});
  const Array f = fit.model.recorded(Array::from(std::vector<Index>{20, 3, 3}, {1, 3}));
  EXPECT_GT(f.item(), 0);
  EXPECT_TRUE(std::isfinite(f.item()));
}

TEST(Uncle, RefusesWhatIsNotACount) {
  UncleOptions o = options();
  const auto fit = [&](const std::vector<double>& values, const std::vector<Attributes>& attributes = {}) {
    return fit_uncle(SparseTensor({2, 2}, {{0, 1}, {1, 0}}, values), {}, o, attributes, {}, {});
  };
  EXPECT_THROW(fit({1.0, 2.5}), std::invalid_argument);
  EXPECT_THROW(fit({-1.0, 2.0}), std::invalid_argument);
  EXPECT_THROW(fit({1.0, 2.0}, {{{0}, Array::zeros({3, 1}, DType::f64)}}), std::invalid_argument);
  EXPECT_THROW(fit({1.0, 2.0}, {{{2}, Array::zeros({2, 1}, DType::f64)}}), std::invalid_argument);
  EXPECT_THROW(fit({1.0, 2.0}, {{{0}, Array::full({2, 1}, NAN, DType::f64)}}), std::invalid_argument);
  o.epochs = 2;
  EXPECT_NO_THROW(fit({0.0, 0.0}));
  EXPECT_NO_THROW(fit({3.0, 3.0}, {{{0}, Array::full({2, 1}, 4, DType::f64)}}));  // a constant attribute
  for (const char* wrong :
       {"", "sites.npy", "0:", ":x.npy", "a:x.npy", "1,0:x.npy", "0,,1:x.npy", "0,0:x.npy"})
    EXPECT_THROW(read_attributes(wrong), std::invalid_argument) << wrong;
  const Temporary folder;
  data::write_npy(folder.path("z.npy"), Array::zeros({2, 3}, DType::f64));
  const Attributes read = read_attributes("1:" + folder.path("z.npy"));
  EXPECT_EQ(read.modes, std::vector<int>{1});
  EXPECT_EQ(read.values.shape(), (Shape{2, 3}));
}

}  // namespace
