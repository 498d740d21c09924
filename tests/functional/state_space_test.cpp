// Gaussian processes in state space against dense matrices, matrix exponentials and differences.

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/functional/state_space.hpp>
#include <cartan/linalg/ops.hpp>

#include <gtest/gtest.h>
#include <cmath>

#include "temporary.hpp"
#include "worst.hpp"

namespace cartan::functional {
namespace {

using testing::worst_of;

using Table = std::vector<double>;

Table product(const Table& a, const Table& b, std::size_t n) {
  Table c(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
  return c;
}

// exp(F t) by scaling and squaring of its series.
Table exponential(Table f, double t, std::size_t n) {
  for (double& x : f) x *= t / 1024;
  Table sum(n * n, 0.0), term(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) sum[i * n + i] = term[i * n + i] = 1;
  for (int k = 1; k < 20; ++k) {
    term = product(term, f, n);
    for (std::size_t i = 0; i < n * n; ++i) term[i] /= k, sum[i] += term[i];
  }
  for (int k = 0; k < 10; ++k) sum = product(sum, sum, n);
  return sum;
}

std::vector<Kernel> kernels() {
  const Kernel a = Kernel::matern(0.5, 0.7, 1.3), b = Kernel::matern(1.5, 0.9, 0.8),
               c = Kernel::matern(2.5, 1.2, 2.1), p = Kernel::periodic(1.7, 0.8, 1.1, 5);
  return {a,
          b,
          c,
          p,
          Kernel::constant(0.6),
          Kernel::linear(0.4, 0.3),
          Kernel::independent(0.9),
          a + c,
          b * p,
          Kernel::constant(2) + Kernel::linear(0.4) + b,
          (a + Kernel::constant(0.5)) * b,
          Kernel::linear(0.5, 1) * c + p};
}

struct Points {
  Table x, y;
};
Points points(Index n, std::uint64_t seed, bool repeated) {
  const Random random(seed);
  Points p;
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i);
    p.x.push_back(repeated && i % 4 == 3 ? p.x[static_cast<std::size_t>(i / 2)] : 5 * random.uniform(u));
    p.y.push_back(std::sin(2 * p.x.back()) + 0.3 * random.normal(1000 + u));
  }
  return p;
}

// Mean, variance at z and log likelihood by dense matrices.
struct Dense {
  Table mean, variance;
  double log_likelihood;
};
Dense dense(const Kernel& k, const Points& p, double noise, const Table& z) {
  const Index n = static_cast<Index>(p.x.size()), m = static_cast<Index>(z.size());
  Table kxx, kzx;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      kxx.push_back(k(p.x[static_cast<std::size_t>(i)], p.x[static_cast<std::size_t>(j)]) +
                    (i == j ? noise : 0));
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j)
      kzx.push_back(k(z[static_cast<std::size_t>(j)], p.x[static_cast<std::size_t>(i)]));
  const Array l = linalg::cholesky(Array::from(kxx, {n, n}));
  const Array b = linalg::solve_triangular(l, Array::from(kzx, {n, m}));
  const Array y = linalg::solve_triangular(l, Array::from(p.y, {n, 1}));
  Dense out;
  out.mean = matmul(b, y, true).to_vector<double>();
  for (Index j = 0; j < m; ++j) {
    double v = k(z[static_cast<std::size_t>(j)], z[static_cast<std::size_t>(j)]);
    for (Index i = 0; i < n; ++i) v -= b(i, j) * b(i, j);
    out.variance.push_back(v);
  }
  double value = -0.5 * static_cast<double>(n) * std::log(2 * M_PI);
  for (Index i = 0; i < n; ++i) value -= std::log(l(i, i)) + y(i, 0) * y(i, 0) / 2;
  out.log_likelihood = value;
  return out;
}

TEST(Kernels, TransitionsAreExponentialsOfTheirGenerators) {
  double worst = 0;
  for (const double length : {0.4, 1.0, 3.0})
    for (const double t : {0.0, 1e-3, 0.1, 1.0, 4.0}) {
      const double a = 1 / length, b = std::sqrt(3.0) / length, c = std::sqrt(5.0) / length;
      const std::vector<std::pair<Kernel, Table>> cases{
          {Kernel::matern(0.5, length), {-a}},
          {Kernel::matern(1.5, length), {0, 1, -b * b, -2 * b}},
          {Kernel::matern(2.5, length), {0, 1, 0, 0, 0, 1, -c * c * c, -3 * c * c, -3 * c}}};
      for (const auto& [kernel, f] : cases) {
        const auto d = static_cast<std::size_t>(kernel.states());
        Table got(d * d);
        kernel.transition(t, got.data());
        const Table expected = exponential(f, t, d);
        for (std::size_t i = 0; i < d * d; ++i)
          worst = worst_of(worst, std::abs(got[i] - expected[i]) / (1 + std::abs(expected[i])));
      }
    }
  EXPECT_LE(worst, 1e-12);
}

TEST(Kernels, AreTheirFormulas) {
  const double x = 0.3, y = 1.9, r = 1.6;
  const auto close = [](double a, double b) { EXPECT_LE(std::abs(a - b), 1e-13) << a << " " << b; };
  close(Kernel::matern(0.5, 0.7, 1.3)(x, y), 1.3 * std::exp(-r / 0.7));
  const double c3 = std::sqrt(3.0) * r / 0.7, c5 = std::sqrt(5.0) * r / 0.7;
  close(Kernel::matern(1.5, 0.7, 1.3)(x, y), 1.3 * (1 + c3) * std::exp(-c3));
  close(Kernel::matern(2.5, 0.7, 1.3)(y, x), 1.3 * (1 + c5 + c5 * c5 / 3) * std::exp(-c5));
  close(Kernel::linear(0.4, 0.3)(x, y), 0);
  close(Kernel::linear(0.4, 0.5)(x, y), 0.4 * (x - 0.5) * (y - 0.5));
  close(Kernel::independent(2)(x, y), 0);
  close(Kernel::independent(2)(x, x), 2);
  for (const int harmonics : {2, 4, 8, 20}) {  // the periodic series and what it leaves out
    const Kernel p = Kernel::periodic(2.2, 0.9, 1.4, harmonics);
    double worst = 0;
    for (int i = 0; i <= 100; ++i) {
      const double lag = 0.022 * i, s = std::sin(M_PI * lag / 2.2);
      worst = worst_of(worst, std::abs(p(0, lag) / 1.4 - std::exp(-2 * s * s / 0.81)));
    }
    EXPECT_LE(worst, p.truncation() + 1e-14);
    if (harmonics < 8) {
      EXPECT_GE(worst, p.truncation() / 10);
    }
  }
  EXPECT_LE(Kernel::periodic(2.2, 0.9, 1.4, 20).truncation(), 1e-13);
  const Kernel a = Kernel::matern(0.5, 0.7), b = Kernel::periodic(1.7), c = Kernel::linear(2, 1);
  close((a + b)(x, y), a(x, y) + b(x, y));
  close((a * b * c)(x, y), a(x, y) * b(x, y) * c(x, y));
  const Kernel scaled = (a + b * c).rescaled(3, 2);
  close(scaled((x - 3) / 2, (y - 3) / 2), (a + b * c)(x, y));
}

TEST(Kernels, ComeFromWordsAndFiles) {
  for (const Kernel& k : kernels()) {
    const Kernel again = Kernel::parse(k.text());
    EXPECT_LE(std::abs(again(0.2, 0.9) - k(0.2, 0.9)), 1e-10) << k.text();
    EXPECT_EQ(again.parameter_names(), k.parameter_names());
  }
  EXPECT_EQ(
      Kernel::parse("matern32(2, variance=3)*periodic(period = 1)").text(),
      "matern32(length = 2, variance = 3) * periodic(period = 1, length = 1, variance = 1, harmonics = 6)");
  for (const char* bad : {"", "matern", "matern32(", "matern32(0)", "matern32(1,2,3)", "linear(length = 2)",
                          "matern12 +", "matern12)", "periodic(1, 1, 1, 2.5)", "matern12(-1)"})
    EXPECT_THROW(Kernel::parse(bad), std::invalid_argument) << bad;
  try {
    Kernel::parse("matern12 + matren32");
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("position 12: 'matren32' is no kernel; perhaps matern32"),
              std::string::npos)
        << error.what();
  }
  EXPECT_THROW(Kernel::matern(1), std::invalid_argument);
  EXPECT_THROW(Kernel::matern(0.5, NAN), std::invalid_argument);
}

TEST(GaussianProcess, EqualsDenseMatrices) {
  const Table z{-1, 0, 0.4, 2.2, 3.7, 4.99, 5.5, 9};
  for (const Kernel& k : kernels())
    for (const bool repeated : {false, true}) {
      Points p = points(40, 3, repeated);
      const Dense expected = dense(k, p, 0.05, z);
      const Dense at_data = dense(k, p, 0.05, p.x);
      for (const Smoother s : {Smoother::information, Smoother::scan, Smoother::square_root}) {
        const GaussianProcess gp(k, Array::from(p.x), Array::from(p.y), 0.05, s);
        EXPECT_LE(std::abs(gp.log_likelihood() - expected.log_likelihood),
                  1e-10 * std::abs(expected.log_likelihood))
            << k.text() << " " << name_of(s);
        const auto [mean, variance] = gp.predict(Array::from(z));
        double worst = 0;
        for (std::size_t j = 0; j < z.size(); ++j) {
          worst = worst_of(worst, std::abs(mean(Index(j)) - expected.mean[j]));
          worst = worst_of(worst, std::abs(variance(Index(j)) - expected.variance[j]));
        }
        const Table x = gp.function().coordinates().to_vector<double>();
        for (std::size_t i = 0; i < p.x.size(); ++i) {
          const Index at = std::lower_bound(x.begin(), x.end(), p.x[i]) - x.begin();
          worst = worst_of(worst, std::abs(gp.function().moments().mean(at, 0) - at_data.mean[i]));
          worst =
              worst_of(worst, std::abs(gp.function().moments().covariance(at, 0, 0) - at_data.variance[i]));
        }
        EXPECT_LE(worst, 1e-10) << k.text() << " " << name_of(s) << " repeated " << repeated;
      }
    }
}

// A straight line known to a thousandth by a process that could go anywhere: weight times prior variance is
// 10^11 and more at the first coordinate, and its square is more than float64 has digits for.
//
// The variance after the first message, 2 10^-7, is what 10^5 leaves: eps 10^5 is 10^-4 of it. Behind the
// first coordinate errors are small; the states of matern52 scale as 1, 1 / 30, 1 / 900 and couple them.
// Tolerances are ten times what was measured.
TEST(GaussianProcess, WidePriorsLoseNoDigits) {
  const double noise = 1e-6;
  Points p;
  for (Index i = 0; i < 300; ++i) {
    p.x.push_back(std::floor(static_cast<double>(i) / 5) / 60);  // five at a place
    p.y.push_back(3 * p.x.back() - 1 + 1e-3 * Random(9).normal(static_cast<std::uint64_t>(i)));
  }
  struct Case {
    const char* words;
    double first_mean, first_variance, mean, variance;
  };
  for (const Case& at_most : {Case{"matern32(30, 1e5)", 7e-4, 7e-4, 1.4e-6, 4e-8},
                              Case{"matern52(30, 1e5)", 4e-4, 2e-4, 2.4e-4, 4e-3},
                              Case{"matern32(30, 1e5) + linear(10)", 7e-4, 7e-4, 1.4e-6, 1e-7}}) {
    SCOPED_TRACE(at_most.words);
    const Kernel k = Kernel::parse(at_most.words);
    const GaussianProcess one(k, Array::from(p.x), Array::from(p.y), noise),
        factors(k, Array::from(p.x), Array::from(p.y), noise, Smoother::square_root);
    const auto &is = one.function().moments(), &should = factors.function().moments();
    double worst = 0, mean = 0, variance = 0;
    for (Index i = 0; i < one.function().size(); ++i) {
      const double x = p.x[static_cast<std::size_t>(5 * i)];
      worst = worst_of(worst, std::abs(is.mean(i, 0) - (3 * x - 1)));
      const double apart = std::abs(is.mean(i, 0) - should.mean(i, 0)),
                   of = std::abs(is.covariance(i, 0, 0) / should.covariance(i, 0, 0) - 1);
      if (i == 0) {
        EXPECT_LE(apart, at_most.first_mean);
        EXPECT_LE(of, at_most.first_variance);
      } else {
        mean = worst_of(mean, apart), variance = worst_of(variance, of);
      }
    }
    EXPECT_LE(worst, 1.5e-3);
    EXPECT_LE(mean, at_most.mean);
    EXPECT_LE(variance, at_most.variance);
    EXPECT_LE(std::abs(one.predict(Array::of({0})).first(0) + 1), 1.5e-3);
  }
}

TEST(GaussianProcess, TheScanGoesThroughManyBlocks) {
  Points p = points(3000, 5, true);
  for (const char* words : {"matern12(0.3)", "matern52(0.5) + constant", "matern32 * periodic(1) + linear"}) {
    const Kernel k = Kernel::parse(words);
    const GaussianProcess one(k, Array::from(p.x), Array::from(p.y), 0.1),
        other(k, Array::from(p.x), Array::from(p.y), 0.1, Smoother::scan);
    EXPECT_LE(std::abs(one.log_likelihood() - other.log_likelihood()), 1e-9 * std::abs(one.log_likelihood()));
    double worst = 0;
    for (Index i = 0; i < one.function().size(); ++i) {
      worst = worst_of(worst,
                       std::abs(one.function().moments().mean(i, 0) - other.function().moments().mean(i, 0)));
      worst = worst_of(worst, std::abs(one.function().moments().covariance(i, 0, 0) -
                                       other.function().moments().covariance(i, 0, 0)));
    }
    EXPECT_LE(worst, 1e-9) << words;
    set_threads(1);
    const GaussianProcess serial(k, Array::from(p.x), Array::from(p.y), 0.1, Smoother::scan);
    set_threads(0);
    EXPECT_TRUE(identical(serial.function().moments().mean, other.function().moments().mean)) << words;
  }
}

TEST(GaussianProcess, GradientIsThatOfDifferences) {
  const Points p = points(40, 9, true);
  for (const Kernel& k : kernels()) {
    const double noise = 0.07;
    const auto value = [&](const Table& logs) {
      Table v = logs;
      for (double& x : v) x = std::exp(x);
      const double n = v.back();
      v.pop_back();
      return GaussianProcess(k.with(v), Array::from(p.x), Array::from(p.y), n).log_likelihood();
    };
    Table logs = k.parameters();
    logs.push_back(noise);
    for (double& x : logs) x = std::log(x);
    const Table got = GaussianProcess(k, Array::from(p.x), Array::from(p.y), noise).gradient();
    for (std::size_t j = 0; j < logs.size(); ++j) {
      double f[4];
      for (int s = 0; s < 4; ++s) {
        Table moved = logs;
        moved[j] += 3e-4 * (s < 2 ? s - 2 : s - 1);
        f[s] = value(moved);
      }
      const double expected = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / 36e-4;
      EXPECT_LE(std::abs(got[j] - expected), 1e-6 * (1 + std::abs(expected))) << k.text() << " " << j;
    }
  }
}

TEST(GaussianProcess, GradientIsThatOfAutodiff) {
  const Points p = points(30, 4, false);
  const Index n = 30;
  const Array y = Array::from(p.y, {n, 1});
  Table lags;
  for (const double a : p.x)
    for (const double b : p.x) lags.push_back(std::abs(a - b));
  const Array r = Array::from(lags, {n, n});
  Array eye = Array::zeros({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i) eye.mutable_data<double>()[i * n + i] = 1;
  // log likelihood of matern32(exp t0, exp t1) and noise exp t2
  const auto f = [&](const Arrays& t) {
    const Array c = std::sqrt(3.0) * multiply(r, exp(negative(t[0])));
    const Array k = multiply(exp(t[1]), multiply(c + 1.0, exp(negative(c)))) + multiply(exp(t[2]), eye);
    const Array l = linalg::cholesky(k);
    const Array z = linalg::solve_triangular(l, y);
    return negative(sum(log(linalg::diagonal(l)))) - 0.5 * sum(square(z));
  };
  const auto [v, g] =
      value_and_grad(f, {Array::scalar(std::log(0.9), DType::f64), Array::scalar(std::log(0.8), DType::f64),
                         Array::scalar(std::log(0.1), DType::f64)});
  const GaussianProcess gp(Kernel::matern(1.5, 0.9, 0.8), Array::from(p.x), Array::from(p.y), 0.1);
  const Table got = gp.gradient();
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_LE(std::abs(got[k] - g[k].item()), 1e-9 * (1 + std::abs(got[k])));
  EXPECT_LE(std::abs(gp.log_likelihood() - (v.item() - 15 * std::log(2 * M_PI))),
            1e-10 * std::abs(gp.log_likelihood()));
}

// Several functions with messages of every rank, against the dense Gaussian of all of them.
TEST(LatentFunctions, SeveralWithCoupledMessagesEqualTheDenseGaussian) {
  const std::vector<std::vector<Kernel>> sets{
      {Kernel::matern(0.5, 0.7, 1.3), Kernel::matern(0.5, 2, 0.5), Kernel::matern(0.5)},
      {Kernel::matern(2.5, 0.7, 1.3), Kernel::constant(0.7),
       Kernel::linear(0.3) + Kernel::periodic(2, 1, 1, 2)}};
  const Index n = 15, c = 3;
  const Random random(8);
  Table x, w, e;
  for (Index i = 0; i < n; ++i) {
    x.push_back(0.3 * static_cast<double>(i) + 0.2 * random.uniform(static_cast<std::uint64_t>(i)));
    Table m(9, 0.0);
    Table s(3, 0.0);
    for (Index k = 0; k < i % 4; ++k) {  // i % 4 observations: rank 0 to 3
      Table a;
      for (std::uint64_t j = 0; j < 3; ++j)
        a.push_back(random.normal(100 + static_cast<std::uint64_t>(i * 16 + k * 4) + j));
      for (std::size_t p = 0; p < 3; ++p) {
        s[p] += 3 * a[p];
        for (std::size_t q = 0; q < 3; ++q) m[p * 3 + q] += 10 * a[p] * a[q];
      }
    }
    w.insert(w.end(), m.begin(), m.end());
    e.insert(e.end(), s.begin(), s.end());
  }
  for (const auto& set : sets) {
    const LatentFunctions f(set, Array::from(x), Array::from(w, {n, c, c}), Array::from(e, {n, c}));
    // dense: prior K (nC), posterior covariance (1 + K W)^-1 K = K - K L (1 + L^T K L)^-1 L^T K
    const Index d = n * c;
    Array k = Array::zeros({d, d}, DType::f64), big = Array::zeros({d, d}, DType::f64);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        for (Index p = 0; p < c; ++p)
          k.mutable_data<double>()[(i * c + p) * d + j * c + p] = set[static_cast<std::size_t>(p)](
              x[static_cast<std::size_t>(i)], x[static_cast<std::size_t>(j)]);
    for (Index i = 0; i < n; ++i)
      for (Index p = 0; p < c; ++p)
        for (Index q = 0; q < c; ++q)
          big.mutable_data<double>()[(i * c + p) * d + i * c + q] =
              w[static_cast<std::size_t>((i * c + p) * c + q)] + (p == q ? 1e-12 : 0);
    const Array l = linalg::cholesky(big), kl = matmul(k, l);
    Array b = matmul(l, kl, true);
    for (Index i = 0; i < d; ++i) b.mutable_data<double>()[i * d + i] += 1;
    const Array root = linalg::cholesky(b), v = linalg::solve_triangular(root, transpose(kl));
    const Array cov = subtract(k, matmul(v, v, true)), mean = matmul(cov, Array::from(e, {d, 1}));
    double evidence = 0.5 * matmul(Array::from(e, {1, d}), mean).item();
    for (Index i = 0; i < d; ++i) evidence -= std::log(root(i, i));
    EXPECT_LE(std::abs(f.log_evidence() - evidence), 1e-8 * (1 + std::abs(evidence)));
    double worst = 0;
    for (Index i = 0; i < n; ++i)
      for (Index p = 0; p < c; ++p) {
        worst = worst_of(worst, std::abs(f.moments().mean(i, p) - mean(i * c + p, 0)));
        for (Index q = 0; q < c; ++q)
          worst = worst_of(worst, std::abs(f.moments().covariance(i, p, q) - cov(i * c + p, i * c + q)));
      }
    EXPECT_LE(worst, 1e-8);
    // saved and read again: the same bits
    data::Group group;
    f.save(group);
    const testing::Temporary folder;
    data::save(folder.path("f.h5"), group, {"test", 1, "", ""});
    const LatentFunctions again = LatentFunctions::load(data::load(folder.path("f.h5")));
    EXPECT_TRUE(identical(again.at(Array::of({-1, 0.35, 9})).mean, f.at(Array::of({-1, 0.35, 9})).mean));
  }
}

TEST(LatentFunctions, RefuseWhatDoesNotFit) {
  const Array x = Array::of({0, 1}), w = Array::full({2, 1, 1}, 1, DType::f64),
              e = Array::full({2, 1}, 1, DType::f64);
  const std::vector<Kernel> k{Kernel::matern(0.5)};
  EXPECT_NO_THROW(LatentFunctions(k, x, w, e));
  EXPECT_THROW(LatentFunctions({}, x, w, e), std::invalid_argument);
  EXPECT_THROW(LatentFunctions(k, Array::of({1, 0}), w, e), std::invalid_argument);
  EXPECT_THROW(LatentFunctions(k, Array::of({0, 0}), w, e), std::invalid_argument);
  EXPECT_THROW(LatentFunctions(k, Array::of({0, NAN}), w, e), std::invalid_argument);
  EXPECT_THROW(LatentFunctions(k, x, Array::full({2, 1, 1}, -1, DType::f64), e), std::invalid_argument);
  EXPECT_THROW(LatentFunctions(k, x, e, e), std::invalid_argument);
  EXPECT_THROW(GaussianProcess(k[0], x, x, 0), std::invalid_argument);
  EXPECT_THROW(GaussianProcess(k[0], x, Array::of({0, 1, 2}), 1), std::invalid_argument);
  EXPECT_THROW(GaussianProcess(k[0], track(x), x, 1), std::invalid_argument);
}

TEST(GaussianProcess, OneObservationAndLearnedParameters) {
  const GaussianProcess one(Kernel::matern(0.5, 1, 4), Array::of({2}), Array::of({3}), 1);
  const auto [m, v] = one.predict(Array::of({2, 100}));
  EXPECT_LE(std::abs(m(0) - 2.4), 1e-12);
  EXPECT_LE(std::abs(v(0) - 0.8), 1e-12);
  EXPECT_LE(std::abs(m(1)), 1e-12);
  EXPECT_LE(std::abs(v(1) - 4), 1e-12);

  // a draw of a process with known parameters
  const Random random(11);
  const Index n = 2000;
  Table x, y;
  double f = 2 * random.normal(0);
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(i);
    if (i) {
      const double a = std::exp(-0.1 / 0.8);
      f = a * f + 2 * std::sqrt(1 - a * a) * random.normal(u);
    }
    x.push_back(0.1 * static_cast<double>(i));
    y.push_back(f + 0.3 * random.normal(100000 + u));
  }
  const Learned l = learn(Kernel::matern(0.5, 5, 1), Array::from(x), Array::from(y), 1);
  EXPECT_TRUE(l.converged);
  EXPECT_LE(std::abs(std::log(l.kernel.parameters()[0] / 0.8)), 0.35);
  EXPECT_LE(std::abs(std::log(l.kernel.parameters()[1] / 4)), 0.35);
  EXPECT_LE(std::abs(std::log(l.noise / 0.09)), 0.35);
}

}  // namespace
}  // namespace cartan::functional
