// Samples of waves and reactions in two dimensions.

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

// At rest at first; the speed is exp of a Gaussian field of deviation `contrast`, cut at twice that.
class WaveEquation final : public Equation {
 public:
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("contrast", contrast_, "deviation of the logarithm of the speed").from(0).to(2);
    f("time", time_, "time from x to y").above(0);
    f("step", step_, "longest step in time (0: by the bound of stability)").from(0);
    operators::describe(f, field_);
  }
  void prepare() override {
    config::validate("wave", *this);
    double step = 0.5 * Wave::longest_step(grid_.fine(), std::exp(2 * contrast_));
    if (step_ > 0) step = step_;
    const Steps steps(time_, step);
    count_ = steps.count;
    solver_.emplace(grid_.fine(), steps.length);
  }
  Shape x_shape() const override { return {2, grid_.points, grid_.points}; }
  Shape y_shape() const override { return {1, grid_.points, grid_.points}; }
  std::vector<std::string> x_channels() const override { return {"u at time 0", "c"}; }
  std::vector<std::string> y_channels() const override { return {text("u at time ", time_)}; }
  std::string formula() const override {
    return "u_tt = c^2 Laplacian u on (0, 1)^2, u_t = 0 at time 0, periodic";
  }
  bool draw(const Random& random, double* x, double* y) const override {
    const Index n = grid_.fine(), size = grid_.points * grid_.points;
    Scratch<double> u(n * n), v(n * n, 0.0), c(n * n);
    draw_periodic(field_, {n, n}, random, 0, u.data());
    draw_periodic({3, 8, 8 * 8 * 8.0 / 8, 1}, {n, n}, random, 1, c.data());
    double square = 0;
    for (const double value : c) square += value * value;
    const double scale = contrast_ / std::sqrt(square / static_cast<double>(n * n));
    for (double& value : c) value = std::exp(std::clamp(scale * value, -2 * contrast_, 2 * contrast_));
    thin(u.data(), 2, grid_.points, grid_.refine, x);
    thin(c.data(), 2, grid_.points, grid_.refine, x + size);
    const bool sound = solver_->advance(u.data(), v.data(), c.data(), count_);
    thin(u.data(), 2, grid_.points, grid_.refine, y);
    return sound;
  }

 private:
  GridOptions grid_{64, 1};
  double contrast_ = 0.2, time_ = 0.5, step_ = 0;
  GaussianField field_{4, 12, std::pow(12, 3), 1};
  Index count_ = 0;
  std::optional<Wave> solver_;
};

// Patches of the second substance in a sea of the first, smooth at random places.
class ReactionEquation final : public Equation {
 public:
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("diffusion_u", gray_scott_.diffusion_u, "diffusion of the first substance").from(0);
    f("diffusion_v", gray_scott_.diffusion_v, "diffusion of the second").from(0);
    f("feed", gray_scott_.feed, "rate by which the first is fed").from(0);
    f("kill", gray_scott_.kill, "rate by which the second decays").from(0);
    f("warm_up", warm_up_, "time before x").from(0);
    f("time", time_, "time from x to y").above(0);
    f("step", step_, "longest step in time").above(0);
  }
  void prepare() override {
    config::validate("reaction-diffusion", *this);
    const Steps steps(time_, step_);
    count_ = steps.count;
    before_ = static_cast<Index>(std::llround(warm_up_ / steps.length));
    solver_.emplace(grid_.fine(), gray_scott_, steps.length);
  }
  Shape x_shape() const override { return {2, grid_.points, grid_.points}; }
  Shape y_shape() const override { return {2, grid_.points, grid_.points}; }
  std::vector<std::string> x_channels() const override { return {"u at time 0", "v at time 0"}; }
  std::vector<std::string> y_channels() const override {
    return {text("u at time ", time_), text("v at time ", time_)};
  }
  std::string formula() const override {
    return "u_t = diffusion_u Laplacian u - u v^2 + feed (1 - u), v_t = diffusion_v Laplacian v + u v^2 - "
           "(feed + "
           "kill) v on (0, 1)^2, periodic";
  }
  bool draw(const Random& random, double* x, double* y) const override {
    const Index n = grid_.fine(), size = grid_.points * grid_.points;
    Scratch<double> u(n * n, 1.0), v(n * n, 0.0);
    constexpr int patches = 12;
    for (int p = 0; p < patches; ++p) {
      const auto uniform = [&](int k) { return random.uniform(static_cast<std::uint64_t>(3 * p + k)); };
      const double cx = uniform(0), cy = uniform(1), width = 0.03 + 0.05 * uniform(2);
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
          double dx = static_cast<double>(i) / static_cast<double>(n) - cx,
                 dy = static_cast<double>(j) / static_cast<double>(n) - cy;
          dx -= std::round(dx), dy -= std::round(dy);
          v[i * n + j] += 0.5 * std::exp(-(dx * dx + dy * dy) / (width * width));
        }
    }
    for (Index k = 0; k < n * n; ++k) {
      v[k] = std::min(v[k], 0.5);
      u[k] = 1 - v[k];
    }
    bool sound = solver_->advance(u.data(), v.data(), before_);
    thin(u.data(), 2, grid_.points, grid_.refine, x);
    thin(v.data(), 2, grid_.points, grid_.refine, x + size);
    sound = sound && solver_->advance(u.data(), v.data(), count_);
    thin(u.data(), 2, grid_.points, grid_.refine, y);
    thin(v.data(), 2, grid_.points, grid_.refine, y + size);
    return sound;
  }

 private:
  GridOptions grid_{64, 2};
  GrayScottOptions gray_scott_{2e-4, 1e-4, 0.04, 0.06};
  double warm_up_ = 50, time_ = 100, step_ = 0.5;
  Index count_ = 0, before_ = 0;
  std::optional<ReactionDiffusion> solver_;
};

}  // namespace

std::unique_ptr<Equation> make_wave() {
  return std::make_unique<WaveEquation>();
}
std::unique_ptr<Equation> make_reaction_diffusion() {
  return std::make_unique<ReactionEquation>();
}

}  // namespace cartan::operators
