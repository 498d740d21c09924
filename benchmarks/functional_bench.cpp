// Functional tensor models: an epoch of FunBaT-CP on data of the shape of Beijing's air (428 x 501 x 1461
// coordinates, 13 572 observations), a sweep of the learned model, growth with the number of observations.

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/functional/fit.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
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

// Seconds of a sweep, by the times at which sweeps are told of: the median, and the least as a counter (that
// of a core that did nothing else).
void run(benchmark::State& state, const Set& set, FitOptions o, int sweeps) {
  using Clock = std::chrono::steady_clock;
  set_threads(static_cast<int>(state.range(1)));
  o.epochs = o.max_sweeps = sweeps;
  o.calibrate = o.conformal = false, o.tolerance = 1e-300, o.scale = Scale::linear;
  std::vector<double> times;
  Clock::time_point last{};
  o.progress = [&](const Progress&) {
    const Clock::time_point now = Clock::now();
    if (last != Clock::time_point{}) times.push_back(std::chrono::duration<double>(now - last).count());
    last = now;
  };
  for (auto _ : state) {
    times.clear(), last = {};
    benchmark::DoNotOptimize(fit(set.x, set.y, {}, o));
    std::sort(times.begin(), times.end());
    state.SetIterationTime(times[times.size() / 2]);
  }
  state.counters["least_ms"] = 1e3 * times[0];
  set_threads(0);
}

void FunbatCpEpoch(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat_cp, o.rank = state.range(0);
  run(state, make(13572, 428, 501, 1461), o, 60);
}
void FunbatTuckerEpoch(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat, o.rank = state.range(0);
  run(state, make(13572, 428, 501, 1461), o, 12);
}
void AdditiveSweep(benchmark::State& state) {  // main effects with learned kernels
  FitOptions o;
  o.rank = 0;
  run(state, make(13572, 428, 501, 1461), o, 40);
}
void CpEpochByObservations(benchmark::State& state) {
  FitOptions o;
  o.method = Method::funbat_cp, o.rank = 3;
  run(state, make(state.range(0), 1000, 1000, 1000), o, state.range(0) > 1000000 ? 6 : 12);
}

void StudentSweepByObservations(benchmark::State& state) {  // main effects and heavy tails, kernels learned
  FitOptions o;
  o.rank = 0;
  run(state, make(state.range(0), 1000, 1000, 1000), o, state.range(0) > 1000000 ? 6 : 12);
}

void arguments(benchmark::internal::Benchmark* b, const std::vector<std::int64_t>& values) {
  for (const std::int64_t v : values)
    for (const std::int64_t t : thread_counts()) b->Args({v, t});
  b->UseManualTime()->Unit(benchmark::kMillisecond)->ArgNames({"n", "threads"});
}

}  // namespace

BENCHMARK(FunbatCpEpoch)->Iterations(3)->Apply([](auto* b) { arguments(b, {2, 3, 5, 7}); });
BENCHMARK(FunbatTuckerEpoch)->Iterations(1)->Apply([](auto* b) { arguments(b, {2, 3, 5}); });
BENCHMARK(AdditiveSweep)->Iterations(3)->Apply([](auto* b) { arguments(b, {0}); });
BENCHMARK(CpEpochByObservations)->Iterations(1)->Apply([](auto* b) {
  arguments(b, {10000, 100000, 1000000, 10000000});
});
BENCHMARK(StudentSweepByObservations)->Iterations(1)->Apply([](auto* b) {
  arguments(b, {10000, 100000, 1000000, 10000000});
});
