#include <cartan/core/error.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <chrono>
#include <cmath>

namespace cartan::potentials {
namespace {

/// Least-squares slope of y over t, updated point by point (Welford).
class Slope {
 public:
  void add(double t, double y) {
    ++count_;
    const double dt = t - mean_t_;
    mean_t_ += dt / count_;
    mean_y_ += (y - mean_y_) / count_;
    square_ += dt * (t - mean_t_);
    product_ += dt * (y - mean_y_);
  }
  double value() const { return square_ > 0 ? product_ / square_ : 0; }

 private:
  double count_ = 0, mean_t_ = 0, mean_y_ = 0, square_ = 0, product_ = 0;
};

}  // namespace

DynamicsSummary run(Dynamics& dynamics, Index steps, const DynamicsCallback& callback, const StopFlag* stop) {
  require(steps >= 0, "[dynamics] ", steps, " steps; give zero or more");
  DynamicsSummary summary;
  const Index every = dynamics.options().sample_every;
  const double atoms = static_cast<double>(dynamics.state().frame.size());
  const Observables first = dynamics.observables();
  if (callback && dynamics.sample_start()) callback(dynamics, first);
  Slope slope;
  slope.add(0, 0);
  double temperature = 0, potential = 0, pressure = 0, volume = 0;
  const auto start = std::chrono::steady_clock::now();
  while (summary.steps < steps && dynamics.disagreement().empty()) {
    if (stop != nullptr && stop->load()) {
      summary.status = DynamicsStatus::stopped;
      break;
    }
    if (!dynamics.step()) break;
    ++summary.steps;
    const Observables now = dynamics.observables();
    const double change = (now.conserved - first.conserved) / atoms;
    slope.add(1e-3 * (now.time - first.time), change);
    summary.energy_deviation = std::max(summary.energy_deviation, std::abs(change));
    temperature += now.temperature;
    potential += now.potential;
    pressure += now.pressure;
    volume += now.volume;
    if (callback && now.step % every == 0) callback(dynamics, now);
  }
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (dynamics.exploded()) {
    summary.status = DynamicsStatus::exploded;
    summary.message = dynamics.failure();
  }
  if (const std::string apart = dynamics.disagreement();
      summary.status == DynamicsStatus::finished && !apart.empty()) {
    summary.status = DynamicsStatus::uncertain;
    summary.message = apart;
  }
  const double n = static_cast<double>(summary.steps);
  summary.temperature_mean = summary.steps > 0 ? temperature / n : first.temperature;
  summary.potential_mean = summary.steps > 0 ? potential / n : first.potential;
  summary.pressure_mean = summary.steps > 0 ? pressure / n : first.pressure;
  summary.volume_mean = summary.steps > 0 ? volume / n : first.volume;
  summary.energy_drift = slope.value();
  const DynamicsState& state = dynamics.state();
  if (state.volume_moves > 0)
    summary.volume_acceptance =
        static_cast<double>(state.volume_moves_accepted) / static_cast<double>(state.volume_moves);
  if (summary.seconds > 0) {
    summary.ns_per_day = 1e-6 * n * dynamics.options().dt * 86400 / summary.seconds;
    summary.us_per_atom_step = summary.steps > 0 ? 1e6 * summary.seconds / (n * atoms) : 0;
  }
  return summary;
}

}  // namespace cartan::potentials
