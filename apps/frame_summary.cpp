#include "frame_summary.hpp"

#include <cartan/core/printable.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace cartan::app {

using nlohmann::ordered_json;

void FrameSummary::Range::add(double x) {
  ++count;
  low = std::min(low, x);
  high = std::max(high, x);
  squares += x * x;
}

double FrameSummary::Range::rms() const {
  return count ? std::sqrt(squares / static_cast<double>(count)) : 0;
}

void FrameSummary::add(const data::Frame& f) {
  ++frames_;
  atoms_ += f.size();
  size_.add(static_cast<double>(f.size()));
  for (const int z : f.numbers) ++elements_[z];
  if (f.energy && !std::isnan(*f.energy)) {
    energy_.add(*f.energy);
    if (f.size() > 0) energy_per_atom_.add(*f.energy / static_cast<double>(f.size()));
  }
  with_forces_ += !f.forces.empty();
  for (const double x : f.forces) force_.add(x);
  with_stress_ += f.stress.has_value();
  if (f.stress)
    for (const double x : *f.stress) stress_.add(x);
  with_velocities_ += !f.velocities.empty();
  ++periodic_[f.pbc[0] + f.pbc[1] + f.pbc[2]];
  if (f.periodic()) volume_.add(f.volume());
  charge_.add(f.charge);
  for (const auto& [key, value] : f.info) ++info_[printable(key)];
  for (const auto& [key, value] : f.arrays) ++arrays_[printable(key)];
  for (const auto& [key, value] : f.labels) ++arrays_[printable(key)];
  unused_.add(f);
}

ordered_json FrameSummary::json(const std::string& file, const std::string& kind) const {
  ordered_json out{{"file", file}, {"format", kind}, {"n_frames", frames_}, {"n_atoms", atoms_}};
  if (frames_ == 0) return out;
  const auto range = [](Index frames, const Range& r) {
    ordered_json j{{"frames", frames}};
    if (r.count) j["min"] = r.low, j["max"] = r.high;
    return j;
  };
  out["atoms_per_frame"] = {{"min", size_.low}, {"max", size_.high}};
  out["elements"] = ordered_json::object();
  for (const auto& [z, count] : elements_) out["elements"][data::element_symbol(z)] = count;
  out["periodic_directions"] = ordered_json::object();
  for (int k = 0; k < 4; ++k)
    if (periodic_[k]) out["periodic_directions"][std::to_string(k)] = periodic_[k];
  out["energy_ev"] = range(energy_.count, energy_);
  out["energy_per_atom_ev"] = range(energy_.count, energy_per_atom_);
  out["forces_ev_per_ang"] = range(with_forces_, force_);
  if (with_forces_) out["forces_ev_per_ang"]["rms"] = force_.rms();
  out["stress_ev_per_ang3"] = range(with_stress_, stress_);
  if (volume_.count) out["volume_ang3"] = range(volume_.count, volume_);
  out["velocities"] = {{"frames", with_velocities_}};
  out["charge_e"] = {{"min", charge_.low}, {"max", charge_.high}};
  out["info"] = info_;
  out["arrays"] = arrays_;
  out["not_used"] = unused_.json();
  return out;
}

void FrameSummary::print(std::ostream& out, const std::string& file, const std::string& kind) const {
  const auto old_precision = out.precision(10);
  const auto line = [&](const char* name) -> std::ostream& {
    return out << "  " << name << std::string(14 - std::string(name).size(), ' ');
  };
  const auto of_frames = [&](Index count) {
    return count == frames_ ? std::string("all frames")
                            : std::to_string(count) + " of " + std::to_string(frames_) + " frames";
  };
  const auto names = [&](const char* title, const std::map<std::string, Index>& keys) {
    if (keys.empty()) return;
    line(title);
    const char* separator = "";
    for (const auto& [key, count] : keys) {
      out << separator << key;
      if (count != frames_) out << " (" << count << ")";
      separator = ", ";
    }
    out << "\n";
  };
  out << file << ": " << kind << "\n";
  line("frames") << frames_ << "\n";
  if (frames_ == 0) return;
  line("atoms") << atoms_ << ", " << size_.low;
  if (size_.low != size_.high) out << " to " << size_.high;
  out << " a frame\n";
  line("elements");
  const char* separator = "";
  for (const auto& [z, count] : elements_) {
    out << separator << data::element_symbol(z) << " " << count;
    separator = ", ";
  }
  out << "\n";
  line("periodic");
  const char* directions[] = {"no", "in 1 direction", "in 2 directions", "in 3 directions"};
  separator = "";
  for (int k = 0; k < 4; ++k)
    if (periodic_[k]) {
      out << separator << directions[k];
      if (periodic_[k] != frames_) out << " (" << periodic_[k] << " frames)";
      separator = ", ";
    }
  out << "\n";
  if (volume_.count) line("volume") << volume_.low << " to " << volume_.high << " A^3\n";
  if (energy_.count) {
    line("energy") << energy_.low << " to " << energy_.high << " eV, " << of_frames(energy_.count) << "\n";
    line("  per atom") << energy_per_atom_.low << " to " << energy_per_atom_.high << " eV\n";
  } else {
    line("energy") << "none\n";
  }
  out.precision(5);
  if (with_forces_)
    line("forces") << "rms " << force_.rms() << ", largest component " << std::max(force_.high, -force_.low)
                   << " eV/A, " << of_frames(with_forces_) << "\n";
  else
    line("forces") << "none\n";
  if (with_stress_)
    line("stress") << stress_.low << " to " << stress_.high << " eV/A^3, " << of_frames(with_stress_) << "\n";
  else
    line("stress") << "none\n";
  if (with_velocities_) line("velocities") << of_frames(with_velocities_) << "\n";
  if (charge_.low != 0 || charge_.high != 0)
    line("charge") << charge_.low << " to " << charge_.high << " e\n";
  names("info", info_);
  names("columns", arrays_);
  const char* title = "not used";
  for (const std::string& item : unused_.lines(frames_, false)) {
    line(title) << item << "\n";
    title = "";
  }
  out.precision(old_precision);
}

}  // namespace cartan::app
