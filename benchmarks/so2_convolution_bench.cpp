// SO(2) convolution along 20 000 edges, 128 channels, float32: forward, and with the derivatives by the edge
// vectors and the features (forces). The same work in torch: peers/so2_convolution_speed.py. Flops are those
// of the algorithm as it is written (four real products for a complex one), so that both can be compared.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/so2_convolution.hpp>

#include "threads.hpp"

namespace {

using namespace cartan;
using namespace cartan::so3;

struct Setup {
  Setup(int lmax, int mmax, Index channels, Index edge_count, Index nodes)
      : convolution(irreps(lmax, channels), irreps(lmax, channels), {mmax, false, false, {}}) {
    std::vector<std::int32_t> s, r;
    const Random random(1, 2);
    for (Index e = 0; e < edge_count; ++e) {
      r.push_back(static_cast<std::int32_t>(e * nodes / edge_count));
      s.push_back(static_cast<std::int32_t>(random.bits(static_cast<std::uint64_t>(e)) %
                                            static_cast<std::uint64_t>(nodes)));
    }
    edges = EdgeList(s, r, nodes);
    x = random_normal({nodes, convolution.irreps_in().dim()}, DType::f32, Random(1, 3));
    w = random_normal({convolution.weight_size()}, DType::f32, Random(1, 4)) * 0.02;
    radial = random_uniform({edge_count, convolution.radial_size()}, -1, 1, DType::f32, Random(1, 5));
    vectors = random_normal({edge_count, 3}, DType::f32, Random(1, 6));
  }
  static Irreps irreps(int lmax, Index channels) {
    std::vector<MulIrrep> terms;
    for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, 1}});
    return terms;
  }
  void count(benchmark::State& state, double passes) const {
    const double flops = passes * convolution.flops_per_edge() * static_cast<double>(edges.size());
    state.counters["GFLOP"] = flops / 1e9;
    state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9 * static_cast<double>(state.iterations()),
                                                   benchmark::Counter::kIsRate);
  }
  SO2Convolution convolution;
  EdgeList edges;
  Array x, w, radial, vectors;
};

void sizes(benchmark::internal::Benchmark* b) {
  for (const auto threads : thread_counts())
    for (const auto& [l, m] : {std::pair{2, 2}, {4, 2}, {6, 2}, {6, 6}, {8, 2}}) b->Args({l, m, threads});
  b->ArgNames({"lmax", "mmax", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

void forward(benchmark::State& state) {
  const Setup s(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), 128, 20000, 1000);
  set_threads(static_cast<int>(state.range(2)));
  for (auto _ : state) benchmark::DoNotOptimize(s.convolution(s.edges, s.x, s.vectors, s.w, s.radial).raw());
  s.count(state, 1);
  set_threads(0);
}
BENCHMARK(forward)->Apply(sizes);

void forward_and_forces(benchmark::State& state) {
  const Setup s(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), 128, 20000, 1000);
  set_threads(static_cast<int>(state.range(2)));
  for (auto _ : state) {
    const Arrays a{track(s.x), track(s.vectors)};
    const Array y = s.convolution(s.edges, a[0], a[1], s.w, s.radial);
    benchmark::DoNotOptimize(gradients(y, a, detach(y))[0].raw());
  }
  s.count(state, 2);
  set_threads(0);
}
BENCHMARK(forward_and_forces)->Apply(sizes);

}  // namespace
