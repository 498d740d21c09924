#include <cmath>
#include <deque>

#include "potentials/relax_surface.hpp"

namespace cartan::potentials {
namespace {

constexpr double first_curvature = 70;  // eV/Angstrom^2, that of a stiff bond
constexpr int max_halvings = 12;

/// Limited-memory BFGS: the two-loop recursion of Nocedal (1980) over the last `memory` steps.
class Lbfgs : public Minimizer {
 public:
  explicit Lbfgs(int memory) : memory_(static_cast<std::size_t>(memory)) {}

  Advance advance(Surface& surface, SurfacePoint& point) override {
    if (search(surface, point, direction(point))) return Advance::moved;
    if (!pairs_.empty()) {  // the curvature was misleading: start again downhill
      pairs_.clear();
      if (search(surface, point, direction(point))) return Advance::moved;
    }
    return evaluated_ ? Advance::stalled : Advance::failed;
  }

 private:
  struct Pair {
    std::vector<double> step, change;  // of the variables and of the gradient
    double product;
  };

  std::vector<double> direction(const SurfacePoint& point) {
    std::vector<double> d = point.force, weights(pairs_.size());
    for (std::size_t k = pairs_.size(); k-- > 0;) {
      weights[k] = dot(pairs_[k].step, d) / pairs_[k].product;
      add(d, pairs_[k].change, -weights[k]);
    }
    const double scale = pairs_.empty()
                             ? 1 / first_curvature
                             : pairs_.back().product / dot(pairs_.back().change, pairs_.back().change);
    for (double& v : d) v *= scale;
    for (std::size_t k = 0; k < pairs_.size(); ++k)
      add(d, pairs_[k].step, weights[k] - dot(pairs_[k].change, d) / pairs_[k].product);
    return d;
  }

  /// Halves the step along d until the energy falls enough; where differences of energies drown in rounding
  /// (float32 models), until the force along d is no larger than before.
  bool search(Surface& surface, SurfacePoint& point, std::vector<double> d) {
    double slope = dot(point.force, d);
    if (!(slope > 0)) return false;
    double t = surface.allowed(d);
    evaluated_ = false;
    SurfacePoint trial = point;
    for (int halving = 0; halving <= max_halvings; ++halving, t *= 0.5) {
      std::vector<double> x = point.x;
      add(x, d, t);
      if (!surface.evaluate(std::move(x), trial)) continue;
      evaluated_ = true;
      const double gain = point.enthalpy - trial.enthalpy;
      const bool falls = gain >= 1e-4 * t * slope;
      const bool level = gain >= -1e-7 * std::abs(point.enthalpy) && std::abs(dot(trial.force, d)) <= slope;
      if (!falls && !level) continue;
      remember(point, trial);
      std::swap(point, trial);
      return true;
    }
    return false;
  }

  void remember(const SurfacePoint& from, const SurfacePoint& to) {
    Pair pair{to.x, from.force, 0};
    add(pair.step, from.x, -1);
    add(pair.change, to.force, -1);
    pair.product = dot(pair.step, pair.change);
    const double lengths = std::sqrt(dot(pair.step, pair.step) * dot(pair.change, pair.change));
    if (!(pair.product > 1e-8 * lengths)) return;  // no positive curvature along the step
    pairs_.push_back(std::move(pair));
    if (pairs_.size() > memory_) pairs_.pop_front();
  }

  static void add(std::vector<double>& a, const std::vector<double>& b, double s) {
    for (std::size_t k = 0; k < a.size(); ++k) a[k] += s * b[k];
  }

  std::size_t memory_;
  std::deque<Pair> pairs_;
  bool evaluated_ = false;
};

}  // namespace

std::unique_ptr<Minimizer> make_lbfgs(int memory) {
  return std::make_unique<Lbfgs>(memory);
}

}  // namespace cartan::potentials
