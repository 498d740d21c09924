// Gaunt products: pairwise at batch 10,000 and one channel, L x L -> 2 L (the workload of
// benchmarks/peers/gaunt_peers.py), and many-body at 32 samples of 128 channels. `general` is the same output
// from TensorProduct, the couplings of any irreps.
//
//   bench_gaunt --figures docs    times of convolutions along edges, every engine against L, as
//   docs/gaunt_*.svg and
//                                 docs/gaunt_times.md, beside what the planner chooses
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <numeric>
#include <string>

#include <cartan/data/figure.hpp>

#include <cartan/autodiff/ops.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/so3/gaunt.hpp>
#include <cartan/so3/tables.hpp>
#include <cartan/so3/tensor_product.hpp>

#include "threads.hpp"

namespace {

using namespace cartan;
using namespace cartan::so3;

Array features(Index samples, Index channels, int l, std::uint64_t stream) {
  return random_normal({samples, (l + 1) * (l + 1) * channels}, DType::f32, Random(1, stream));
}

void pairwise(benchmark::State& state, const std::string& engine) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(10000, 1, l, 1), y = features(10000, 1, l, 2);
  PlanOptions options;
  options.engine = engine;
  options.batch = 10000;
  const GauntProduct product(l, l, 2 * l, options);
  set_threads(static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(product(x, y).raw());
  set_threads(0);
  state.SetLabel(product.plan().engine);
}

// l1 x l2 -> degrees up to l3, as functions on the sphere.
TensorProduct general(int l1, int l2, int l3, Index channels, Index batch) {
  const auto functions = [&](int lmax) {
    std::vector<MulIrrep> terms;
    for (int l = 0; l <= lmax; ++l) terms.push_back({channels, {l, l % 2 == 0 ? 1 : -1}});
    return Irreps(terms);
  };
  std::vector<Instruction> paths;
  for (int i = 0; i <= l1; ++i)
    for (int j = 0; j <= l2; ++j)
      for (int k = std::abs(i - j); k <= std::min(i + j, l3); k += 2)
        paths.push_back({static_cast<std::size_t>(i), static_cast<std::size_t>(j),
                         static_cast<std::size_t>(k), Mode::uuu, false, std::pow(gaunt(i, j, k), 2)});
  TensorProductOptions options;
  options.irrep_normalization = IrrepNormalization::none;
  options.path_normalization = PathNormalization::none;
  options.plan.batch = batch;
  return TensorProduct(functions(l1), functions(l2), functions(l3), paths, options);
}

// False unless the two agree to rounding.
bool agree(benchmark::State& state, const Array& a, const Array& b) {
  float worst = 0, largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a.data<float>()[i] - b.data<float>()[i]));
    largest = std::max(largest, std::abs(b.data<float>()[i]));
  }
  const bool same = a.shape() == b.shape() && worst <= 1e-5F * largest;
  if (!same) state.SkipWithError("results differ");
  return same;
}

void pairwise_general(benchmark::State& state) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(10000, 1, l, 1), y = features(10000, 1, l, 2);
  const TensorProduct product = general(l, l, 2 * l, 1, 10000);
  set_threads(static_cast<int>(state.range(1)));
  if (agree(state, product(x, y), GauntProduct(l, l, 2 * l)(x, y)))
    for (auto _ : state) benchmark::DoNotOptimize(product(x, y).raw());
  set_threads(0);
}

void many_body_general(benchmark::State& state) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(32, 128, l, 1);
  const TensorProduct square = general(l, l, 2 * l, 128, 32), cube = general(2 * l, l, l, 128, 32);
  const auto call = [&] {
    const Array x2 = square(x, x);
    return x + slice(x2, 1, 0, x.dim(1)) + cube(x2, x);
  };
  set_threads(static_cast<int>(state.range(1)));
  if (agree(state, call(), ManyBodyProduct(l, 3, l)(x)))
    for (auto _ : state) benchmark::DoNotOptimize(call().raw());
  set_threads(0);
}

void many_body(benchmark::State& state, const std::string& engine) {
  const int l = static_cast<int>(state.range(0));
  const Array x = features(32, 128, l, 1);
  PlanOptions options;
  options.engine = engine;
  options.batch = 32 * 128;
  const ManyBodyProduct product(l, 3, l, options);
  set_threads(static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(product(x).raw());
  set_threads(0);
  state.SetLabel(product.plan().engine);
}

}  // namespace

#define SIZES(low, high)                                                    \
  ArgsProduct({benchmark::CreateDenseRange(low, high, 1), thread_counts()}) \
      ->ArgNames({"L", "threads"})                                          \
      ->Unit(benchmark::kMicrosecond)                                       \
      ->UseRealTime()
BENCHMARK_CAPTURE(pairwise, automatic, "")->SIZES(1, 10);
BENCHMARK_CAPTURE(pairwise, cg, "cg")->SIZES(1, 8);
BENCHMARK_CAPTURE(pairwise, grid, "grid")->SIZES(1, 10);
BENCHMARK_CAPTURE(pairwise, fourier, "fourier")->SIZES(1, 6);
BENCHMARK(pairwise_general)->Name("pairwise/general")->SIZES(1, 8);
BENCHMARK(many_body_general)->Name("many_body/general")->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, automatic, "")->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, cg, "cg")->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, grid, "grid")->SIZES(1, 6);
BENCHMARK_CAPTURE(many_body, fourier, "fourier")->SIZES(1, 4);

namespace {

constexpr const char* edge_engines[] = {"cg", "grid", "fourier", "escn"};

// Median CPU time of one call in seconds, one thread; the first call makes the tables.
template <class Call>
double cpu_time(Call&& call) {
  call();
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 || (total < 0.1 && times.size() < 500)) {
    timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    call();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    times.push_back(static_cast<double>(end.tv_sec - begin.tv_sec) +
                    1e-9 * static_cast<double>(end.tv_nsec - begin.tv_nsec));
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void write_figures(const std::string& folder) {
  constexpr int lmax = 8;
  set_threads(1);
  std::ofstream page(folder + "/gaunt_times.md");
  page << "# Convolutions along edges: time of every engine\n\n"
          "`z = P(x f)`, features, filter and result of degree L, float32, one thread, microseconds of CPU "
          "time an edge\n"
          "(medians). A star marks the planner's choice, *lost* how much longer it takes than the fastest. "
          "Made by\n"
          "`bench_gaunt --figures docs` on one core of a Xeon with AVX-512.\n";
  for (const auto& [edges, channels] :
       {std::pair<Index, Index>{1, 1}, {1000, 1}, {100000, 1}, {1, 128}, {1000, 128}}) {
    const std::string title = std::to_string(edges) + (edges == 1 ? " edge, " : " edges, ") +
                              std::to_string(channels) + (channels == 1 ? " channel" : " channels");
    page << "\n## " << title << "\n\n| L | cg | grid | fourier | escn | lost |\n|---|---|---|---|---|---|\n";
    data::Figure figure;
    figure.title = "Gaunt convolution, " + title;
    figure.x_label = "L";
    figure.y_label = "microseconds an edge";
    figure.log_y = true;
    for (const char* e : edge_engines) figure.series.push_back({e, {}, {}, true});
    data::Series chosen{"planner", {}, {}, false};
    for (int l = 1; l <= lmax; ++l) {
      const Array x = features(edges, channels, l, 1),
                  r = random_normal({edges, 3}, DType::f32, Random(1, 2));
      const Array s = random_normal({edges, l + 1}, DType::f32, Random(1, 3));
      std::vector<std::int32_t> own(static_cast<std::size_t>(edges));
      std::iota(own.begin(), own.end(), 0);
      const EdgeList list(own, own, edges);  // features at the edges
      PlanOptions options;
      options.batch = edges;
      const std::string choice = GauntConvolution(l, l, l, options, channels).plan().engine;
      double time[4], best = INFINITY, planned = 0;
      for (int k = 0; k < 4; ++k) {
        options.engine = edge_engines[k];
        const GauntConvolution convolution(l, l, l, options, channels);
        time[k] = 1e6 * cpu_time([&] { benchmark::DoNotOptimize(convolution(list, x, r, s).raw()); }) /
                  static_cast<double>(edges);
        best = std::min(best, time[k]);
        if (edge_engines[k] == choice) planned = time[k];
        figure.series[static_cast<std::size_t>(k)].x.push_back(l);
        figure.series[static_cast<std::size_t>(k)].y.push_back(time[k]);
      }
      chosen.x.push_back(l);
      chosen.y.push_back(planned);
      page << "| " << l;
      for (int k = 0; k < 4; ++k) {
        char cell[40];
        std::snprintf(cell, sizeof cell, " | %.3g%s", time[k], edge_engines[k] == choice ? " *" : "");
        page << cell;
      }
      char lost[40];
      std::snprintf(lost, sizeof lost, " | %.0f %% |\n", 100 * (planned / best - 1));
      page << lost;
    }
    figure.series.push_back(chosen);
    figure.save(folder + "/gaunt_" + std::to_string(edges) + "_" + std::to_string(channels) + ".svg");
  }
  set_threads(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--figures") {
    write_figures(argv[2]);
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
