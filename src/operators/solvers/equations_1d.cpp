// Samples of equations in one dimension.

#include <algorithm>
#include <optional>

#include "cartan/core/error.hpp"
#include "cartan/operators/random_field.hpp"
#include "cartan/operators/solvers.hpp"
#include "core/workspace.hpp"
#include "operators/solvers/equations.hpp"

namespace cartan::operators {
namespace {

// u0 ~ N(0, 625 (-Laplacian + 25)^-2), viscosity 0.1, time 1, 8192 points thinned to 1024: Li et al.,
// arXiv:2010.08895, A.3.1.
class BurgersEquation final : public Equation {
 public:
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("viscosity", viscosity_, "viscosity").from(0);
    f("time", time_, "time from x to y").above(0);
    f("step", step_, "longest step in time").above(0);
    operators::describe(f, field_);
  }
  void prepare() override {
    config::validate("burgers", *this);
    const Steps steps(time_, step_);
    count_ = steps.count;
    solver_.emplace(grid_.fine(), viscosity_, steps.length);
  }
  Shape x_shape() const override { return {1, grid_.points}; }
  Shape y_shape() const override { return {1, grid_.points}; }
  std::vector<std::string> x_channels() const override { return {"u at time 0"}; }
  std::vector<std::string> y_channels() const override { return {text("u at time ", time_)}; }
  std::string formula() const override { return "u_t + (u^2/2)_x = viscosity u_xx on (0, 1), periodic"; }
  bool draw(const Random& random, double* x, double* y) const override {
    Scratch<double> u(grid_.fine());
    draw_periodic(field_, {grid_.fine()}, random, 0, u.data());
    thin(u.data(), 1, grid_.points, grid_.refine, x);
    const bool sound = solver_->advance(u.data(), count_);
    thin(u.data(), 1, grid_.points, grid_.refine, y);
    return sound;
  }

 private:
  GridOptions grid_{1024, 8};
  double viscosity_ = 0.1, time_ = 1, step_ = 2e-3;
  GaussianField field_{2, 5, 25, 1};
  Index count_ = 0;
  std::optional<Burgers> solver_;
};

// From a random state, after a time in which chaos has formed.
class KuramotoSivashinskyEquation final : public Equation {
 public:
  void describe(config::Fields& f) override {
    operators::describe(f, grid_);
    f("length", length_, "of the domain; chaotic from about 30 on").above(0);
    f("warm_up", warm_up_, "time before the first frame").from(0);
    f("interval", interval_, "time from frame to frame").above(0);
    f("frames_in", in_, "frames in x").from(1).to(1000);
    f("frames_out", out_, "frames in y, which follow").from(1).to(10000);
    f("step", step_, "longest step in time").above(0);
  }
  void prepare() override {
    config::validate("kuramoto-sivashinsky", *this);
    const Steps steps(interval_, step_);
    count_ = steps.count;
    before_ = static_cast<Index>(warm_up_ / steps.length);
    solver_.emplace(grid_.fine(), length_, steps.length);
  }
  Shape x_shape() const override { return {in_, grid_.points}; }
  Shape y_shape() const override { return {out_, grid_.points}; }
  std::vector<std::string> x_channels() const override { return names(0, in_); }
  std::vector<std::string> y_channels() const override { return names(in_, out_); }
  bool frames() const override { return true; }
  std::string formula() const override {
    return "u_t + (u^2/2)_x + u_xx + d^4u/dx^4 = 0 on (0, length), periodic";
  }
  bool draw(const Random& random, double* x, double* y) const override {
    Scratch<double> u(grid_.fine());
    const GaussianField field{4, 20 / length_, 20 / length_ * 20 / length_, length_};
    draw_periodic(field, {grid_.fine()}, random, 0, u.data());
    const double size = std::max(1e-300, *std::max_element(u.begin(), u.end()));
    for (double& v : u) v /= size;
    bool sound = solver_->advance(u.data(), before_);
    for (Index k = 0; k < in_ + out_ && sound; ++k) {
      if (k > 0) sound = solver_->advance(u.data(), count_);
      thin(u.data(), 1, grid_.points, grid_.refine,
           k < in_ ? x + k * grid_.points : y + (k - in_) * grid_.points);
    }
    return sound;
  }

 private:
  std::vector<std::string> names(Index first, Index count) const {
    std::vector<std::string> out;
    for (Index k = 0; k < count; ++k)
      out.push_back(text("u at time ", interval_ * static_cast<double>(first + k)));
    return out;
  }
  GridOptions grid_{256, 1};
  double length_ = 64, warm_up_ = 100, interval_ = 1, step_ = 0.05;
  Index in_ = 1, out_ = 20, count_ = 0, before_ = 0;
  std::optional<KuramotoSivashinsky> solver_;
};

}  // namespace

std::unique_ptr<Equation> make_burgers() {
  return std::make_unique<BurgersEquation>();
}
std::unique_ptr<Equation> make_kuramoto_sivashinsky() {
  return std::make_unique<KuramotoSivashinskyEquation>();
}

}  // namespace cartan::operators
