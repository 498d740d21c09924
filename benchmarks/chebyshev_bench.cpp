// Chebyshev-Tucker functions and range-separated electrostatics. Public tensors and proteins come from the
// folder $CARTAN_DATA (default ../shared/data); what needs them is skipped without. peers/chebtuck_scipy.py
// does the same work with numpy and scipy.
#include <benchmark/benchmark.h>

#include <cartan/chebyshev/basis.hpp>
#include <cartan/chebyshev/electrostatics.hpp>
#include <cartan/chebyshev/fit.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>
#include <cartan/core/units.hpp>
#include <cartan/data/hdf5.hpp>
#include <cartan/data/point_charges.hpp>
#include <cartan/linalg/hosvd.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

using namespace cartan;
using namespace cartan::chebyshev;

namespace {

std::string data_file(const std::string& name) {
  const char* root = std::getenv("CARTAN_DATA");
  return std::string(root && *root ? root : "../shared/data") + "/" + name;
}

ChebyshevTucker random_function(Index m, Index r, DType dtype) {
  linalg::Tucker t;
  t.core = random_normal({r, r, r}, dtype, Random(1));
  for (int k = 0; k < 3; ++k)
    t.factors.push_back(random_normal({m, r}, dtype, Random(2, static_cast<std::uint64_t>(k))));
  return {cube(3, 1), t};
}

// Scattered points: 2 r^3 flops a point for the core and 6 m r for the factors, twice and three times that
// with derivatives.
void scattered(benchmark::State& state, DType dtype, int order) {
  constexpr Index n = 20000, m = 129;
  const Index r = state.range(0);
  const ChebyshevTucker f = random_function(m, r, dtype);
  const Array x = random_uniform({n, 3}, -1, 1, DType::f64, Random(5));
  for (auto _ : state) benchmark::DoNotOptimize(f.evaluate(x, order).value.raw());
  const double flops =
      (order + 1) * (2.0 * static_cast<double>(r * r * r) + 6.0 * static_cast<double>(m * r)) +
      2.0 * static_cast<double>(r * r);
  state.counters["points/s"] =
      benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["GF/s"] = benchmark::Counter(flops * static_cast<double>(n) * 1e-9,
                                              benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(scattered, values_f64, DType::f64, 0)
    ->Arg(10)
    ->Arg(40)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(scattered, values_f32, DType::f32, 0)->Arg(40)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(scattered, gradients_f64, DType::f64, 1)->Arg(40)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(scattered, hessians_f64, DType::f64, 2)->Arg(40)->UseRealTime()->MeasureProcessCPUTime();

void grid(benchmark::State& state, DType dtype) {
  const Index n = state.range(0), r = 40;
  const ChebyshevTucker f = random_function(129, r, dtype);
  const Array x = random_uniform({n}, -1, 1, DType::f64, Random(5));
  for (auto _ : state) benchmark::DoNotOptimize(f.on_grid({x, x, x}).raw());
  state.counters["points/s"] =
      benchmark::Counter(static_cast<double>(n * n * n), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(grid, f64, DType::f64)->Arg(100)->Arg(200)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(grid, f32, DType::f32)->Arg(200)->UseRealTime()->MeasureProcessCPUTime();

void fit_gaussian(benchmark::State& state) {
  const BatchFunction f = [](const double* x, Index n, double* v) {
    parallel_for(n, 1024, [&](Index b, Index e) {
      for (Index i = b; i < e; ++i)
        v[i] = 1 / std::sqrt(x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2] +
                             0.01);
    });
  };
  FitOptions o;
  o.tolerance = 1e-8;
  o.sampling = state.range(0) ? Sampling::cross : Sampling::full;
  for (auto _ : state) benchmark::DoNotOptimize(fit(f, cube(3, 1), o).rel_error_max);
}
BENCHMARK(fit_gaussian)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

// The biomolecule of the ChebTuck authors: canonical rank 743 on 256^3.
void biomolecule(benchmark::State& state) {
  const std::string path = data_file("chebtuck/n256_Pn500.h5");
  if (!std::filesystem::exists(path)) return state.SkipWithError("no data");
  const data::Group g = data::load(path);
  linalg::Canonical c;
  c.weights = g.array("LRed/LAM1C").as(DType::f64).reshaped({-1});
  for (const char* name : {"LRed/CU1", "LRed/CU2", "LRed/CU3"})
    c.factors.push_back(g.array(name).as(DType::f64));
  const Index degree = state.range(0) - 1;
  for (auto _ : state) benchmark::DoNotOptimize(fit_canonical(c, cube(3, 1), {degree, degree, degree}, 1e-7));
}
BENCHMARK(biomolecule)
    ->Arg(129)
    ->Arg(257)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

struct Molecule {
  Array positions, charges;
};

// `copies` proteins turned and moved apart on a lattice: a set of as many atoms as wanted.
bool make_molecule(Index atoms, Molecule& out) {
  std::vector<double> x, q;
  std::vector<data::PointCharges> proteins;
  for (const char* name : {"1a63", "barnase", "fas2", "1ajj"}) {
    const std::string path = data_file(std::string("proteins/") + name + ".pqr");
    if (!std::filesystem::exists(path)) return false;
    proteins.push_back(data::read_point_charges(path));
  }
  for (Index copy = 0; static_cast<Index>(q.size()) < atoms; ++copy) {
    const data::PointCharges& p = proteins[static_cast<std::size_t>(copy % 3)];
    const double angle = 0.7 * static_cast<double>(copy), c = std::cos(angle), s = std::sin(angle);
    double centre[3] = {};
    for (std::size_t i = 0; i < p.positions.size(); ++i)
      centre[i % 3] += p.positions[i] / static_cast<double>(p.size());
    for (Index i = 0; i < p.size() && static_cast<Index>(q.size()) < atoms; ++i) {
      const double* r = p.positions.data() + 3 * i;
      const double u = r[0] - centre[0], v = r[1] - centre[1], w = r[2] - centre[2];
      x.insert(x.end(), {c * u - s * v + 45.0 * static_cast<double>(copy % 3),
                         s * u + c * v + 45.0 * static_cast<double>(copy / 3 % 3),
                         w + 45.0 * static_cast<double>(copy / 9)});
      q.push_back(p.charges[static_cast<std::size_t>(i)]);
    }
  }
  out.positions = Array::from(x, {static_cast<Index>(q.size()), 3});
  out.charges = Array::from(q);
  return true;
}

SeparationOptions separation(const Molecule& m, const Box& box, double tolerance) {
  SeparationOptions o;
  o.tolerance = tolerance;
  o.cutoff = balanced_cutoff(m.positions, box);
  return o;
}

// The long-range potential at 500 of the charges against direct summation of the Gaussians over all of them:
// largest error and root mean square, relative to those of the potential.
void compare_long_range(benchmark::State& state, const RangeSeparation& plan, const Molecule& m,
                        const ChebyshevTucker& f) {
  constexpr Index sample = 500;
  const Index n = m.charges.size(), step = std::max<Index>(1, n / sample);
  const double *x = m.positions.data<double>(), *q = m.charges.data<double>();
  double worst = 0, largest = 0, sum = 0, square = 0;
  for (Index i = 0; i < n; i += step) {
    const double* p = x + 3 * i;
    double exact = 0;
    for (Index j = 0; j < n; ++j)
      exact +=
          q[j] * plan.long_range()(std::hypot(p[0] - x[3 * j], p[1] - x[3 * j + 1], p[2] - x[3 * j + 2]));
    exact *= units::coulomb;
    const double e = std::abs(f({p[0], p[1], p[2]}) - exact);
    worst = std::max(worst, e);
    largest = std::max(largest, std::abs(exact));
    sum += e * e;
    square += exact * exact;
  }
  state.counters["rel_max"] = worst / largest;
  state.counters["rel_rms"] = std::sqrt(sum / square);
}

// From positions to the long-range potential in Chebyshev-Tucker format, quadrature and basis included.
void long_range_potential(benchmark::State& state) {
  Molecule m;
  if (!make_molecule(state.range(0), m)) return state.SkipWithError("no data");
  const Box box = bounding_box(m.positions, 3);
  const SeparationOptions o = separation(m, box, 1e-7);
  for (auto _ : state) {
    const RangeSeparation plan(box, o);
    const ChebyshevTucker f = plan.potential(plan.moments(m.positions, m.charges));
    benchmark::DoNotOptimize(f.coefficients().core.raw());
    state.counters["rank"] = static_cast<double>(f.ranks()[0]);
  }
  const RangeSeparation plan(box, o);
  compare_long_range(state, plan, m, plan.potential(plan.moments(m.positions, m.charges)));
}
BENCHMARK(long_range_potential)
    ->Arg(519)
    ->Arg(2065)
    ->Arg(16000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

// With the plan at hand: what a simulation pays a step for energy and forces.
void energy_and_forces(benchmark::State& state) {
  Molecule m;
  if (!make_molecule(state.range(0), m)) return state.SkipWithError("no data");
  const Box box = bounding_box(m.positions, 3);
  const RangeSeparation plan(box, separation(m, box, 1e-7));
  for (auto _ : state)
    benchmark::DoNotOptimize(ElectrostaticField(plan, m.positions, m.charges).energy().energy);
  if (m.charges.size() > 20000) return;  // minutes of direct summation
  const ElectrostaticEnergy e = ElectrostaticField(plan, m.positions, m.charges).energy(),
                            d = direct_energy({}, m.positions, m.charges);
  state.counters["rel_energy"] = std::abs(e.energy / d.energy - 1);
  double worst = 0, largest = 0;
  for (Index i = 0; i < d.forces.size(); ++i) {
    worst = std::max(worst, std::abs(e.forces.data<double>()[i] - d.forces.data<double>()[i]));
    largest = std::max(largest, std::abs(d.forces.data<double>()[i]));
  }
  state.counters["rel_force"] = worst / largest;
}
BENCHMARK(energy_and_forces)
    ->Arg(2065)
    ->Arg(16000)
    ->Arg(64000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void direct_energy_and_forces(benchmark::State& state) {
  Molecule m;
  if (!make_molecule(state.range(0), m)) return state.SkipWithError("no data");
  for (auto _ : state) benchmark::DoNotOptimize(direct_energy({}, m.positions, m.charges).energy);
}
BENCHMARK(direct_energy_and_forces)
    ->Arg(2065)
    ->Arg(16000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

void transform(benchmark::State& state) {
  const Index m = state.range(0);
  const Array v = random_normal({m, m, m}, DType::f64, Random(1));
  for (auto _ : state) {
    Array c = v;
    for (int k = 0; k < 3; ++k) c = values_to_coefficients(c, k);
    benchmark::DoNotOptimize(c.raw());
  }
  state.SetBytesProcessed(state.iterations() * 6 * static_cast<Index>(v.bytes()));
}
BENCHMARK(transform)
    ->Arg(129)
    ->Arg(257)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace
