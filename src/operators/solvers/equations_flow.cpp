// Samples of flows: vorticity on a torus, pressure in a porous medium.

#include <algorithm>
#include <cmath>
#include <optional>

#include "cartan/core/error.hpp"
#include "cartan/operators/random_field.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/equations.hpp"

namespace cartan::operators {
namespace {

constexpr double pi = 3.14159265358979323846;

// Nodes with the border: a grid of (points - 1) refine + 1 is thinned to `points`.
// Li et al., arXiv:2010.08895, A.3.2: a = 12 or 3 by the sign of a Gaussian field with alpha 2, tau 3, f = 1,
// 421 x 421 nodes.
class DarcyEquation final : public Equation {
 public:
  DarcyEquation(Index points, Index refine) : grid_{points, refine} {}
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("above", above_, "the coefficient where the Gaussian field is positive").above(0);
    f("below", below_, "and where it is not").above(0);
    f("tolerance", tolerance_, "residual of the solver").above(0).below(1);
    operators::describe(f, field_);
  }
  void prepare() override {
    config::validate("darcy", *this);
    fine_ = (grid_.points - 1) * grid_.refine + 1;
    solver_.emplace(fine_, tolerance_);
  }
  Shape x_shape() const override { return {1, grid_.points, grid_.points}; }
  Shape y_shape() const override { return {1, grid_.points, grid_.points}; }
  std::vector<std::string> x_channels() const override { return {"a"}; }
  std::vector<std::string> y_channels() const override { return {"u"}; }
  bool periodic() const override { return false; }
  std::string formula() const override {
    return "-div(a grad u) = 1 on (0, 1)^2, u = 0 on the border; nodes with the border";
  }
  bool draw(const Random& random, double* x, double* y) const override {
    Scratch<double> a(fine_ * fine_), u(fine_ * fine_);
    draw_neumann(field_, {fine_, fine_}, random, 0, a.data());
    for (double& v : a) v = v >= 0 ? above_ : below_;
    const bool sound = solver_->solve(a.data(), nullptr, u.data()).converged;
    for (Index i = 0; i < grid_.points; ++i)
      for (Index j = 0; j < grid_.points; ++j) {
        const Index from = (i * fine_ + j) * grid_.refine, to = i * grid_.points + j;
        x[to] = a[from], y[to] = u[from];
      }
    return sound;
  }

 private:
  GridOptions grid_;
  double above_ = 12, below_ = 3, tolerance_ = 1e-8;
  GaussianField field_{2, 3, 3, 1};
  Index fine_ = 0;
  std::optional<Darcy> solver_;
};

enum class Flow { fno, kolmogorov, forcing };

// fno: Li et al., A.3.3, with the covariance of their script, twice that of the paper. Their steps of 1e-4 of
// order one are one choice of `scheme`.
// kolmogorov, forcing: as PINO (arXiv:2111.03794) and MG-TFNO (arXiv:2310.00120) have them.
class VorticityEquation final : public Equation {
 public:
  VorticityEquation(Flow flow, double viscosity, double time) : flow_(flow), viscosity_(viscosity) {
    if (flow == Flow::fno) {
      out_ = static_cast<Index>(time) - in_;
    } else {
      length_ = 2 * pi;
      field_ = flow == Flow::kolmogorov
                   ? GaussianField{2.5, 7, std::pow(7, 1.5) * std::sqrt(2 * length_ * length_), length_}
                   : GaussianField{4, 3, std::sqrt(27.0), length_};
      in_ = 1, out_ = flow == Flow::kolmogorov ? 20 : 1;
      interval_ = flow == Flow::kolmogorov ? 0.25 : time;
      warm_up_ = flow == Flow::kolmogorov ? 5 : 0;
      grid_ = flow == Flow::kolmogorov ? GridOptions{64, 2} : GridOptions{128, 1};
      step_ = 5e-3;
    }
  }
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("viscosity", viscosity_, "viscosity").from(0);
    if (flow_ != Flow::forcing) {
      f("warm_up", warm_up_, "time before the first frame").from(0);
      f("interval", interval_, "time from frame to frame").above(0);
      f("frames_in", in_, "frames in x").from(1).to(1000);
      f("frames_out", out_, "frames in y, which follow").from(1).to(10000);
    } else {
      f("time", interval_, "time of y; at 0 all is at rest").above(0);
    }
    f("scheme", scheme_,
      {{"etdrk4", NavierStokesScheme::etdrk4}, {"crank-nicolson", NavierStokesScheme::crank_nicolson}},
      "steps in time, of order 4 or 1");
    f("step", step_, "longest step in time").above(0);
    f("solver_precision", solver_precision_, "of the solver");
    operators::describe(f, field_);
  }
  void prepare() override {
    config::validate("navier-stokes", *this);
    const Steps steps(interval_, step_);
    count_ = steps.count;
    before_ = static_cast<Index>(std::llround(warm_up_ / steps.length));
    solver_.emplace(grid_.fine(), viscosity_, steps.length, scheme_, length_, solver_precision_);
    field_.length = length_;
    const Index n = grid_.fine();
    force_.assign(static_cast<std::size_t>(n * n), 0);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const double x = static_cast<double>(i) / static_cast<double>(n),
                     y = static_cast<double>(j) / static_cast<double>(n);
        force_[static_cast<std::size_t>(i * n + j)] =
            flow_ == Flow::fno ? 0.1 * (std::sin(2 * pi * (x + y)) + std::cos(2 * pi * (x + y)))
                               : -4 * std::cos(4 * 2 * pi * y);
      }
  }
  Shape x_shape() const override { return {in_, grid_.points, grid_.points}; }
  Shape y_shape() const override { return {out_, grid_.points, grid_.points}; }
  std::vector<std::string> x_channels() const override {
    return flow_ == Flow::forcing ? std::vector<std::string>{"f"} : names(0, in_);
  }
  std::vector<std::string> y_channels() const override {
    return flow_ == Flow::forcing ? names(1, 1) : names(in_, out_);
  }
  bool frames() const override { return flow_ != Flow::forcing; }
  std::string formula() const override {
    return std::string("w_t + v . grad w = viscosity Laplacian w + f on ") +
           (flow_ == Flow::fno          ? "(0, 1)^2, f = 0.1 (sin + cos)(2 pi (x1 + x2))"
            : flow_ == Flow::kolmogorov ? "(0, 2 pi)^2, f = -4 cos(4 x2)"
                                        : "(0, 2 pi)^2, w = 0 at time 0") +
           ", periodic";
  }
  bool draw(const Random& random, double* x, double* y) const override {
    const Index n = grid_.fine(), size = grid_.points * grid_.points;
    Scratch<double> w(n * n, 0.0), f(n * n);
    if (flow_ == Flow::forcing) {
      draw_periodic(field_, {n, n}, random, 0, f.data());
      const bool sound = solver_->advance(w.data(), f.data(), count_);
      thin(f.data(), 2, grid_.points, grid_.refine, x);
      thin(w.data(), 2, grid_.points, grid_.refine, y);
      return sound;
    }
    draw_periodic(field_, {n, n}, random, 0, w.data());
    bool sound = solver_->advance(w.data(), force_.data(), before_);
    for (Index k = 0; k < in_ + out_ && sound; ++k) {
      if (k > 0) sound = solver_->advance(w.data(), force_.data(), count_);
      thin(w.data(), 2, grid_.points, grid_.refine, k < in_ ? x + k * size : y + (k - in_) * size);
    }
    return sound;
  }

 private:
  std::vector<std::string> names(Index first, Index count) const {
    std::vector<std::string> out;
    for (Index k = 0; k < count; ++k)
      out.push_back(text("w at time ", warm_up_ + interval_ * static_cast<double>(first + k)));
    return out;
  }
  Flow flow_;
  GridOptions grid_{64, 2};
  double viscosity_, length_ = 1, warm_up_ = 1, interval_ = 1, step_ = 1e-2;
  Index in_ = 10, out_ = 1, count_ = 0, before_ = 0;
  NavierStokesScheme scheme_ = NavierStokesScheme::etdrk4;
  DType solver_precision_ = DType::f64;
  GaussianField field_{2.5, 7, std::pow(7, 1.5) * std::sqrt(2.0), 1};
  std::vector<double> force_;
  std::optional<NavierStokes> solver_;
};

}  // namespace

std::unique_ptr<Equation> make_darcy() {
  return std::make_unique<DarcyEquation>(85, 5);
}
std::unique_ptr<Equation> make_darcy_small() {
  return std::make_unique<DarcyEquation>(17, 8);
}
std::unique_ptr<Equation> make_navier_stokes_3() {
  return std::make_unique<VorticityEquation>(Flow::fno, 1e-3, 50);
}
std::unique_ptr<Equation> make_navier_stokes_4() {
  return std::make_unique<VorticityEquation>(Flow::fno, 1e-4, 30);
}
std::unique_ptr<Equation> make_navier_stokes_5() {
  return std::make_unique<VorticityEquation>(Flow::fno, 1e-5, 20);
}
std::unique_ptr<Equation> make_kolmogorov() {
  return std::make_unique<VorticityEquation>(Flow::kolmogorov, 1.0 / 500, 0);
}
std::unique_ptr<Equation> make_ns_forcing() {
  return std::make_unique<VorticityEquation>(Flow::forcing, 1.0 / 500, 5);
}

}  // namespace cartan::operators
