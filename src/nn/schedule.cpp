#include "cartan/nn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cartan/core/error.hpp"

namespace cartan::nn {

bool Patience::report(double value) {
  const double bar = std::isfinite(best_) ? best_ - threshold_ * std::abs(best_) : best_;
  if (value < bar) {
    best_ = value;
    waited_ = 0;
    return true;
  }
  ++waited_;
  return false;
}

void Patience::save(data::Group& group) const {
  group.attributes["best"] = best_;
  group.attributes["waited"] = waited_;
}

void Patience::load(const data::Group& group) {
  best_ = group.number("best");
  waited_ = group.integer("waited");
}

namespace {
constexpr const char* decay_names[] = {"constant", "cosine", "plateau"};
}

Decay decay_from_name(const std::string& name) {
  for (int k = 0; k < 3; ++k)
    if (name == decay_names[k]) return static_cast<Decay>(k);
  throw std::invalid_argument("[schedule] unknown decay '" + name + "'; use constant, cosine or plateau");
}

const char* name_of(Decay decay) {
  return decay_names[static_cast<int>(decay)];
}

Schedule::Schedule(const ScheduleOptions& o)
    : options_(o), plateau_rate_(o.learning_rate), patience_(o.threshold) {
  require(o.learning_rate > 0 && o.min_rate >= 0 && o.min_rate <= o.learning_rate,
          "[Schedule] needs 0 <= min_rate <= learning_rate and learning_rate > 0, got ", o.min_rate, " and ",
          o.learning_rate);
  require(o.warmup_steps >= 0 && o.patience >= 0 && o.factor > 0 && o.factor <= 1 && o.threshold >= 0,
          "[Schedule] needs warmup_steps, patience, threshold >= 0 and 0 < factor <= 1; got ", o.warmup_steps,
          ", ", o.patience, ", ", o.threshold, " and ", o.factor);
}

double Schedule::rate(std::int64_t step, double progress) const {
  double rate = options_.learning_rate;
  if (options_.decay == Decay::plateau) rate = plateau_rate_;
  if (options_.decay == Decay::cosine) {
    const double x = std::clamp(progress, 0.0, 1.0);
    rate = options_.min_rate + (rate - options_.min_rate) * 0.5 * (1 + std::cos(std::numbers::pi * x));
  }
  if (step >= options_.warmup_steps) return rate;
  return rate * (static_cast<double>(step + 1) / static_cast<double>(options_.warmup_steps));
}

void Schedule::report(double criterion) {
  if (options_.decay != Decay::plateau || patience_.report(criterion)) return;
  if (patience_.waited() <= options_.patience) return;
  plateau_rate_ = std::max(plateau_rate_ * options_.factor, options_.min_rate);
  patience_.restart();
}

void Schedule::save(data::Group& group) const {
  group.attributes["plateau_rate"] = plateau_rate_;
  patience_.save(group);
}

void Schedule::load(const data::Group& group) {
  const double rate = group.number("plateau_rate");
  if (!(rate >= 0) || !std::isfinite(rate))
    throw FormatError(group.file(), "schedule", text("plateau_rate is ", rate));
  patience_.load(group);
  plateau_rate_ = rate;
}

}  // namespace cartan::nn
