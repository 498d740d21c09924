// Symmetric contraction nu = 3, lmax 3, 128 channels, 1000 nodes of 10 species, float32: forward, with
// backward to features and weights, and the backward of the forces. peers/mace_contraction.py does the same
// in MACE.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/symmetric_contraction.hpp>

using namespace cartan;

namespace {

constexpr Index nodes = 1000, channels = 128;

struct Case {
  explicit Case(const benchmark::State& state) {
    std::vector<so3::MulIrrep> in, out;
    for (int l = 0; l <= 3; ++l) in.push_back({channels, {l, l % 2 == 0 ? 1 : -1}});
    for (int l = 0; l <= state.range(0); ++l) out.push_back({channels, {l, l % 2 == 0 ? 1 : -1}});
    contraction = std::make_unique<so3::SymmetricContraction>(in, out, 3);
    std::vector<std::int32_t> s;
    for (Index k = 0; k < nodes; ++k) s.push_back(static_cast<std::int32_t>(k % 10));
    species = Indices(s, 10);
    x = random_normal({nodes, so3::Irreps(in).dim()}, DType::f32, Random(1));
    w = random_normal({10, contraction->num_paths(), channels}, DType::f32, Random(2));
    c = random_normal({nodes, so3::Irreps(out).dim()}, DType::f32, Random(3));
  }
  Array operator()(const Array& a, const Array& b) const { return (*contraction)(a, species, b); }
  std::unique_ptr<so3::SymmetricContraction> contraction;
  Indices species;
  Array x, w, c;
};

void forward(benchmark::State& state) {
  const Case f(state);
  for (auto _ : state) benchmark::DoNotOptimize(f(f.x, f.w).raw());
  state.counters["monomials"] = static_cast<double>(f.contraction->num_monomials());
  state.counters["paths"] = static_cast<double>(f.contraction->num_paths());
}

void forward_backward(benchmark::State& state) {
  const Case f(state);
  const Array x = track(f.x), w = track(f.w);
  for (auto _ : state) benchmark::DoNotOptimize(gradients(f(x, w), {x, w}, f.c)[0].raw());
}

void forces(benchmark::State& state) {
  const Case f(state);
  const Array x = track(f.x);
  for (auto _ : state) benchmark::DoNotOptimize(gradients(f(x, f.w), {x}, f.c)[0].raw());
}

void force_training(benchmark::State& state) {
  const Case f(state);
  const Array x = track(f.x), w = track(f.w);
  for (auto _ : state) {
    const Array g = gradients(f(x, w), {x}, f.c, true)[0];
    benchmark::DoNotOptimize(gradients(g, {x, w}, f.x)[1].raw());
  }
}

void construction(benchmark::State& state) {
  for (auto _ : state) {
    const Case f(state);
    benchmark::DoNotOptimize(f.contraction->num_paths());
  }
}

BENCHMARK(forward)->ArgName("lout")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(forces)->ArgName("lout")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(forward_backward)->ArgName("lout")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(force_training)->ArgName("lout")->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(construction)->ArgName("lout")->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
