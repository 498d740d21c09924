#include "md_record.hpp"

#include <cartan/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace cartan::app {
namespace {
constexpr std::size_t most_points = 2000;
}

void MdRecord::add(const potentials::Observables& now) {
  if (!started_) {
    started_ = true;
    start_time_ = now.time;
    start_energy_ = now.conserved;
  } else {
    if (steps_++ == 0) temperature_ = potential_ = pressure_ = volume_ = energy_apart_ = forces_apart_ = 0;
  }
  temperature_ += now.temperature;
  potential_ += now.potential;
  pressure_ += now.pressure;
  volume_ += now.volume;
  energy_apart_ += now.energy_deviation;
  forces_apart_ += now.forces_deviation_rms;
  most_apart_ = now.forces_deviation > most_apart_ || std::isnan(now.forces_deviation) ? now.forces_deviation
                                                                                       : most_apart_;

  const double t = 1e-3 * (now.time - start_time_), y = (now.conserved - start_energy_) / atoms_;
  deviation_ = std::max(deviation_, std::abs(y));
  ++count_;
  const double dt = t - mean_t_;
  mean_t_ += dt / count_;
  mean_y_ += (y - mean_y_) / count_;
  square_ += dt * (t - mean_t_);
  product_ += dt * (y - mean_y_);

  if (now.step % stride_ != 0) return;
  time_.push_back(t);
  energy_.push_back(1e3 * y);
  if (time_.size() <= most_points) return;
  for (std::vector<double>* v : {&time_, &energy_}) {  // every second one is enough from now on
    for (std::size_t k = 0; 2 * k < v->size(); ++k) (*v)[k] = (*v)[2 * k];
    v->resize((v->size() + 1) / 2);
  }
  stride_ *= 2;
}

double MdRecord::drift() const {
  return square_ > 0 ? product_ / square_ : 0;
}

data::Figure MdRecord::figure(const std::string& title) const {
  data::Figure f;
  f.title = title;
  f.x_label = "time (ps)";
  f.y_label = "change of the conserved energy (meV/atom)";
  f.series.push_back({"conserved energy", time_, energy_, true});
  if (square_ > 0 && time_.size() > 1) {
    data::Series line{"fitted line", {time_.front(), time_.back()}, {}, true};
    for (const double t : line.x) line.y.push_back(1e3 * (mean_y_ + drift() * (t - mean_t_)));
    f.series.push_back(std::move(line));
  }
  char note[120];
  std::snprintf(note, sizeof note,
                "drift %.2g meV/atom/ps, largest change %.2g meV/atom, mean temperature %.0f K",
                1e3 * drift(), 1e3 * deviation_, temperature());
  f.note = note;
  return f;
}

void MdRecord::save(data::Group& group) const {
  group.attributes["steps"] = std::vector<std::int64_t>{started_, steps_, stride_};
  group.attributes["sums"] =
      std::vector<double>{start_time_, start_energy_, temperature_, potential_, pressure_, volume_,
                          deviation_,  count_,        mean_t_,      mean_y_,    square_,   product_};
  if (std::isfinite(most_apart_))
    group.attributes["committee"] = std::vector<double>{energy_apart_, forces_apart_, most_apart_};
  group.set("time", Array::from(time_), "ps");
  group.set("conserved_energy", Array::from(energy_), "meV/atom");
}

void MdRecord::load(const data::Group& group) {
  const auto& steps = group.integers("steps");
  const auto& sums = group.numbers("sums");
  double* const places[] = {&start_time_, &start_energy_, &temperature_, &potential_, &pressure_, &volume_,
                            &deviation_,  &count_,        &mean_t_,      &mean_y_,    &square_,   &product_};
  if (steps.size() != 3 || steps[1] < 0 || steps[2] < 1 || sums.size() != std::size(places))
    throw FormatError(group.file(), "record", "steps or sums do not make sense");
  started_ = steps[0] != 0;
  steps_ = steps[1];
  stride_ = steps[2];
  for (std::size_t k = 0; k < sums.size(); ++k) *places[k] = sums[k];
  energy_apart_ = forces_apart_ = most_apart_ = NAN;
  if (group.attributes.count("committee") > 0) {
    const auto& apart = group.numbers("committee");
    if (apart.size() != 3) throw FormatError(group.file(), "record", "committee has not three numbers");
    energy_apart_ = apart[0], forces_apart_ = apart[1], most_apart_ = apart[2];
  }
  time_ = group.array("time", DType::f64, {-1}).to_vector<double>();
  energy_ =
      group.array("conserved_energy", DType::f64, {static_cast<Index>(time_.size())}).to_vector<double>();
}

}  // namespace cartan::app
