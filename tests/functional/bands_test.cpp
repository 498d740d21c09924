// Bands of predictions over many sets whose functions are drawn from their priors: the truth lies in a band
// of 90 % nine times in ten, with kernels, noise and rank learned.

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/functional/fit.hpp>

#include <gtest/gtest.h>
#include <cmath>

namespace cartan::functional {
namespace {

constexpr int places = 60;  // of every coordinate, in [0, 1)

// A draw of a process at the places.
std::vector<double> draw(const Kernel& kernel, const Random& random, std::uint64_t at) {
  constexpr std::size_t n = places;
  std::vector<double> l(n * n, 0.0), f(n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double s =
          kernel(static_cast<double>(i) / places, static_cast<double>(j) / places) + (i == j ? 1e-9 : 0);
      for (std::size_t q = 0; q < j; ++q) s -= l[i * n + q] * l[j * n + q];
      l[i * n + j] = i == j ? std::sqrt(s) : s / l[j * n + j];
      f[i] += l[i * n + j] * random.normal(at + j);
    }
  return f;
}

struct Coverage {
  double function, observation;  // shares of the test points within the bands of 90 %
};
// One set: main effects, `rank` products, noise of half a standard deviation of a function.
Coverage coverage(std::uint64_t seed, Index n, int modes, int rank) {
  const Random random(seed);
  const Kernel kernel = Kernel::matern(1.5, 0.3, 1);
  std::uint64_t at = 0;
  std::vector<std::vector<double>> functions;
  for (int k = 0; k < modes * (1 + rank); ++k, at += 100) functions.push_back(draw(kernel, random, at));
  at = 1000000;
  constexpr Index test = 400;
  std::vector<double> x[2], y[2], f;
  for (Index i = 0; i < n + test; ++i) {
    const int s = i < n ? 0 : 1;
    std::vector<std::size_t> c;
    double value = 0;
    for (int k = 0; k < modes; ++k) {
      c.push_back(static_cast<std::size_t>(places * random.uniform(at++)));
      x[s].push_back(static_cast<double>(c.back()) / places);
      value += functions[static_cast<std::size_t>(k)][c.back()];
    }
    for (int r = 1; r <= rank; ++r) {
      double product = 1;
      for (int k = 0; k < modes; ++k)
        product *= functions[static_cast<std::size_t>(r * modes + k)][c[static_cast<std::size_t>(k)]];
      value += product;
    }
    if (s) f.push_back(value);
    y[s].push_back(value + 0.5 * random.normal(at++));
  }
  FitOptions o;
  o.noise = Noise::gaussian, o.rank = rank ? 3 : 0, o.seed = seed;
  const Model model = fit(Array::from(x[0], {n, modes}), Array::from(y[0]), {}, o).model;
  const Prediction p = model.predict(Array::from(x[1], {test, modes}));
  Coverage out{0, 0};
  for (Index i = 0; i < test; ++i) {
    const auto j = static_cast<std::size_t>(i);
    out.function += std::abs(p.mean(i) - f[j]) <= 1.6448536 * std::sqrt(p.variance(i)) ? 1.0 / test : 0;
    out.observation += p.low(i) <= y[1][j] && y[1][j] <= p.high(i) ? 1.0 / test : 0;
  }
  return out;
}

// Points of one set are not independent of each other, sets are: the mean over sets has the error that their
// spread says. 0.02 is for what learned kernels and independent blocks leave out.
void expect_nominal(int sets, Index n, int modes, int rank) {
  std::vector<Coverage> all(static_cast<std::size_t>(sets));
  parallel_for(sets, 1, [&](Index s, Index) {
    all[static_cast<std::size_t>(s)] =
        coverage(static_cast<std::uint64_t>(1000 * (1 + rank) + 100 * modes + s), n, modes, rank);
  });
  const double count = sets;
  double function = 0, square = 0, observation = 0;
  for (const Coverage& c : all) {
    function += c.function / count, square += c.function * c.function / count;
    observation += c.observation / count;
  }
  const double error = std::sqrt(std::max(0.0, square - function * function) / count);
  EXPECT_LE(std::abs(function - 0.9), 0.02 + 2.6 * error) << modes << " modes, rank " << rank;
  EXPECT_LE(std::abs(observation - 0.9), 0.02) << modes << " modes, rank " << rank;
  EXPECT_LE(error, 0.03);
}

TEST(Bands, OfOneFunctionAreNominal) {
  expect_nominal(30, 300, 1, 0);
}
TEST(Bands, OfMainEffectsAreNominal) {
  expect_nominal(24, 600, 3, 0);
}
TEST(Bands, WithProductsAreNominal) {
  expect_nominal(8, 1500, 3, 2);
}

}  // namespace
}  // namespace cartan::functional
