// Memory, sums and random numbers of core.
#include <numeric>

#include <benchmark/benchmark.h>

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

using namespace cartan;

static void allocate(benchmark::State& state) {
  for (auto _ : state) {
    Array a = Array::uninitialized({state.range(0)}, DType::f32);
    benchmark::DoNotOptimize(a.mutable_raw());
  }
}
BENCHMARK(allocate)->Arg(64)->Arg(1 << 16)->Arg(1 << 22);

static void sum(benchmark::State& state) {
  const Array x = random_uniform({state.range(0)}, -1, 1, DType::f64, Random(1));
  for (auto _ : state) benchmark::DoNotOptimize(deterministic_sum(x.data<double>(), x.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<Index>(x.bytes()));
}
BENCHMARK(sum)->Arg(1000)->Arg(1 << 22)->UseRealTime();

// The plain loop that `sum` is to be compared with: one thread, one accumulator.
static void sum_in_order(benchmark::State& state) {
  const Array x = random_uniform({state.range(0)}, -1, 1, DType::f64, Random(1));
  const double* p = x.data<double>();
  for (auto _ : state) benchmark::DoNotOptimize(std::accumulate(p, p + x.size(), 0.0));
  state.SetBytesProcessed(state.iterations() * static_cast<Index>(x.bytes()));
}
BENCHMARK(sum_in_order)->Arg(1000)->Arg(1 << 22)->UseRealTime();

static void normal(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(random_normal({state.range(0)}, DType::f32, Random(1)).raw());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(normal)->Arg(1 << 20)->UseRealTime();
