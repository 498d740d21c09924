// Convolutions of channels with harmonics along edges, 1,000 nodes, random senders: the workloads of
// benchmarks/peers/convolution_peers.py. Names read product/type/edges/what; the number after them is the
// count of threads. `flops` and `bytes` are rates: counted operations (docs: Plan) and the least traffic with
// memory.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/convolution.hpp>

#include "threads.hpp"

namespace {

using namespace cartan;
using namespace cartan::so3;

struct Model {
  const char *name, *in, *harmonics, *out;
};
constexpr Model models[] = {{"mace_medium", "128x0e+128x1o", "0e+1o+2e+3o", "0e+1o+2e"},
                            {"mace_large", "128x0e+128x1o+128x2e", "0e+1o+2e+3o", "0e+1o+2e+3o"},
                            {"nequip_benzene", "64x0o+64x0e+64x1o+64x1e+64x2o+64x2e+64x3o+64x3e",
                             "0e+1o+2e+3o", "0o+0e+1o+1e+2o+2e+3o+3e"},
                            {"sevennet_l3i5", "128x0e+64x1e+32x2e+32x3e", "0e+1e+2e+3e", "0e+1e+2e+3e"}};
enum class What { forward, backward, twice };
constexpr const char* what_names[] = {"fwd", "fwd_bwd", "double_bwd"};

constexpr Index nodes = 1000;

void convolution(benchmark::State& state, const Model& model, DType dtype, Index count, What what) {
  set_threads(static_cast<int>(state.range(0)));
  ConvolutionOptions conv_options;
  conv_options.plan.batch = count;
  const Convolution conv(TensorProduct::channelwise(model.in, model.harmonics, model.out), conv_options);
  const TensorProduct& tp = conv.product();
  std::vector<std::int32_t> senders, receivers;
  const Random random(1);
  for (Index e = 0; e < count; ++e) {
    senders.push_back(static_cast<std::int32_t>(random.bits(static_cast<std::uint64_t>(e)) % nodes));
    receivers.push_back(static_cast<std::int32_t>(e * nodes / count));
  }
  const EdgeList edges(std::move(senders), std::move(receivers), nodes);
  const auto uniform = [&](const Shape& shape, std::uint64_t stream) {
    return random_uniform(shape, -1, 1, dtype, Random(2, stream));
  };
  const Arrays x{uniform({nodes, tp.irreps_in1().dim()}, 1), uniform({count, tp.irreps_in2().dim()}, 2),
                 uniform({count, tp.weight_numel()}, 3)};
  const Array c = uniform({nodes, tp.irreps_out().dim()}, 4);
  Arrays h;
  if (what == What::twice)
    for (std::size_t k = 0; k < x.size(); ++k) h.push_back(uniform(x[k].shape(), 5 + k));
  for (auto _ : state) {
    if (what == What::forward) {
      benchmark::DoNotOptimize(conv(edges, x[0], x[1], x[2]));
      continue;
    }
    Arrays t;
    for (const Array& a : x) t.push_back(track(a));
    const Array out = conv(edges, t[0], t[1], t[2]);
    if (what == What::backward) {
      benchmark::DoNotOptimize(gradients(out, t, c));
      continue;
    }
    const Array cotangent = track(c);
    const Arrays g = gradients(out, t, cotangent, true);
    t.push_back(cotangent);
    benchmark::DoNotOptimize(gradients(g, t, h));
  }
  const double passes = what == What::forward ? 1 : what == What::backward ? 3 : 9;
  using benchmark::Counter;
  state.counters["flops"] =
      Counter(passes * conv.plan().candidates[0].flops, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] =
      Counter(static_cast<double>(x[0].bytes() + x[1].bytes() + x[2].bytes() + c.bytes()) *
                  (what == What::forward    ? 1
                   : what == What::backward ? 3
                                            : 9),
              Counter::kIsIterationInvariantRate);
}

const int registered = [] {
  for (const Model& model : models)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Index count : {Index{20000}, Index{160000}})
        for (const What what : {What::forward, What::backward, What::twice}) {
          // What the arrays of the largest cases need does not fit a small machine.
          if (count > 20000 && (what == What::twice || dtype == DType::f64)) continue;
          const std::string name = std::string(model.name) + '/' + name_of(dtype) + '/' +
                                   std::to_string(count) + '/' + what_names[static_cast<int>(what)];
          benchmark::RegisterBenchmark(
              name.c_str(), [=](benchmark::State& s) { convolution(s, model, dtype, count, what); })
              ->ArgsProduct({thread_counts()})
              ->Unit(benchmark::kMillisecond)
              ->UseRealTime();
        }
  return 0;
}();

}  // namespace
