// Burgers, Kuramoto-Sivashinsky, reaction-diffusion: u' = L u + N(u) in Fourier series.

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/check.hpp"
#include "operators/solvers/etdrk4.hpp"
#include "operators/solvers/torus.hpp"

namespace cartan::operators {

using Complex = std::complex<double>;

// u_t + (u^2/2)_x = L u.
struct ConservedSquare {
  Torus torus;
  Etdrk4<double> method;

  bool advance(double* u, Index steps) const {
    const Index n = torus.points(), m = torus.modes();
    Scratch<double> field(n);
    Scratch<Complex> series(m), copy(m), work(method.work());
    std::copy(u, u + n, field.data());
    torus.forward(field.data(), series.data());
    const double *k = torus.wave(0).data(), *kept = torus.kept().data();
    for (Index j = 0; j < m; ++j) series[j] *= kept[j];
    const auto nonlinear = [&](const Complex* from, Complex* out) {
      std::copy(from, from + m, copy.data());
      torus.backward(copy.data(), field.data());
      for (Index j = 0; j < n; ++j) field[j] *= field[j];
      torus.forward(field.data(), out);
      for (Index j = 0; j < m; ++j) {
        const double f = 0.5 * k[j] * kept[j];
        out[j] = {f * out[j].imag(), -f * out[j].real()};
      }
    };
    for (Index s = 0; s < steps; ++s) method.step(series.data(), work.data(), nonlinear);
    torus.backward(series.data(), field.data());
    std::copy(field.data(), field.data() + n, u);
    return finite(u, n);
  }
};

namespace {
std::shared_ptr<const ConservedSquare> conserved_square(Index points, double length, double step,
                                                        double second, double fourth) {
  Torus torus({points}, length);
  std::vector<double> linear;
  for (const double k2 : torus.wave_squared()) linear.push_back(k2 * (second + k2 * fourth));
  Etdrk4<double> method(linear, step);
  return std::make_shared<const ConservedSquare>(ConservedSquare{std::move(torus), std::move(method)});
}
}  // namespace

Burgers::Burgers(Index points, double viscosity, double step, double length) {
  check_solver("Burgers", points, step, length);
  require(viscosity >= 0 && std::isfinite(viscosity), "[Burgers] viscosity ", viscosity, "; 0 at least");
  solver_ = conserved_square(points, length, step, -viscosity, 0);
}
bool Burgers::advance(double* u, Index steps) const {
  return solver_->advance(u, steps);
}

KuramotoSivashinsky::KuramotoSivashinsky(Index points, double length, double step) {
  check_solver("KuramotoSivashinsky", points, step, length);
  solver_ = conserved_square(points, length, step, 1, -1);
}
bool KuramotoSivashinsky::advance(double* u, Index steps) const {
  return solver_->advance(u, steps);
}

struct ReactionSolver {
  Torus torus;
  Etdrk4<double> method;  // of both series, one after the other
  double feed;
};

ReactionDiffusion::ReactionDiffusion(Index points, const GrayScottOptions& o, double step, double length) {
  check_solver("ReactionDiffusion", points, step, length);
  for (const double value : {o.diffusion_u, o.diffusion_v, o.feed, o.kill})
    require(value >= 0 && std::isfinite(value), "[ReactionDiffusion] diffusion, feed or kill is ", value,
            "; they are 0 at least");
  Torus torus({points, points}, length);
  std::vector<double> linear;
  for (const double k2 : torus.wave_squared()) linear.push_back(-o.diffusion_u * k2 - o.feed);
  for (const double k2 : torus.wave_squared()) linear.push_back(-o.diffusion_v * k2 - o.feed - o.kill);
  Etdrk4<double> method(linear, step);
  solver_ =
      std::make_shared<const ReactionSolver>(ReactionSolver{std::move(torus), std::move(method), o.feed});
}

bool ReactionDiffusion::advance(double* u, double* v, Index steps) const {
  const Torus& torus = solver_->torus;
  const Index n = torus.points(), m = torus.modes();
  Scratch<double> first(n), second(n);
  Scratch<Complex> series(2 * m), copy(m), work(solver_->method.work());
  const double* kept = torus.kept().data();
  std::copy(u, u + n, first.data());
  torus.forward(first.data(), series.data());
  std::copy(v, v + n, first.data());
  torus.forward(first.data(), series.data() + m);
  for (Index j = 0; j < 2 * m; ++j) series[j] *= kept[j % m];
  const auto nonlinear = [&](const Complex* from, Complex* out) {
    std::copy(from, from + m, copy.data());
    torus.backward(copy.data(), first.data());
    std::copy(from + m, from + 2 * m, copy.data());
    torus.backward(copy.data(), second.data());
    for (Index j = 0; j < n; ++j) first[j] *= second[j] * second[j];
    torus.forward(first.data(), out);
    for (Index j = 0; j < m; ++j) {
      out[m + j] = kept[j] * out[j];
      out[j] = -out[m + j];
    }
    out[0] += solver_->feed;
  };
  for (Index s = 0; s < steps; ++s) solver_->method.step(series.data(), work.data(), nonlinear);
  torus.backward(series.data(), first.data());
  std::copy(first.data(), first.data() + n, u);
  torus.backward(series.data() + m, first.data());
  std::copy(first.data(), first.data() + n, v);
  return finite(u, n) && finite(v, n);
}

}  // namespace cartan::operators
