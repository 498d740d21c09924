// Tensor processes: the proximal map, the likelihood and predictions against dense formulas, recovery.

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/functional/tensor_process.hpp>

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

#include "functional/tensor_process.hpp"
#include "temporary.hpp"

namespace cartan::functional {
namespace {

using Table = std::vector<double>;

// a^-1 b by elimination without exchanges (a positive definite), and log det a.
struct Solved {
  Table x;
  double log_det = 0;
};
Solved solve(Table a, Table b) {
  const std::size_t n = b.size();
  Solved out;
  for (std::size_t i = 0; i < n; ++i) {
    out.log_det += std::log(a[i * n + i]);
    for (std::size_t j = i + 1; j < n; ++j) {
      const double f = a[j * n + i] / a[i * n + i];
      for (std::size_t k = i; k < n; ++k) a[j * n + k] -= f * a[i * n + k];
      b[j] -= f * b[i];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  out.x = b;
  return out;
}
double dot(const Table& a, const Table& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// What the minimum of a convex function is known by: y - x is a subgradient.
TEST(TensorProcess, FusedLassoIsAMinimum) {
  const Random random(1);
  std::uint64_t at = 0;
  for (int t = 0; t < 2000; ++t) {
    const auto n = static_cast<std::size_t>(1 + t % 17);
    const double v = 2 * random.uniform(at++), s = t % 3 * 0.3 * random.uniform(at++);
    std::vector<double> y(n);
    for (double& a : y) a = t % 4 ? 2 * random.normal(at++) : std::round(2 * random.normal(at++));
    const std::vector<double> x = fused_lasso(y, v, s);
    // y - x = s g + D^T u with g in the sign of x, |u| <= v, u = v sign where x changes: u by summing, where
    // every g is known
    if (s == 0) {
      double u = 0, worst = 0;
      for (std::size_t i = 0; i < n; ++i) {
        u += y[i] - x[i];
        if (i + 1 == n) {
          worst = std::max(worst, std::abs(u));
        } else {
          worst = std::max(worst, std::abs(u) - v);
          if (x[i + 1] != x[i]) worst = std::max(worst, std::abs(u - (x[i + 1] > x[i] ? -v : v)));
        }
      }
      EXPECT_LE(worst, 1e-12);
    }
    const auto cost = [&](const std::vector<double>& z) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        sum += (z[i] - y[i]) * (z[i] - y[i]) / 2 + s * std::abs(z[i]);
        if (i) sum += v * std::abs(z[i] - z[i - 1]);
      }
      return sum;
    };
    for (int k = 0; k < 5; ++k) {  // no direction goes down
      std::vector<double> z = x;
      for (double& a : z) a += 1e-3 * random.normal(at++);
      EXPECT_GE(cost(z), cost(x) - 1e-13);
    }
  }
}

TEST(TensorProcess, VariationIsThatOfTheMaps) {
  const Array a = Array::of({{1, 3, -1}, {0, 2, 2}}), b = Array::of({{2, -1}, {1, 1}});
  double sum = 0;
  for (Index s = 0; s < 2; ++s)
    for (Index t = 0; t < 2; ++t)
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 2; ++j) {
          if (i) sum += std::abs(a(s, i) * b(t, j) - a(s, i - 1) * b(t, j));
          if (j) sum += std::abs(a(s, i) * b(t, j) - a(s, i) * b(t, j - 1));
        }
  EXPECT_LE(std::abs(contraction_variation({a, b, Array()}) - sum), 1e-12);
}

TEST(TensorProcess, LikelihoodIsTheDenseOne) {
  for (const Index n : {4, 9}) {  // more features than observations, and fewer
    const Random random(2);
    const Index r = 6;
    std::vector<double> f, y;
    for (Index i = 0; i < n * r; ++i) f.push_back(random.normal(static_cast<std::uint64_t>(i)));
    for (Index i = 0; i < n; ++i) y.push_back(random.normal(static_cast<std::uint64_t>(1000 + i)));
    const Array features = Array::from(f, {n, r}), target = Array::from(y),
                noise = Array::scalar(std::log(0.3), DType::f64);
    Table k;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        double sum = i == j ? 0.3 : 0;
        for (Index q = 0; q < r; ++q) sum += features(i, q) * features(j, q);
        k.push_back(sum);
      }
    const Solved dense = solve(k, y);
    const double expected =
        0.5 * (dot(y, dense.x) + dense.log_det + static_cast<double>(n) * std::log(2 * M_PI));
    EXPECT_LE(std::abs(tensor_process_loss(features, target, noise).item() - expected), 1e-10);
    const GradientReport g = check_gradients(
        [&](const Arrays& x) { return tensor_process_loss(x[0], target, x[1]); }, {features, noise});
    EXPECT_LE(g.max_error, 1e-6);
  }
}

struct Set {
  Array x, y, truth;
};
// Images of two channels; y is the difference of the means of the channels over a rectangle.
Set images(Index n, std::uint64_t seed, double noise = 0.1) {
  const Random random(seed);
  std::vector<double> x, y, truth;
  std::uint64_t at = 0;
  for (Index i = 0; i < n; ++i) {
    double f = 0;
    for (Index a = 0; a < 12; ++a)
      for (Index b = 0; b < 10; ++b)
        for (Index c = 0; c < 2; ++c) {
          x.push_back(random.normal(at++));
          if (2 <= a && a < 6 && 5 <= b && b < 9) f += (c ? -0.5 : 1) * x.back() / 4;
        }
    truth.push_back(3 + f);
    y.push_back(3 + f + noise * random.normal(at++));
  }
  return {Array::from(x, {n, 12, 10, 2}), Array::from(y), Array::from(truth)};
}

double rmse(const Array& a, const Array& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += (a(i) - b(i)) * (a(i) - b(i));
  return std::sqrt(sum / static_cast<double>(a.size()));
}

TEST(TensorProcess, PredictsAsTheDenseProcessOfItsKernel) {
  const Set train = images(40, 3), test = images(5, 4);
  TensorProcessOptions o;
  o.sizes = {2, 3, 0}, o.max_sweeps = 5;
  const TensorProcess p = TensorProcess::fit(train.x, train.y, o);
  const TensorProcess::Values v = p.predict(test.x);
  // cov = <Z x K, Z'> by loops, on centred tensors
  const std::vector<Array> k = p.kernels();
  std::vector<double> centre(240, 0.0);
  for (Index i = 0; i < 40 * 240; ++i)
    centre[static_cast<std::size_t>(i % 240)] += train.x.data<double>()[i] / 40;
  const auto contracted = [&](const Array& x, Index i) {
    std::vector<double> z(12, 0.0);
    for (Index s = 0; s < 2; ++s)
      for (Index t = 0; t < 3; ++t)
        for (Index c = 0; c < 2; ++c)
          for (Index a = 0; a < 12; ++a)
            for (Index b = 0; b < 10; ++b)
              z[static_cast<std::size_t>((s * 3 + t) * 2 + c)] +=
                  p.contractions()[0](s, a) * p.contractions()[1](t, b) *
                  (x(i, a, b, c) - centre[static_cast<std::size_t>((a * 10 + b) * 2 + c)]);
    return z;
  };
  const auto kernel = [&](const std::vector<double>& z, const std::vector<double>& w) {
    double sum = 0;
    for (Index f = 0; f < 12; ++f)
      for (Index g = 0; g < 12; ++g)
        sum += z[static_cast<std::size_t>(f)] * w[static_cast<std::size_t>(g)] * k[0](f / 6, g / 6) *
               k[1](f / 2 % 3, g / 2 % 3) * k[2](f % 2, g % 2);
    return sum;
  };
  std::vector<Table> z;
  for (Index i = 0; i < 40; ++i) z.push_back(contracted(train.x, i));
  Table all, y;
  for (Index i = 0; i < 40; ++i) {
    y.push_back(train.y(i) - p.offset());
    for (Index j = 0; j < 40; ++j)
      all.push_back(kernel(z[static_cast<std::size_t>(i)], z[static_cast<std::size_t>(j)]) +
                    (i == j ? p.noise() : 0));
  }
  for (Index i = 0; i < 5; ++i) {
    const Table w = contracted(test.x, i);
    Table c;
    for (const Table& other : z) c.push_back(kernel(w, other));
    EXPECT_LE(std::abs(v.mean(i) - p.offset() - dot(c, solve(all, y).x)), 1e-8);
    EXPECT_LE(std::abs(v.variance(i) - kernel(w, w) + dot(c, solve(all, c).x)), 1e-8);
  }
  // the slope gives the same means
  const Array slope = p.coefficients();
  double sum = p.offset();
  for (Index j = 0; j < 240; ++j)
    sum += slope.data<double>()[j] * (test.x.data<double>()[j] - centre[static_cast<std::size_t>(j)]);
  EXPECT_LE(std::abs(sum - v.mean(0)), 1e-9);
}

TEST(TensorProcess, FindsTheRegionThatMatters) {
  const Set train = images(150, 5), test = images(400, 6);
  TensorProcessOptions o;
  o.sizes = {2, 2, 0}, o.smoothness = 0.3;
  const TensorProcess p = TensorProcess::fit(train.x, train.y, o);
  EXPECT_TRUE(p.converged());
  for (std::size_t s = 1; s < p.objective().size(); ++s)
    EXPECT_LE(p.objective()[s], p.objective()[s - 1] + 1e-9);
  const TensorProcess::Values v = p.predict(test.x);
  EXPECT_LE(rmse(v.mean, test.truth), 0.05);
  EXPECT_LE(std::abs(p.noise() / 0.01 - 1), 0.5);
  Index within = 0;
  for (Index i = 0; i < 400; ++i)
    within += std::abs(test.y(i) - v.mean(i)) <= 1.645 * std::sqrt(v.variance(i) + p.noise());
  EXPECT_GE(within, 340);
  // a row too many vanishes, the other is small outside of the rectangle
  for (int m = 0; m < 2; ++m) {
    const Array& a = p.contractions()[static_cast<std::size_t>(m)];
    const Index from = m ? 5 : 2, to = m ? 9 : 6;
    double inside = 0, outside = 0, rows = 0;
    for (Index r = 0; r < 2; ++r) {
      double size = 0;
      for (Index i = 0; i < a.dim(1); ++i) {
        const double value = std::abs(a(r, i));
        (from <= i && i < to ? inside : outside) += value;
        size += value;
      }
      rows += size > 0 ? 1 : 0;
    }
    EXPECT_LE(outside / static_cast<double>(a.dim(1) - 4), 0.1 * inside / 4) << m;
    EXPECT_EQ(rows, 1) << m;
  }
  o.smoothness = 0;
  const TensorProcess rough = TensorProcess::fit(train.x, train.y, o);
  EXPECT_LT(rmse(v.mean, test.truth), 0.8 * rmse(rough.predict(test.x).mean, test.truth));
  // no contraction at all: a ridge of 240 weights, with too few observations
  o.sizes = {}, o.max_sweeps = 20;
  const TensorProcess whole = TensorProcess::fit(train.x, train.y, o);
  EXPECT_LT(rmse(v.mean, test.truth), 0.5 * rmse(whole.predict(test.x).mean, test.truth));

  const testing::Temporary folder;
  data::Group root;
  p.save(root);
  data::save(folder.path("p.h5"), root, {"cartan-tensor-process", 1, "", ""});
  const TensorProcess again = TensorProcess::load(data::load(folder.path("p.h5")));
  EXPECT_TRUE(identical(again.predict(test.x).variance, v.variance));
  root.attributes["noise"] = -1.0;
  EXPECT_THROW(TensorProcess::load(root), FormatError);
}

TEST(TensorProcess, SaysWhatIsWrong) {
  const Set set = images(10, 7);
  const auto message = [](const auto& call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const auto expect = [&](const char* words, const auto& call) {
    EXPECT_NE(message(call).find(words), std::string::npos) << message(call);
  };
  TensorProcessOptions o;
  expect("expected (10)", [&] { TensorProcess::fit(set.x, set.y.rows(0, 9)); });
  expect("two at least", [&] { TensorProcess::fit(set.x.rows(0, 1), set.y.rows(0, 1)); });
  expect("all tensors are equal", [&] {
    TensorProcess::fit(Array::zeros({3, 2}, DType::f64), Array::of({1, 2, 3}));
  });
  o.sizes = {2};
  expect("1 sizes for 3 modes", [&] { TensorProcess::fit(set.x, set.y, o); });
  o.sizes = {13, 1, 1};
  expect("of extent 12 cannot be contracted to 13", [&] { TensorProcess::fit(set.x, set.y, o); });
  o.sizes = {}, o.smoothness = -1;
  expect("smoothness", [&] { TensorProcess::fit(set.x, set.y, o); });
  expect("at most 4096", [&] {
    TensorProcess::fit(Array::zeros({2, 100, 100}, DType::f64), Array::of({1, 2}));
  });
  Array hole = set.x.as(DType::f64);
  hole.mutable_data<double>()[5] = NAN;
  expect("not finite", [&] { TensorProcess::fit(hole, set.y); });
  o.smoothness = 0.1, o.max_sweeps = 1;
  const TensorProcess p = TensorProcess::fit(set.x, set.y, o);
  expect("expected (10, 12, 10, 2)", [&] { p.predict(set.x.rows(0, 10).reshaped({10, 10, 12, 2})); });
  expect("no model", [&] { TensorProcess().predict(set.x); });
}

}  // namespace
}  // namespace cartan::functional
