// Decompositions of dense tensors. benchmarks/peers/linalg_peers.py runs the same work in other programs.
//
// The tensor "400": f64, 400^3, sum of 8 x 10 x 8 Tucker terms with singular values falling to about 1e-3,
// plus noise of 4.96e-5 of its norm.
#include <benchmark/benchmark.h>

#include <cmath>
#include <map>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/linalg/als.hpp"
#include "cartan/linalg/hosvd.hpp"
#include "cartan/linalg/modes.hpp"

using namespace cartan;
using namespace cartan::linalg;

namespace {

/// Ranks 8, 10, 8: orthonormal factors, a core that decays from 1 to 1e-3, noise of 4.96e-5 of the norm.
const Array& tensor(Index n, DType dtype) {
  static std::map<std::pair<Index, DType>, Array> made;
  Array& x = made[{n, dtype}];
  if (!x.empty()) return x;
  const Shape ranks{8, 10, 8};
  Tucker t{random_normal(ranks, DType::f64, Random(1, 0)), {}};
  double* core = t.core.mutable_data<double>();
  for (Index a = 0; a < 8; ++a)
    for (Index b = 0; b < 10; ++b)
      for (Index c = 0; c < 8; ++c)
        *core++ *= std::pow(10.0, -3.0 * static_cast<double>(std::max({a, b - 2, c})) / 7);
  for (std::size_t k = 0; k < 3; ++k)
    t.factors.push_back(random_normal({n, ranks[k]}, DType::f64, Random(1, k + 1)));
  t = orthogonalized(t);
  const double size = norm(t);
  Array full = t.full();
  const Array noise = random_normal(full.shape(), DType::f64, Random(2));
  const double level = 4.96e-5 * size / std::sqrt(static_cast<double>(full.size()));
  double* to = full.mutable_data<double>();
  for (Index i = 0; i < full.size(); ++i) to[i] += level * noise.data<double>()[i];
  x = full.as(dtype);
  return x;
}

void st_hosvd_of(benchmark::State& state, DType dtype, Method method) {
  const Array& x = tensor(state.range(0), dtype);
  HosvdOptions options;
  options.tolerance = 1e-4;
  options.method = method;
  Result<Tucker> r;
  for (auto _ : state) r = st_hosvd(x, options);
  state.SetLabel(text(r.report.method, " ranks ", r.report.ranks, " error ", r.report.relative_error, ' ',
                      name_of(r.report.error_kind)));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(x.bytes()));
}

void hooi_of(benchmark::State& state, DType dtype) {
  const Array& x = tensor(state.range(0), dtype);
  IterationOptions options;
  options.max_iterations = 5;
  options.change = 0;
  Result<Tucker> r;
  for (auto _ : state) r = hooi(x, {8, 10, 8}, options);
  state.SetLabel(text("sweeps ", r.report.iterations, " error ", r.report.relative_error));
}

void cp_als_of(benchmark::State& state, DType dtype) {
  const Array& x = tensor(state.range(0), dtype);
  IterationOptions options;
  options.max_iterations = 10;
  options.change = 0;
  Result<Canonical> r;
  for (auto _ : state) r = cp_als(x, 16, Start::random, options);
  state.SetLabel(text("rank 16, sweeps ", r.report.iterations, " error ", r.report.relative_error));
}

void tensor_train_of(benchmark::State& state) {
  const Array& x = tensor(state.range(0), DType::f64);
  Result<TensorTrain> r;
  for (auto _ : state) r = to_tensor_train(x, 1e-4);
  state.SetLabel(text("ranks ", r.report.ranks, " error ", r.report.relative_error));
}

void mttkrp_of(benchmark::State& state) {
  const Array& x = tensor(400, DType::f64);
  std::vector<Array> f;
  for (std::size_t k = 0; k < 3; ++k) f.push_back(random_normal({400, 16}, DType::f64, Random(3, k)));
  for (auto _ : state) benchmark::DoNotOptimize(mttkrp(x, f, static_cast<int>(state.range(0))));
  state.counters["flops"] =
      benchmark::Counter(2.0 * 16 * 6.4e7, benchmark::Counter::kIsIterationInvariantRate);
}

void mode_product_of(benchmark::State& state) {
  const Array& x = tensor(400, DType::f64);
  const Array m = random_normal({state.range(1), 400}, DType::f64, Random(3));
  const ModeProduct plan(x.shape(), DType::f64, static_cast<int>(state.range(0)), state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(plan(x, m));
  state.counters["flops"] = benchmark::Counter(plan.flops(), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = benchmark::Counter(plan.bytes(), benchmark::Counter::kIsIterationInvariantRate);
}

/// R Gaussians of 12 widths each at random centres, sampled at 129 Chebyshev nodes: what range-separated
/// potentials are.
void reduced_hosvd_of(benchmark::State& state) {
  const Index n = 129, terms = state.range(0);
  const Random draw(1);
  std::vector<double> w(static_cast<std::size_t>(terms));
  std::vector<std::vector<double>> a(3, std::vector<double>(static_cast<std::size_t>(n * terms)));
  for (Index r = 0; r < terms; ++r) {
    const std::uint64_t atom = static_cast<std::uint64_t>(r / 12) * 4;
    const double t = 0.5 * std::sinh(0.266 * static_cast<double>(r % 12));
    w[static_cast<std::size_t>(r)] = draw.uniform(atom) - 0.5;
    for (std::size_t k = 0; k < 3; ++k) {
      const double centre = 1.6 * draw.uniform(atom + 1 + k) - 0.8;
      for (Index i = 0; i < n; ++i) {
        const double y = std::cos(3.14159265358979 * static_cast<double>(i) / (n - 1)) - centre;
        a[k][static_cast<std::size_t>(i * terms + r)] = std::exp(-t * t * y * y);
      }
    }
  }
  Canonical x{Array::from(w), {}};
  for (const auto& f : a) x.factors.push_back(Array::from(f, {n, terms}));
  HosvdOptions options;
  options.tolerance = 1e-7;
  Result<Tucker> r;
  for (auto _ : state) r = to_tucker(x, options);
  state.SetLabel(text(r.report.method, " ranks ", r.report.ranks, " error ", r.report.relative_error));
}

#define CARTAN_TIMED Unit(benchmark::kMillisecond)->UseRealTime()
BENCHMARK_CAPTURE(st_hosvd_of, randomized_f64, DType::f64, Method::randomized)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(st_hosvd_of, gram_f64, DType::f64, Method::gram)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(st_hosvd_of, lq_f64, DType::f64, Method::lq)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(st_hosvd_of, randomized_f32, DType::f32, Method::randomized)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(st_hosvd_of, gram_f32, DType::f32, Method::gram)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(hooi_of, f64, DType::f64)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(cp_als_of, f64, DType::f64)->Arg(400)->CARTAN_TIMED;
BENCHMARK_CAPTURE(cp_als_of, f32, DType::f32)->Arg(400)->CARTAN_TIMED;
BENCHMARK(tensor_train_of)->Arg(400)->CARTAN_TIMED;
BENCHMARK(mttkrp_of)->Arg(0)->Arg(1)->Arg(2)->CARTAN_TIMED;
BENCHMARK(mode_product_of)->ArgsProduct({{0, 1, 2}, {8, 64}})->CARTAN_TIMED;
BENCHMARK(reduced_hosvd_of)->Arg(6000)->Arg(48000)->CARTAN_TIMED;

}  // namespace
