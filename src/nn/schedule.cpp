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

void describe(config::Fields& f, ScheduleOptions& o) {
  f("learning_rate", o.learning_rate, "largest learning rate").above(0);
  f("min_rate", o.min_rate, "learning rate at the end of cosine, lowest of plateau").from(0);
  f("warmup_steps", o.warmup_steps, "steps over which the learning rate rises").from(0);
  f("schedule", o.decay,
    {{"constant", Decay::constant}, {"cosine", Decay::cosine}, {"plateau", Decay::plateau}},
    "how the learning rate falls: over the whole run, or where validation stands still");
  f("plateau_factor", o.factor, "plateau: what the learning rate is multiplied by").above(0).to(1);
  f("plateau_patience", o.patience, "plateau: validations without improvement before that").from(0);
  f("plateau_threshold", o.threshold, "plateau: smallest relative improvement that counts").from(0);
}

Schedule::Schedule(const ScheduleOptions& o)
    : options_(o), plateau_rate_(o.learning_rate), patience_(o.threshold) {
  config::validate("Schedule", o);
  require(o.min_rate <= o.learning_rate, "[Schedule] min_rate is ", o.min_rate, ", more than learning_rate, ",
          o.learning_rate, "; make one of them fit");
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
