// Decompositions of dense tensors. benchmarks/peers/linalg_peers.py runs the same work in other programs.
//
// The tensor "400": f64, 400^3, sum of 8 x 10 x 8 Tucker terms with singular values falling to about 1e-3,
// plus noise of 4.96e-5 of its norm.
#include <benchmark/benchmark.h>

#include <cmath>
#include <map>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
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

BENCHMARK_CAPTURE(st_hosvd_of, randomized_f64, DType::f64, Method::randomized)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(st_hosvd_of, gram_f64, DType::f64, Method::gram)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(st_hosvd_of, lq_f64, DType::f64, Method::lq)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(st_hosvd_of, randomized_f32, DType::f32, Method::randomized)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(st_hosvd_of, gram_f32, DType::f32, Method::gram)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
