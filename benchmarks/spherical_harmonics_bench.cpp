// Spherical harmonics: values, vector-Jacobian product, Hessian-vector product. Counters: points a second.
// peers/sphericart_speed.cpp sets them beside sphericart's.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/spherical_harmonics.hpp>

using namespace cartan;

namespace {

constexpr Index points = 1 << 18;

struct Case {
  explicit Case(const benchmark::State& state) : lmax(static_cast<int>(state.range(1))) {
    const DType dtype = state.range(0) == 32 ? DType::f32 : DType::f64;
    x = random_normal({points, 3}, dtype, Random(1));
    w = random_normal({points, Index{lmax + 1} * (lmax + 1)}, dtype, Random(2));
    v = random_normal({points, 3}, dtype, Random(3));
  }
  Array harmonics(const Array& a) const { return so3::spherical_harmonics(a, lmax); }
  int lmax;
  Array x, w, v;
};

void values(benchmark::State& state) {
  const Case c(state);
  for (auto _ : state) benchmark::DoNotOptimize(c.harmonics(c.x).raw());
  state.SetItemsProcessed(state.iterations() * points);
}

void gradient(benchmark::State& state) {
  const Case c(state);
  const Array t = track(c.x), y = c.harmonics(t);
  for (auto _ : state) benchmark::DoNotOptimize(gradients(y, {t}, c.w)[0].raw());
  state.SetItemsProcessed(state.iterations() * points);
}

void hessian_vector(benchmark::State& state) {
  const Case c(state);
  const Array t = track(c.x), g = gradients(c.harmonics(t), {t}, c.w, true)[0];
  for (auto _ : state) benchmark::DoNotOptimize(gradients(g, {t}, c.v)[0].raw());
  state.SetItemsProcessed(state.iterations() * points);
}

void cases(benchmark::internal::Benchmark* b) {
  b->UseRealTime()->Unit(benchmark::kMillisecond)->ArgNames({"bits", "lmax"});
  for (int bits : {32, 64})
    for (int l : {3, 6, 10}) b->Args({bits, l});
}
BENCHMARK(values)->Apply(cases);
BENCHMARK(gradient)->Apply(cases);
BENCHMARK(hessian_vector)->Apply(cases);

}  // namespace
