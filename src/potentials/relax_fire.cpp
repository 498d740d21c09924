#include <algorithm>
#include <cmath>

#include "potentials/relax_surface.hpp"

namespace cartan::potentials {
namespace {

/// FIRE 2.0 with the parameters of Guenole et al., Comput. Mater. Sci. 175 (2020) 109584; unit masses.
class Fire : public Minimizer {
 public:
  Advance advance(Surface& surface, SurfacePoint& point) override {
    v_.resize(point.x.size(), 0);
    std::vector<double> step(point.x.size(), 0);
    const double power = dot(point.force, v_);
    if (power > 0) {
      if (++downhill_ > delay) {
        dt_ = std::min(dt_ * 1.1, dt_max);
        mixing_ *= 0.99;
      }
    } else {
      downhill_ = 0;
      if (started_) dt_ = std::max(dt_ * 0.5, dt_min);
      mixing_ = mixing_start;
      for (std::size_t k = 0; k < step.size(); ++k)
        step[k] = -0.5 * dt_ * v_[k];  // back to where it was lower
      std::fill(v_.begin(), v_.end(), 0.0);
    }
    started_ = true;
    for (int attempt = 0; attempt < 10; ++attempt) {
      for (std::size_t k = 0; k < v_.size(); ++k) v_[k] += dt_ * point.force[k];
      const double length = std::sqrt(dot(point.force, point.force));
      const double mix = length > 0 ? mixing_ * std::sqrt(dot(v_, v_)) / length : 0;
      for (std::size_t k = 0; k < v_.size(); ++k) {
        v_[k] = (1 - mixing_) * v_[k] + mix * point.force[k];
        step[k] += dt_ * v_[k];
      }
      const double factor = surface.allowed(step);
      std::vector<double> x = point.x;
      for (std::size_t k = 0; k < x.size(); ++k) x[k] += factor * step[k];
      SurfacePoint next = point;
      if (surface.evaluate(std::move(x), next)) {
        std::swap(point, next);
        return Advance::moved;
      }
      std::fill(v_.begin(), v_.end(), 0.0);  // it ran into something: from here again, slower
      std::fill(step.begin(), step.end(), 0.0);
      dt_ *= 0.25;
    }
    return Advance::failed;
  }

 private:
  static constexpr double dt_max = 1, dt_min = 2e-3, mixing_start = 0.25;
  static constexpr int delay = 20;
  double dt_ = 0.1, mixing_ = mixing_start;
  int downhill_ = 0;
  bool started_ = false;
  std::vector<double> v_;
};

}  // namespace

std::unique_ptr<Minimizer> make_fire() {
  return std::make_unique<Fire>();
}

}  // namespace cartan::potentials
