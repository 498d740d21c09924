// Reference solvers of operators: one step of Navier-Stokes at 256^2, a Darcy solve, Burgers to time 1. The
// same work in other programs: peers/pde_solvers.py.

#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "cartan/operators/random_field.hpp"
#include "cartan/operators/solvers.hpp"

namespace {

using namespace cartan;
using namespace cartan::operators;

void navier_stokes(benchmark::State& state, NavierStokesScheme scheme, DType precision) {
  const Index n = 256, steps = 20;
  std::vector<double> w(static_cast<std::size_t>(n * n)), f(w.size(), 0.01);
  draw_periodic({2.5, 7, 26, 1}, {n, n}, Random(1, 0), 0, w.data());
  const NavierStokes solver(n, 1e-3, 1e-4, scheme, 1, precision);
  for (auto _ : state) {
    if (!solver.advance(w.data(), f.data(), steps)) state.SkipWithError("lost");
  }
  state.SetLabel("20 steps");
}
BENCHMARK_CAPTURE(navier_stokes, crank_nicolson_f32, NavierStokesScheme::crank_nicolson, DType::f32)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(navier_stokes, crank_nicolson_f64, NavierStokesScheme::crank_nicolson, DType::f64)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(navier_stokes, etdrk4_f64, NavierStokesScheme::etdrk4, DType::f64)
    ->Unit(benchmark::kMillisecond);

void darcy(benchmark::State& state) {
  const Index n = state.range(0);
  std::vector<double> a(static_cast<std::size_t>(n * n)), u(a.size());
  draw_neumann({2, 3, 3, 1}, {n, n}, Random(1, 0), 0, a.data());
  for (double& v : a) v = v >= 0 ? 12 : 3;
  const Darcy solver(n);
  for (auto _ : state)
    if (!solver.solve(a.data(), nullptr, u.data()).converged) state.SkipWithError("not converged");
}
BENCHMARK(darcy)->Arg(241)->Arg(421)->Unit(benchmark::kMillisecond);

void burgers(benchmark::State& state) {
  const Index n = state.range(0);
  std::vector<double> u(static_cast<std::size_t>(n));
  const Burgers solver(n, 0.1, 2e-3);
  for (auto _ : state) {
    draw_periodic({2, 5, 25, 1}, {n}, Random(1, 0), 0, u.data());
    if (!solver.advance(u.data(), 500)) state.SkipWithError("lost");
  }
}
BENCHMARK(burgers)->Arg(1024)->Arg(8192)->Unit(benchmark::kMillisecond);

}  // namespace
