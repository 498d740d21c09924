// TensorNet with F = 128, L = 2, R = 32, rc = 4.5 A: the workloads of benchmarks/peers/tensornet_speed.py.
// Real frames from $CARTAN_DATA (default ../shared/data). The number after a name is the count of threads.
#include <benchmark/benchmark.h>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/data/readers.hpp>
#include <cartan/nn/adamw.hpp>
#include <cartan/nn/loss.hpp>
#include <cartan/potentials/model.hpp>
#include <cartan/potentials/networks/tensornet.hpp>
#include <cstdlib>

#include "threads.hpp"

namespace {

using namespace cartan;
using namespace cartan::potentials;

struct Workload {
  Model model;
  std::vector<Frame> frames;

  Graph graph() const {  // neighbours searched anew, as in the peer's script
    std::vector<NeighborList> lists;
    for (const Frame& f : frames) lists.push_back(neighbor_list(f, model.cutoff()));
    std::vector<const Frame*> frame_of;
    std::vector<const NeighborList*> list_of;
    for (std::size_t k = 0; k < lists.size(); ++k) {
      frame_of.push_back(&frames[k]);
      list_of.push_back(&lists[k]);
    }
    return make_graph(frame_of, list_of);
  }
};

Workload make(const std::string& file, int batch, DType dtype) {
  const char* root = std::getenv("CARTAN_DATA");
  TensorNetConfig config;
  config.dtype = dtype;
  Workload w{
      Model(config, 1),
      data::read_frames(std::string(root ? root : "../shared/data") + "/" + file,
                        "0:" + std::to_string(batch)),
  };
  for (int z = 1; z < 20; ++z) w.model.reference[z] = 0;
  return w;
}

constexpr const char* ethanol = "rmd17/rmd17_ethanol_train_01.npz";
constexpr const char* aspirin = "rmd17/rmd17_aspirin_train_01.npz";
constexpr const char* water = "water/data_0";

// Forward, forces, loss on energy and forces, backward, AdamW.
void train_step(benchmark::State& state, const char* file, int batch, DType dtype) {
  set_threads(static_cast<int>(state.range(0)));
  Workload w = make(file, batch, dtype);
  const nn::ParameterRefs refs = w.model.parameters();
  nn::AdamWOptions options;
  options.amsgrad = false;
  nn::AdamW adamw(refs, options);
  const Array energy = Array::zeros({batch}, DType::f64),
              forces = Array::zeros({w.graph().atoms(), 3}, dtype);
  for (auto _ : state) {
    nn::track_parameters(refs);
    Arrays g;
    {
      const Prediction p = w.model.predict(w.graph(), {true, false, true});
      const Array loss = nn::mse(p.energy, energy) + cast(nn::mse(p.forces, forces), DType::f64);
      g = gradients(loss, nn::values_of(refs));
    }
    nn::detach_parameters(refs);
    adamw.step(refs, g, 1e-6);
  }
  set_threads(0);
}

// Energies and forces.
void infer(benchmark::State& state, const char* file, int batch, DType dtype) {
  set_threads(static_cast<int>(state.range(0)));
  const Workload w = make(file, batch, dtype);
  Recording off(false);
  for (auto _ : state) benchmark::DoNotOptimize(w.model.predict(w.graph(), {true, false, false}));
  state.counters["per_atom"] =
      benchmark::Counter(static_cast<double>(w.graph().atoms()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  set_threads(0);
}

#define CARTAN_BENCH(...)              \
  BENCHMARK_CAPTURE(__VA_ARGS__)       \
      ->ArgsProduct({thread_counts()}) \
      ->UseRealTime()                  \
      ->MeasureProcessCPUTime()        \
      ->Unit(benchmark::kMillisecond)
CARTAN_BENCH(train_step, ethanol_b8_f32, ethanol, 8, DType::f32);
CARTAN_BENCH(train_step, aspirin_b8_f32, aspirin, 8, DType::f32);
CARTAN_BENCH(train_step, aspirin_b8_f64, aspirin, 8, DType::f64);
CARTAN_BENCH(infer, ethanol_f32, ethanol, 1, DType::f32);
CARTAN_BENCH(infer, aspirin_f32, aspirin, 1, DType::f32);
CARTAN_BENCH(infer, aspirin_b8_f32, aspirin, 8, DType::f32);
CARTAN_BENCH(infer, water_192_f32, water, 1, DType::f32);
CARTAN_BENCH(infer, water_192_f64, water, 1, DType::f64);

}  // namespace
