// Convolution with harmonics of the edges through coupling coefficients (engine 0) and in the frame of the
// edge (engine 1), 2000 edges, float32, features 32x0e+32x1o+..+32xL: channelwise with weights of every edge
// (uvu) and joining all channels (uvw). What the cost model of EdgeConvolution expects is `expected_ms`.
#include <benchmark/benchmark.h>

#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/edge_convolution.hpp>

namespace {

using namespace cartan;
using namespace cartan::so3;

void convolution(benchmark::State& state, bool uvw) {
  const int lmax = static_cast<int>(state.range(0));
  const Index edge_count = 2000, nodes = 100;
  std::vector<MulIrrep> terms;
  for (int l = 0; l <= lmax; ++l) terms.push_back({32, {l, l % 2 == 0 ? 1 : -1}});
  const Irreps features = terms, filter = Irreps::spherical_harmonics(lmax);
  std::vector<Instruction> list;
  for (std::size_t i = 0; i < features.size(); ++i)
    for (std::size_t j = 0; j < filter.size(); ++j)
      for (std::size_t o = 0; o < features.size(); ++o)
        for (const Irrep& ir : features[i].ir* filter[j].ir)
          if (ir == features[o].ir) list.push_back({i, j, o, uvw ? Mode::uvw : Mode::uvu});
  PlanOptions plan;
  constexpr const char* engines[] = {"cg", "escn"};
  plan.engine = engines[state.range(1)];
  plan.batch = edge_count;
  const EdgeConvolution c(TensorProduct(features, filter, features, list), Normalization::component, plan);
  std::vector<std::int32_t> s, r;
  for (Index e = 0; e < edge_count; ++e) {
    r.push_back(static_cast<std::int32_t>(e * nodes / edge_count));
    s.push_back(static_cast<std::int32_t>(e * 7919 % nodes));
  }
  const EdgeList edges(s, r, nodes);
  const Index n = c.product().weight_numel();
  const Array x = random_normal({nodes, features.dim()}, DType::f32, Random(1, 1)),
              v = random_normal({edge_count, 3}, DType::f32, Random(1, 2)),
              w = random_uniform(uvw ? Shape{n} : Shape{edge_count, n}, -1, 1, DType::f32, Random(1, 3));
  set_threads(1);
  for (auto _ : state) benchmark::DoNotOptimize(c(edges, x, v, w).raw());
  set_threads(0);
  for (const Candidate& k : c.plan().candidates)
    if (k.engine == plan.engine) state.counters["expected_ms"] = 1e3 * k.seconds;
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgsProduct({{1, 2, 3, 4, 6}, {0, 1}})->ArgNames({"lmax", "engine"})->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(convolution, uvu, false)->Apply(sizes);
BENCHMARK_CAPTURE(convolution, uvw, true)->Apply(sizes);

}  // namespace
