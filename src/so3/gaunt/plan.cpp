// The cost of the engines, and the choice.
#include "so3/gaunt/plan.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/random.hpp"
#include "cartan/so3/vector_signal.hpp"

namespace cartan::so3 {
namespace {

// Nanoseconds of one block of 32 lanes of float32: a least-squares fit to the times of products of degrees 1
// to 10 (benchmarks/gaunt_bench.cpp, one core of a Xeon with AVX-512); it holds within 30 %. The ratios
// decide.
struct Rates {
  double block, row, weighted, product, sum, wave;
};
Rates rates_of(Engine engine) {
  switch (engine) {
    case Engine::cg:
      return {167, 0.9, 5.9, 0.25, 0.66, 0};
    case Engine::grid:
      return {166, 5.8, 8.2, 0.64, 0.92, 0};
    case Engine::escn:
      return {118, 0, 0, 0, 2.44, 27.7};
    default:
      return {1640, 0, 0, 12.8, 95, 10};
  }
}

constexpr Engine all_engines[] = {Engine::cg, Engine::grid, Engine::fourier, Engine::escn};

Candidate candidate(Engine engine, const FormWork& work, double lanes) {
  const Rates rates = rates_of(engine);
  Candidate c;
  c.engine = name_of(engine);
  c.flops = lanes * (work.products + 2 * work.sums + 5 * work.waves);
  c.bytes = 4 * lanes * work.rows;
  c.seconds = std::ceil(lanes / 32) * 1e-9 *
              (rates.block + rates.row * work.rows + rates.weighted * work.weighted +
               rates.product * work.products + rates.sum * work.sums + rates.wave * work.waves);
  return c;
}

// By calls on random data of at most `most` samples, scaled to all of them.
template <class Call>
void measure_samples(Candidate& c, Index samples, Call&& call) {
  constexpr Index most = 4096;
  const Index count = std::min(samples, most);
  measure(
      c, [&] { call(count); }, static_cast<double>(samples) / static_cast<double>(count));
}

Array noise(const Shape& shape, std::uint64_t stream) {
  return random_normal(shape, DType::f32, Random(1, stream));
}

void measure_form(Candidate& c, const SphereForm& form, int out, Index lanes) {
  measure_samples(c, lanes, [&](Index samples) {
    Arrays inputs;
    for (int s = 0; s < form.slots(); ++s) {
      if (s == out) continue;
      const auto k = static_cast<std::size_t>(s);
      if (s < form.arrays()) {
        inputs.push_back(noise({samples, (form.degree[k] + 1) * (form.degree[k] + 1)}, k));
      } else {
        const std::size_t w = k - form.degree.size();
        inputs.push_back(noise({1, form.rows[w], form.weight_degree[w] + 1, 1}, k));
      }
    }
    FormDerivative(form, out, engine_of(c.engine)).eval_cpu(inputs);
  });
}

std::vector<Candidate> candidates_of(const SphereForm& form, int out, const PlanOptions& options,
                                     Index lanes) {
  std::vector<Candidate> all;
  const bool bracket =
      std::any_of(form.terms.begin(), form.terms.end(), [](const SphereTerm& t) { return t.bracket; });
  for (const Engine engine : {Engine::cg, Engine::grid, Engine::fourier}) {
    if (engine == Engine::fourier && bracket) {
      Candidate c;
      c.engine = name_of(engine);
      c.why_not = "gradients are formed on the grid";
      all.push_back(c);
      continue;
    }
    const FormWork work = engine == Engine::cg ? coupling_work(form, out) : transform_work(form, out, engine);
    all.push_back(candidate(engine, work, static_cast<double>(lanes)));
    if (options.measure) measure_form(all.back(), form, out, lanes);
  }
  return all;
}

}  // namespace

const char* name_of(Engine engine) {
  constexpr const char* names[] = {"cg", "grid", "fourier", "escn"};
  return names[static_cast<int>(engine)];
}

Engine engine_of(const std::string& name) {
  for (const Engine engine : all_engines)
    if (name == name_of(engine)) return engine;
  throw std::invalid_argument(text("[plan] no engine '", name, "': cg, grid, fourier or escn"));
}

Plan plan_form(const SphereForm& form, int out, const PlanOptions& options) {
  options.validate();
  return choose(candidates_of(form, out, options, options.batch), options.engine);
}

Plan plan_convolution(const ConvolutionDegrees& l, const SphereForm& form, Index channels,
                      const PlanOptions& options) {
  options.validate();
  const Index edges = options.batch, lanes = edges * channels;
  PlanOptions spatial = options;
  spatial.measure = false;
  auto all = candidates_of(form, 2, spatial, lanes);
  // beyond the blocks: harmonics of the edges, and the call itself
  for (Candidate& c : all)
    c.seconds += 2.2e-6 + 1e-9 * static_cast<double>(edges * (5 + (l.filter + 1) * (l.filter + 1)));
  all.push_back(candidate(Engine::escn, frame_work(l, edges, channels), static_cast<double>(lanes)));
  all.back().seconds += 1.4e-6;
  if (options.measure)
    for (Candidate& c : all)
      measure_samples(c, edges, [&](Index n) {
        ConvolutionSlot(l, ConvolutionSlot::Z, engine_of(c.engine))
            .eval_cpu({noise({n, (l.x + 1) * (l.x + 1) * channels}, 1), noise({1, 1, l.filter + 1, 1}, 2),
                       noise({n, 3}, 3)});
      });
  return choose(std::move(all), options.engine);
}

Plan plan_complete(int l1, int l2, int l3, const PlanOptions& options) {
  options.validate();
  const auto lanes = static_cast<double>(options.batch);
  // One product by couplings for all paths; on the grid a projection a pair of degrees.
  FormWork cg, grid;
  const double total = l1 + l2 + l3, pairs = std::floor(total / 4) + 1, quarter = std::ceil((total + 1) / 4);
  for (const ProductPath& p : CompleteProduct::paths_of(l1, l2, l3)) {
    cg.rows += 2 * p.l3 + 1;
    cg.sums += 1.4 * (2 * std::min({p.l1, p.l2, p.l3}) + 1) * (2 * p.l3 + 1);
  }
  for (int a = 0; a <= l1; ++a)
    for (int b = 0; b <= l2; ++b) {
      const double l = std::min(a + b, l3);
      grid.sums += pairs * ((l + 1) * (l + 1) + 2 * quarter * (2 * l + 1)) + pairs * quarter * 8 * 4;
    }
  for (const double n : {l1, l2})
    for (int l = 0; l <= n; ++l) grid.sums += 3 * pairs * ((l + 1) * (l + 1) + 2 * quarter * (2 * l + 1));
  grid.rows = cg.rows += (l1 + 1) * (l1 + 1) + (l2 + 1) * (l2 + 1);
  std::vector<Candidate> all{candidate(Engine::cg, cg, lanes), candidate(Engine::grid, grid, lanes)};
  if (options.measure)
    for (Candidate& c : all) {
      PlanOptions forced;
      forced.engine = c.engine;
      const CompleteProduct product(l1, l2, l3, forced);
      measure_samples(c, options.batch, [&](Index n) {
        product(noise({n, (l1 + 1) * (l1 + 1)}, 1), noise({n, (l2 + 1) * (l2 + 1)}, 2));
      });
    }
  return choose(std::move(all), options.engine);
}

}  // namespace cartan::so3
