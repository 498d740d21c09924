// Wigner matrices D_0 .. D_lmax of 100 000 rotations, float32: values, and values with the derivative by the
// rotations; values in float64. The same in e3nn and fairchem: peers/wigner_speed.py.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/wigner.hpp>

#include "threads.hpp"

namespace {

using namespace cartan;

constexpr Index samples = 100000;

Array rotations(DType dtype = DType::f32) {
  return so3::rotation_from_quaternion(random_normal({samples, 4}, dtype, Random(1, 1)));
}

void finish(benchmark::State& state, int lmax, double arrays, DType dtype = DType::f32) {
  const double entries = static_cast<double>(so3::wigner_size(lmax) * samples);
  state.counters["entries/s"] =
      benchmark::Counter(entries * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["bytes/s"] = benchmark::Counter(
      static_cast<double>(size_of(dtype)) * arrays * entries * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
  set_threads(0);
}

template <DType dtype = DType::f32>
void values(benchmark::State& state) {
  const int lmax = static_cast<int>(state.range(0));
  set_threads(static_cast<int>(state.range(1)));
  const Array r = rotations(dtype);
  for (auto _ : state) benchmark::DoNotOptimize(so3::wigner_d(r, lmax).raw());
  finish(state, lmax, 1, dtype);
}

void values_and_vjp(benchmark::State& state) {
  const int lmax = static_cast<int>(state.range(0));
  set_threads(static_cast<int>(state.range(1)));
  const Array r = rotations(),
              c = random_uniform({samples, so3::wigner_size(lmax)}, -1, 1, DType::f32, Random(1, 2));
  for (auto _ : state) {
    const Array a = track(r);
    benchmark::DoNotOptimize(gradients(so3::wigner_d(a, lmax), {a}, c)[0].raw());
  }
  finish(state, lmax, 3);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgsProduct({{2, 4, 6, 8, 12}, thread_counts()})
      ->ArgNames({"lmax", "threads"})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK(values<>)->Name("values")->Apply(sizes);
BENCHMARK(values<DType::f64>)->Name("values_f64")->Apply(sizes);
BENCHMARK(values_and_vjp)->Apply(sizes);

}  // namespace
