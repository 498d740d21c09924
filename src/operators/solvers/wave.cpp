#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/check.hpp"
#include "operators/solvers/torus.hpp"

namespace cartan::operators {

struct WaveSolver {
  Torus torus;
  double step;
};

Wave::Wave(Index points, double step, double length) {
  check_solver("Wave", points, step, length);
  solver_ = std::make_shared<const WaveSolver>(WaveSolver{Torus({points, points}, length), step});
}

double Wave::longest_step(Index points, double speed, double length) {
  // PEFRL is stable for step * frequency below about 2.9.
  const double highest = 3.14159265358979323846 * static_cast<double>(points) / length;
  return 2.8 / (speed * highest * std::sqrt(2.0));
}

bool Wave::advance(double* u, double* velocity, const double* speed, Index steps) const {
  const Torus& torus = solver_->torus;
  const Index n = torus.points(), m = torus.modes();
  const double h = solver_->step, xi = 0.1786178958448091, lambda = -0.2123418310626054,
               chi = -0.06626458266981849;
  Scratch<double> x(n), v(n), force(n), square(n);
  Scratch<std::complex<double>> series(m);
  std::copy(u, u + n, x.data());
  std::copy(velocity, velocity + n, v.data());
  for (Index k = 0; k < n; ++k) square[k] = speed[k] * speed[k];
  const double* wave = torus.wave_squared().data();
  const auto drift = [&](double t) {
    for (Index k = 0; k < n; ++k) x[k] += t * v[k];
  };
  const auto kick = [&](double t) {
    torus.forward(x.data(), series.data());
    for (Index k = 0; k < m; ++k) series[k] *= -t * wave[k];
    torus.backward(series.data(), force.data());
    for (Index k = 0; k < n; ++k) v[k] += square[k] * force[k];
  };
  for (Index s = 0; s < steps; ++s) {
    drift(xi * h);
    kick((1 - 2 * lambda) * h / 2);
    drift(chi * h);
    kick(lambda * h);
    drift((1 - 2 * (chi + xi)) * h);
    kick(lambda * h);
    drift(chi * h);
    kick((1 - 2 * lambda) * h / 2);
    drift(xi * h);
  }
  std::copy(x.data(), x.data() + n, u);
  std::copy(v.data(), v.data() + n, velocity);
  return finite(u, n) && finite(velocity, n);
}

}  // namespace cartan::operators
