#pragma once
// What dumps and data files of LAMMPS share: units, elements of types, boxes.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "cartan/data/readers.hpp"

namespace cartan::data {

/// A style of LAMMPS's command `units` in Cartan's units; forces are energy / length.
struct LammpsUnits {
  std::string name;
  double length, energy, velocity, time;
};
/// Throws FormatError(path) for a style that is not read, with what to do.
const LammpsUnits& lammps_units(const std::string& path, const std::string& object, const std::string& name);
/// The style that options name for files that do not say theirs. Throws std::invalid_argument.
const LammpsUnits& lammps_default_units(const ReadOptions& options);
/// Adds to `frame.unused` that units were assumed.
void note_units(Frame& frame, const LammpsUnits& units, const ReadOptions& options);

/// The element whose weight is the mass; 0 where none is near enough, as for united atoms. Deuterium and
/// tritium are hydrogen.
int element_of_mass(double mass);
/// False when a mass cannot be that of the element, isotopes included.
bool mass_fits(int number, double mass);
/// Atomic numbers of options.elements, for types 1, 2, ... Throws std::invalid_argument.
std::vector<int> elements_of(const ReadOptions& options);

/// Bounds and tilt, or three vectors, as a frame's cell; positions keep LAMMPS's origin.
struct LammpsBox {
  std::array<double, 3> low{}, high{}, tilt{};  // tilt: xy, xz, yz
  std::array<double, 9> vectors{};              // of a general triclinic box, whose corner is `low`
  bool general = false;

  /// Lattice vectors as rows, Angstrom. Throws std::invalid_argument for a box without extent.
  std::array<double, 9> cell(double length) const;
};

/// Sorts frame, velocities, forces, arrays and labels by `id`.
void sort_by_id(Frame& frame, const std::vector<std::int64_t>& id);

}  // namespace cartan::data
