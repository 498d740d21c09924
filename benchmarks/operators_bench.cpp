// Neural operators at the sizes of benchmarks/peers/operators_speed.py: forward passes and training steps
// (forward, mean square error, gradient of all parameters), float32. Times are of the process's CPU; `least`
// is that of the quickest call in milliseconds.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <string>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/operators/fno.hpp>

#include "threads.hpp"

namespace {

using namespace cartan;
using namespace cartan::operators;

struct Workload {
  std::vector<Index> modes;
  Index channels, in;
  Shape grid;
  double projection = 2, rank = 0;
};

const std::map<std::string, Workload> workloads{
    {"A24", {{8, 8}, 24, 1, {16, 16}}},
    {"A32", {{8, 8}, 32, 1, {16, 16}}},
    {"B", {{16}, 64, 1, {8192}}},
    {"C", {{12, 12}, 20, 10, {64, 64}}},
    {"D", {{64, 64}, 64, 1, {128, 128}, 4}},
    {"D_tucker", {{64, 64}, 64, 1, {128, 128}, 4, 0.1}},
    {"D_tucker01", {{64, 64}, 64, 1, {128, 128}, 4, 0.01}},
    {"E", {{16, 16, 16}, 32, 1, {64, 64, 64}}},
    {"E_tucker", {{16, 16, 16}, 32, 1, {64, 64, 64}, 2, 0.1}},
};

struct Setup {
  std::unique_ptr<Operator> network;
  Array x, y;
  Setup(const Workload& w, Index samples) {
    FnoConfig c;
    c.spectral.modes = w.modes, c.hidden_channels = w.channels, c.in_channels = w.in,
    c.projection_ratio = w.projection;
    if (w.rank > 0) c.spectral.factorization = "tucker", c.spectral.rank = w.rank;
    nn::Init init{1};
    network = c.make(init);
    Shape shape = w.grid;
    shape.insert(shape.begin(), {samples, w.in});
    x = random_normal(shape, DType::f32, Random(1, 1));
    shape[1] = 1;
    y = random_normal(shape, DType::f32, Random(1, 2));
  }
};

double cpu_milliseconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

template <class Call>
void time_calls(benchmark::State& state, Call&& call) {
  double least = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double start = cpu_milliseconds();
    benchmark::DoNotOptimize(call());
    least = std::min(least, cpu_milliseconds() - start);
  }
  state.counters["least"] = least;
}

void forward(benchmark::State& state, const Workload& w) {
  const Recording off(false);
  const Setup s(w, state.range(0));
  (*s.network)(s.x);  // builds what is kept of weights in a format
  time_calls(state, [&] { return (*s.network)(s.x); });
}

void step(benchmark::State& state, const Workload& w) {
  const Setup s(w, state.range(0));
  nn::track_parameters(s.network->parameters());
  const Arrays parameters = nn::values_of(s.network->parameters());
  time_calls(state, [&] { return gradients(mean(square((*s.network)(s.x) - s.y)), parameters); });
}

const int registered = [] {
  for (const auto& [name, w] : workloads)
    for (const Index samples : {1, 8, 20, 64}) {
      benchmark::RegisterBenchmark(("forward/" + name).c_str(), forward, w)
          ->Arg(samples)
          ->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("step/" + name).c_str(), step, w)
          ->Arg(samples)
          ->Unit(benchmark::kMillisecond);
    }
  return 0;
}();

}  // namespace
