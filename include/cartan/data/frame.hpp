#pragma once
/// One atomic configuration with its labels, as files hold it.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

/// A value of a frame's `info`: a number, a truth value, a text, or an array of numbers. A value that is
/// JSON stays text and starts with "_JSON ".
using InfoValue = std::variant<double, std::int64_t, bool, std::string, Array>;

/// Something that a file states of a frame and that is not used: a key, a column, a block of the file.
struct Unused {
  std::string name;      ///< as the file spells it
  std::string why;       ///< what it is, or why it is not used, in words that can follow a colon
  bool physics = false;  ///< it could change what is computed from the frame (a mass, a charge, a unit)
};

/// n atoms, in eV, Angstrom, fs, amu, elementary charge.
struct Frame {
  std::vector<int> numbers;       ///< atomic numbers, n
  std::vector<double> positions;  ///< n x 3, Angstrom
  std::array<double, 9> cell{};   ///< lattice vectors as rows, Angstrom; all zero: none
  std::array<bool, 3> pbc{};      ///< periodic along lattice vector k
  double charge = 0;              ///< total charge, e

  std::optional<double> energy;                 ///< eV
  std::vector<double> forces;                   ///< n x 3, eV/Angstrom; empty: not given
  std::optional<std::array<double, 9>> stress;  ///< eV/Angstrom^3, symmetric, positive under tension
  std::vector<double> velocities;               ///< n x 3, Angstrom/fs; empty: not given

  std::map<std::string, InfoValue> info;                   ///< everything else said of the frame
  std::map<std::string, Array> arrays;                     ///< other per-atom numbers, first extent n
  std::map<std::string, std::vector<std::string>> labels;  ///< other per-atom texts, n

  Index index = -1;  ///< its place in the file, from 0, whatever part of it is read; -1: not from a file
  std::vector<Unused> unused;  ///< what the reader passed over; see not_used() in <cartan/data/unused.hpp>

  Index size() const { return static_cast<Index>(numbers.size()); }
  bool periodic() const { return pbc[0] || pbc[1] || pbc[2]; }
  /// |det(cell)|, Angstrom^3.
  double volume() const;
};

/// Chemical symbol of an atomic number 1..118; throws std::invalid_argument otherwise.
const std::string& element_symbol(int number);
/// Atomic number of a symbol ("C", "Si"), 0 when there is no such element.
int element_number(const std::string& symbol);
/// Standard atomic weight, amu (IUPAC 2021 abridged; mass number of the longest-lived isotope otherwise).
double element_mass(int number);

}  // namespace cartan::data
