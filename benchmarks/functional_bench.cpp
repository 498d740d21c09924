// Functional tensor models: an epoch of FunBaT-CP on data of the shape of Beijing's air (428 x 501 x 1461
// coordinates, 13 572 observations), a sweep of the learned model, growth with the number of observations.

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/functional/fit.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>

#include "threads.hpp"

using namespace cartan;
using namespace cartan::functional;

namespace {

struct Set {
  Array x, y;
};
Set make(Index n, double a, double b, double c) {
  const Random random(1);
  std::vector<double> x, y;
  x.reserve(static_cast<std::size_t>(3 * n)), y.reserve(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const auto u = static_cast<std::uint64_t>(4 * i);
    const double p = std::floor(a * random.uniform(u)) / a, q = std::floor(b * random.uniform(u + 1)) / b,
                 r = std::floor(c * random.uniform(u + 2)) / c;
    x.insert(x.end(), {p, q, r});
    y.push_back(std::sin(6 * p) + q + std::cos(40 * r) * std::sin(3 * q) + 0.3 * random.normal(u + 3));
  }
  return {Array::from(x, {n, 3}), Array::from(y)};
}

double seconds(const Set& set, FitOptions o, int sweeps) {
  o.epochs = o.max_sweeps = sweeps;
  const auto begin = std::chrono::steady_clock::now();
  benchmark::DoNotOptimize(fit(set.x, set.y, {}, o));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Seconds of a sweep: of the long fit less the short one.
void run(benchmark::State& state, const Set& set, FitOptions o, int few, int many) {
  set_threads(static_cast<int>(state.range(1)));
  o.calibrate = false, o.tolerance = 1e-300;
  for (auto _ : state)
    state.SetIterationTime(std::max(1e-9, (seconds(set, o, many) - seconds(set, o, few)) / (many - few)));
  set_threads(0);
}

void FunbatCpEpoch(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat_cp, o.rank = state.range(0);
  run(state, make(13572, 428, 501, 1461), o, 10, 60);
}
void FunbatTuckerEpoch(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat, o.rank = state.range(0);
  run(state, make(13572, 428, 501, 1461), o, 3, 13);
}
void AdditiveSweep(benchmark::State& state) {  // main effects with learned kernels
  FitOptions o;
  o.rank = 0;
  run(state, make(13572, 428, 501, 1461), o, 10, 40);
}
void CpEpochByObservations(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat_cp, o.rank = 3;
  run(state, make(state.range(0), 1000, 1000, 1000), o, 1, 4);
}

void arguments(benchmark::internal::Benchmark* b, const std::vector<std::int64_t>& values) {
  for (const std::int64_t v : values)
    for (const std::int64_t t : thread_counts()) b->Args({v, t});
  b->UseManualTime()->Unit(benchmark::kMillisecond)->ArgNames({"n", "threads"});
}

}  // namespace

BENCHMARK(FunbatCpEpoch)->Apply([](auto* b) { arguments(b, {2, 3, 5, 7}); });
BENCHMARK(FunbatTuckerEpoch)->Apply([](auto* b) { arguments(b, {2, 3, 5}); });
BENCHMARK(AdditiveSweep)->Apply([](auto* b) { arguments(b, {0}); });
BENCHMARK(CpEpochByObservations)->Iterations(1)->Apply([](auto* b) {
  arguments(b, {10000, 100000, 1000000, 10000000});
});
