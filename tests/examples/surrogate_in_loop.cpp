// A simulation that calls a trained operator on its own buffers each step, and its solver where the operator
// is not to be trusted.
//
//   example_surrogate_in_loop [MODEL.h5]     a model from `cartan operator train`; without one a small one is
//   trained
//
// Burgers' equation on a ring of 64 points. The operator takes u(t) to u(t + 0.02). After each call the
// residual of the trapezoidal rule says how well the new state fits the equation, at the cost of a
// difference: where it is beyond a bound, the reference solver makes the step instead. In the middle of the
// run a kick puts the state where no sample was; the solver takes over until the flow is smooth again.

#include <cartan/operators/fno.hpp>
#include <cartan/operators/random_field.hpp>
#include <cartan/operators/solvers.hpp>
#include <cartan/operators/training.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace cartan;
using namespace cartan::operators;

constexpr Index points = 64;
constexpr double viscosity = 0.05, step = 0.02, length = 1;
constexpr Index solver_steps = 10;

// |(v - u)/step + (F(u) + F(v))/2| over |F(u)|, F(u) = (u^2/2)_x - viscosity u_xx by differences of order
// two.
double residual(const float* u, const float* v) {
  const double h = length / points;
  const auto rate = [&](const float* w, Index j) {
    const double left = w[(j + points - 1) % points], right = w[(j + 1) % points], here = w[j];
    return (right * right - left * left) / (4 * h) - viscosity * (right - 2 * here + left) / (h * h);
  };
  double wrong = 0, size = 0;
  for (Index j = 0; j < points; ++j) {
    const double r = (v[j] - u[j]) / step + (rate(u, j) + rate(v, j)) / 2;
    wrong += r * r;
    size += rate(u, j) * rate(u, j);
  }
  return std::sqrt(wrong / size);
}

// Pairs u(t), u(t + step) from random initial states.
FieldSet samples(Index count, const Burgers& solver) {
  Array x = Array::uninitialized({count, 1, points}, DType::f32),
        y = Array::uninitialized({count, 1, points}, DType::f32);
  std::vector<double> u(points);
  for (Index s = 0; s < count; ++s) {
    draw_periodic({4, 8, 8 * 8 * 8 * 6.0, length}, {points}, Random(1, static_cast<std::uint64_t>(s)), 0,
                  u.data());
    if (!solver.advance(u.data(), s % 8 * solver_steps)) return {};
    for (Index j = 0; j < points; ++j)
      x.mutable_data<float>()[s * points + j] = static_cast<float>(u[static_cast<std::size_t>(j)]);
    if (!solver.advance(u.data(), solver_steps)) return {};
    for (Index j = 0; j < points; ++j)
      y.mutable_data<float>()[s * points + j] = static_cast<float>(u[static_cast<std::size_t>(j)]);
  }
  return FieldSet::of(x, y, "Burgers");
}

Model trained(const Burgers& solver) {
  FnoConfig config;
  config.spectral.modes = {16};
  config.hidden_channels = 12, config.layers = 2;
  Model model(config, 1);
  const FieldSet set = samples(256, solver);
  fit_normalizers(model, set);
  TaskOptions options;
  options.augment.translate = true;
  OperatorTask task(model, set, {}, options);
  nn::TrainerOptions training;
  training.max_steps = 250, training.batch_size = 16;
  training.schedule.learning_rate = 1e-2;
  nn::train(task, training);
  return model;
}

int main(int argc, char** argv) {
  const Burgers solver(points, viscosity, step / solver_steps, length);
  const Model model = argc > 1 ? Model::open(argv[1]) : trained(solver);

  // The simulation's own state, which the operator reads where it lies.
  Array state = Array::uninitialized({1, 1, points}, DType::f32);
  std::vector<double> exact(points), field(points);
  draw_periodic({4, 8, 8 * 8 * 8 * 6.0, length}, {points}, Random(2, 0), 0, exact.data());
  for (Index j = 0; j < points; ++j)
    state.mutable_data<float>()[j] = static_cast<float>(exact[static_cast<std::size_t>(j)]);

  const double bound = 0.4;
  int by_operator = 0, by_solver = 0, after_kick = 0;
  for (int n = 0; n < 40; ++n) {
    if (n == 20) {  // a kick with waves that no sample had
      float* u = state.mutable_data<float>();
      for (Index j = 0; j < points; ++j) {
        const double kick = 2 * std::sin(2 * 3.14159265358979 * 14 * static_cast<double>(j) / points);
        u[j] += static_cast<float>(kick);
        exact[static_cast<std::size_t>(j)] += kick;
      }
    }
    if (!solver.advance(exact.data(), solver_steps)) return 1;  // to compare with, no part of the simulation
    Array next = model.predict(state);
    if (residual(state.data<float>(), next.data<float>()) <= bound) {
      ++by_operator;
    } else {
      for (Index j = 0; j < points; ++j) field[static_cast<std::size_t>(j)] = state.data<float>()[j];
      if (!solver.advance(field.data(), solver_steps)) return 1;
      float* v = next.mutable_data<float>();
      for (Index j = 0; j < points; ++j) v[j] = static_cast<float>(field[static_cast<std::size_t>(j)]);
      ++by_solver;
      if (n >= 20) ++after_kick;
    }
    state = next;
  }
  double wrong = 0, size = 0;
  for (Index j = 0; j < points; ++j) {
    const double e = exact[static_cast<std::size_t>(j)], u = state.data<float>()[j];
    wrong += (u - e) * (u - e), size += e * e;
  }
  const double error = std::sqrt(wrong / size);
  std::printf(
      "%d steps by the operator, %d by the solver, %d of them after the kick; error %.3f of the field\n",
      by_operator, by_solver, after_kick, error);
  // What this example is for: mostly the operator, the solver where it was needed, a state that can be
  // trusted.
  return by_operator >= 20 && after_kick >= 1 && error < 0.3 ? 0 : 1;
}
