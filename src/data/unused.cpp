#include "cartan/data/unused.hpp"

#include <algorithm>
#include <string_view>

namespace cartan::data {
namespace {

// What a name says, in lower case; a '*' at an end stands for anything.
struct Known {
  const char* name;
  const char* what;
  bool physics;
};

constexpr const char* spin = "a spin, which models here do not know";
constexpr const char* charges = "charges of atoms; models here know the total charge alone";
constexpr const char* field = "an external field, which models here do not know";
constexpr const char* constraint = "a constraint; move_mask (T: the atom moves) is the one that is obeyed";
constexpr const char* unit = "units; numbers are taken as eV and Angstrom unless `data convert` is told";
constexpr const char* weight = "weights of labels; the loss has its own";
constexpr const char* cell = "a cell? Lattice=\"ax ay az bx by bz cx cy cz\" is the key that is read";
constexpr const char* isotope = "isotopes; a column masses is the one that is used";
constexpr const char* multipole = "a property that is not trained on";

// Of the whole frame.
constexpr Known keys[] = {
    {"spin", spin, true},
    {"spins", spin, true},
    {"total_spin", spin, true},
    {"*multiplicity", spin, true},
    {"mult", spin, true},
    {"nspin*", spin, true},
    {"n_unpaired*", spin, true},
    {"unpaired*", spin, true},
    {"*magmom*", spin, true},
    {"*magnetization", spin, true},
    {"*magnetisation", spin, true},
    {"magnetic_moment*", spin, true},
    {"*charges", charges, true},
    {"*electric_field*", field, true},
    {"*magnetic_field*", field, true},
    {"external_field*", field, true},
    {"efield*", field, true},
    {"e_field*", field, true},
    {"bfield*", field, true},
    {"field", field, true},
    {"constrain*", constraint, true},
    {"fix", constraint, true},
    {"fixed*", constraint, true},
    {"frozen*", constraint, true},
    {"freeze*", constraint, true},
    {"unit", unit, true},
    {"units", unit, true},
    {"*_unit", unit, true},
    {"*_units", unit, true},
    {"*weight", weight, true},
    {"*weights", weight, true},
    {"*_sigma", weight, true},
    {"box*", cell, true},
    {"supercell", cell, true},
    {"unitcell", cell, true},
    {"*cell_lengths", cell, true},
    {"*cell_angles", cell, true},
    {"cellpar*", cell, true},
    {"lattice_*", cell, true},
    {"*celldisp*", "an offset of the cell, which changes nothing here", false},
    {"*mass", isotope, true},
    {"*masses", isotope, true},
    {"isotope*", isotope, true},
    {"*dipole*", multipole, false},
    {"*quadrupole*", multipole, false},
    {"*polarizab*", multipole, false},
    {"*polarisab*", multipole, false},
};

// Of every atom.
constexpr Known columns[] = {
    {"spin*", spin, true},
    {"*magmom*", spin, true},
    {"magnetic_moment*", spin, true},
    {"charge", charges, true},
    {"*charges", charges, true},
    {"*_charge", charges, true},
    {"q", charges, true},
    {"isotope*", isotope, true},
    {"mass_number*", isotope, true},
    {"constrain*", constraint, true},
    {"freeze*", constraint, true},
    {"*weight", weight, true},
    {"*weights", weight, true},
    {"*_sigma", weight, true},
};

// Columns that dynamics and relaxation look at.
constexpr std::string_view used_columns[] = {"masses", "move_mask", "fixed"};

bool fits(std::string_view name, std::string_view pattern) {
  const bool front = pattern.front() == '*', back = pattern.back() == '*';
  if (front) pattern.remove_prefix(1);
  if (back) pattern.remove_suffix(1);
  if (front && back) return name.find(pattern) != std::string_view::npos;
  if (front) return name.size() >= pattern.size() && name.substr(name.size() - pattern.size()) == pattern;
  if (back) return name.substr(0, pattern.size()) == pattern;
  return name == pattern;
}

template <std::size_t N>
Unused look_up(const std::string& name, const Known (&table)[N], const char* otherwise) {
  std::string lower = name;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const Known& k : table)
    if (fits(lower, k.name)) return {name, k.what, k.physics};
  return {name, otherwise, false};
}

}  // namespace

std::vector<Unused> not_used(const Frame& frame) {
  std::vector<Unused> out = frame.unused;
  const auto add = [&](Unused u) {
    const bool said = std::any_of(frame.unused.begin(), frame.unused.end(),
                                  [&](const Unused& have) { return have.name == u.name; });
    if (!said) out.push_back(std::move(u));
  };
  for (const auto& [name, value] : frame.info)
    if (name != "comment") add(look_up(name, keys, "kept under its name"));
  const auto column = [&](const std::string& name) {
    if (std::find(std::begin(used_columns), std::end(used_columns), name) == std::end(used_columns))
      add(look_up(name, columns, "kept under its name"));
  };
  for (const auto& [name, value] : frame.arrays) column(name);
  for (const auto& [name, value] : frame.labels) column(name);
  return out;
}

std::string stated(const Frame& frame) {
  std::string out, key_list, column_list;
  const auto add = [](std::string& list, const std::string& name) {
    list += (list.empty() ? "" : ", ") + name;
  };
  if (frame.energy) add(out, "energy");
  if (!frame.forces.empty()) add(out, "forces");
  if (frame.stress) add(out, "stress");
  if (!frame.velocities.empty()) add(out, "velocities");
  for (const auto& [name, value] : frame.info) add(key_list, name);
  for (const auto& [name, value] : frame.arrays) add(column_list, name);
  for (const auto& [name, value] : frame.labels) add(column_list, name);
  if (out.empty()) out = "no label";
  if (!key_list.empty()) out += "; keys " + key_list;
  if (!column_list.empty()) out += "; columns " + column_list;
  return out;
}

}  // namespace cartan::data
