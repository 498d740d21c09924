#pragma once
// What a run of dynamics leaves besides its trajectory: averages and the course of the conserved energy, over
// all pieces of a run that was stopped and resumed.

#include <cartan/data/figure.hpp>
#include <cartan/potentials/dynamics.hpp>

#include <string>
#include <vector>

namespace cartan::app {

class MdRecord {
 public:
  explicit MdRecord(Index atoms) : atoms_(static_cast<double>(atoms)) {}

  /// Every step, the start included.
  void add(const potentials::Observables& now);

  bool started() const { return started_; }  ///< has the start
  Index steps() const { return steps_; }
  double temperature() const { return mean(temperature_); }  ///< K
  double potential() const { return mean(potential_); }      ///< eV
  double pressure() const { return mean(pressure_); }        ///< eV/Angstrom^3
  double volume() const { return mean(volume_); }            ///< Angstrom^3
  double drift() const;                                      ///< eV/atom/ps, slope of the conserved energy
  double deviation() const { return deviation_; }            ///< eV/atom, largest change since the start

  /// Of a committee, NaN without one: means of the deviation of the energy, eV, and of the root mean square
  /// of those of the forces; the largest of a force, eV/Angstrom.
  double energy_deviation() const { return mean(energy_apart_); }
  double forces_deviation() const { return mean(forces_apart_); }
  double forces_deviation_max() const { return most_apart_; }

  /// The conserved energy per atom over time, in at most 2000 points.
  data::Figure figure(const std::string& title) const;

  void save(data::Group& group) const;
  void load(const data::Group& group);  ///< throws FormatError

 private:
  double mean(double sum) const { return steps_ > 0 ? sum / static_cast<double>(steps_) : sum; }

  double atoms_;
  bool started_ = false;
  Index steps_ = 0, stride_ = 1;
  double start_time_ = 0, start_energy_ = 0;
  double temperature_ = 0, potential_ = 0, pressure_ = 0, volume_ = 0;  // sums, without the start
  double energy_apart_ = 0, forces_apart_ = 0, most_apart_ = 0;         // of a committee, or NaN
  double deviation_ = 0;
  double count_ = 0, mean_t_ = 0, mean_y_ = 0, square_ = 0, product_ = 0;  // Welford: ps, eV/atom
  std::vector<double> time_, energy_;                                      // ps, meV/atom
};

}  // namespace cartan::app
