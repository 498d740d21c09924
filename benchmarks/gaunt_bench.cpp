// Gaunt products: pairwise at batch 10,000 and one channel, L x L -> 2 L (the workload of
// benchmarks/peers/gaunt_peers.py), and many-body at 32 samples of 128 channels.
#include <benchmark/benchmark.h>

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/gaunt.hpp>

namespace {

using namespace cartan;
using namespace cartan::so3;

Array features(Index samples, Index channels, int l, std::uint64_t stream) {
  return random_normal({samples, (l + 1) * (l + 1) * channels}, DType::f32, Random(1, stream));
}

void pairwise(benchmark::State& state, Engine engine) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(10000, 1, l, 1), y = features(10000, 1, l, 2);
  PlanOptions options;
  options.engine = engine;
  options.batch = 10000;
  const GauntProduct product(l, l, 2 * l, options);
  set_threads(static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(product(x, y).raw());
  set_threads(0);
  state.SetLabel(name_of(product.plan().engine));
}

void many_body(benchmark::State& state, Engine engine) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(32, 128, l, 1);
  PlanOptions options;
  options.engine = engine;
  options.batch = 32 * 128;
  const ManyBodyProduct product(l, 3, l, options);
  set_threads(static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(product(x).raw());
  set_threads(0);
  state.SetLabel(name_of(product.plan().engine));
}

}  // namespace

#define SIZES(low, high)                                        \
  ArgsProduct({benchmark::CreateDenseRange(low, high, 1), {1}}) \
      ->ArgNames({"L", "threads"})                              \
      ->Unit(benchmark::kMicrosecond)                           \
      ->UseRealTime()
BENCHMARK_CAPTURE(pairwise, automatic, Engine::automatic)->SIZES(1, 10);
BENCHMARK_CAPTURE(pairwise, cg, Engine::cg)->SIZES(1, 7);
BENCHMARK_CAPTURE(pairwise, grid, Engine::grid)->SIZES(1, 10);
BENCHMARK_CAPTURE(pairwise, fourier, Engine::fourier)->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, automatic, Engine::automatic)->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, cg, Engine::cg)->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, grid, Engine::grid)->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, fourier, Engine::fourier)->SIZES(1, 4);
