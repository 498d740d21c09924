#include "data/extxyz_names.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "cartan/core/config.hpp"

namespace cartan::data {
namespace {

using Names = std::vector<std::string_view>;

bool is_one_of(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Where labels come from: they may stand before or behind the name of a label.
const Names& methods() {
  static const Names names{
      "ref",       "reference",  "target",   "label",     "true",     "train",     "data",
      "calc",      "calculated", "pred",     "predicted", "model",    "dft",       "qm",
      "qc",        "ab_initio",  "abinitio", "ml",        "mlip",     "mlff",      "nn",
      "nnp",       "gap",        "mace",     "nequip",    "allegro",  "ace",       "pace",
      "nep",       "gpumd",      "mtp",      "snap",      "dp",       "deepmd",    "schnet",
      "painn",     "ani",        "torchani", "aimnet",    "sevennet", "orb",       "chgnet",
      "m3gnet",    "mattersim",  "uma",      "eqv2",      "emt",      "eam",       "lj",
      "tersoff",   "classical",  "ff",       "lammps",    "xtb",      "gfn1",      "gfn2",
      "gfn2_xtb",  "gfn1_xtb",   "dftb",     "dftb+",     "dftbplus", "vasp",      "castep",
      "cp2k",      "qe",         "espresso", "pwscf",     "aims",     "fhi_aims",  "fhiaims",
      "siesta",    "abinit",     "gpaw",     "orca",      "psi4",     "pyscf",     "gaussian",
      "turbomole", "molpro",     "nwchem",   "qchem",     "crystal",  "openmx",    "onetep",
      "wien2k",    "quip",       "ase",      "lda",       "pbe",      "pbe0",      "pbe_d3",
      "pbesol",    "revpbe",     "rpbe",     "blyp",      "b3lyp",    "bp86",      "tpss",
      "scan",      "r2scan",     "rscan",    "hse",       "hse06",    "wb97x",     "wb97x_d",
      "wb97x_d3",  "wb97m",      "wb97m_v",  "wb97m_d3",  "hf",       "mp2",       "ccsd",
      "ccsdt",     "ccsd_t",     "ccsd(t)",  "dmc",       "rpa",      "corrected", "uncorrected",
      "md",        "ev"};
  return names;
}

const Names energies{"energy",
                     "e",
                     "en",
                     "etot",
                     "e_tot",
                     "toten",
                     "total_energy",
                     "totalenergy",
                     "tot_energy",
                     "totenergy",
                     "energy_total",
                     "energytotal",
                     "potential_energy",
                     "potentialenergy",
                     "pot_energy",
                     "epot",
                     "e_pot",
                     "scf_energy"};
const Names free_energies{"free_energy", "freeenergy", "energy_free"};
const Names forces{"forces", "force", "f", "frc", "atomic_forces", "total_forces", "force_total"};
const Names stresses{"stress", "stress_tensor", "total_stress", "stress_voigt", "cauchy_stress"};
const Names virials{"virial", "virials", "virial_tensor", "total_virial"};
const Names charges{"charge",     "total_charge", "totalcharge",   "tot_charge",       "charge_total",
                    "net_charge", "netcharge",    "system_charge", "molecular_charge", "molecule_charge",
                    "mol_charge", "qtot",         "q_tot",         "total_q"};
const Names lattices{"lattice", "cell", "unit_cell", "lattice_vectors", "cell_vectors", "cell_vector"};
const Names periodics{"pbc", "periodic", "periodicity", "periodic_boundary_conditions"};

Key label_of(std::string_view name) {
  if (is_one_of(name, energies)) return Key::energy;
  if (is_one_of(name, free_energies)) return Key::free_energy;
  if (is_one_of(name, forces)) return Key::forces;
  if (is_one_of(name, stresses)) return Key::stress;
  if (is_one_of(name, virials)) return Key::virial;
  return Key::other;
}

// The name without the longest method before or behind it, with or without '_' between; "" without one.
std::string_view without_method(std::string_view name) {
  std::string_view best;
  for (const std::string_view m : methods()) {
    if (name.size() <= m.size()) continue;
    for (const bool front : {true, false}) {
      const std::string_view part = front ? name.substr(0, m.size()) : name.substr(name.size() - m.size());
      if (part != m) continue;
      std::string_view rest = front ? name.substr(m.size()) : name.substr(0, name.size() - m.size());
      const char joint = front ? rest.front() : rest.back();
      const bool joined = joint == '_';
      if (joined) front ? rest.remove_prefix(1) : rest.remove_suffix(1);
      if (rest.empty() || (!joined && rest.size() < 5)) continue;  // "calcf" is a word of its own
      if (label_of(rest) != Key::other && (best.empty() || rest.size() < best.size())) best = rest;
    }
  }
  return best;
}

std::string plain(std::string_view name) {
  std::string out = lower(name);
  for (char& c : out)
    if (c == '-' || c == '.' || c == ' ') c = '_';
  return out;
}

// One letter too many, too few or wrong, or two neighbours exchanged; in long words also a letter that moved.
bool one_slip(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  std::size_t front = 0, back = 0;
  while (front < a.size() && a[front] == b[front]) ++front;
  while (back < a.size() - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  const std::size_t middle_a = a.size() - front - back, middle_b = b.size() - front - back;
  if (b.size() == a.size() + 1) return middle_a == 0;
  if (a.size() != b.size() || middle_a == 0) return false;
  if (middle_a == 1) return true;
  std::string x(a.substr(front, middle_a)), y(b.substr(front, middle_b));
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  return middle_a <= (a.size() >= 6 ? 3u : 2u) && x == y;
}

std::string meant(const std::string& name, const Names& words) {
  std::string best;
  if (name.size() < 5) return best;
  const std::string near = config::nearest(name, {words.begin(), words.end()});
  if (!near.empty() && one_slip(name, near)) return near;
  for (const std::string_view word : words)
    if (one_slip(name, word)) return std::string(word);
  return best;
}

// Words of their own that are one letter from a key.
const Names& own_words() {
  static const Names names{"change",   "changes",  "charges", "charged",  "energies",
                           "stresses", "forced",   "forces_", "energy0",  "energys",
                           "force_",   "lattices", "masses",  "stressed", "periodical"};
  return names;
}

}  // namespace

std::string lower(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Key key_of(std::string_view given) {
  const std::string name = plain(given);
  if (name == "properties") return Key::properties;
  if (is_one_of(name, lattices)) return Key::lattice;
  if (is_one_of(name, periodics)) return Key::periodic;
  if (is_one_of(name, charges)) return Key::charge;
  if (const Key label = label_of(name); label != Key::other) return label;
  return label_of(without_method(name));
}

ColumnName column_of(std::string_view given) {
  struct Row {
    ColumnName meaning;
    Names names;
  };
  static const std::array<Row, 8> table{{
      {ColumnName::species,
       {"species", "symbol", "symbols", "element", "elements", "chemical_symbol", "chemical_symbols",
        "atomic_symbol", "atomic_symbols", "atom_symbol", "atom_symbols"}},
      {ColumnName::numbers,
       {"z", "numbers", "atomic_number", "atomic_numbers", "atomicnumber", "atomicnumbers", "atomic_num",
        "nuclear_charge", "nuclear_charges"}},
      {ColumnName::positions,
       {"pos", "position", "positions", "coord", "coords", "coordinate", "coordinates", "xyz", "cart_coords",
        "cartesian"}},
      {ColumnName::velocities, {"velo", "velocity", "velocities", "vel", "vels", "velos"}},
      {ColumnName::momenta, {"momenta", "momentum", "momentums"}},
      {ColumnName::masses,
       {"masses", "mass", "atomic_mass", "atomic_masses", "atom_mass", "atom_masses", "atommass", "amu"}},
      {ColumnName::moves,
       {"move_mask", "movemask", "moves", "mobile", "movable", "moveable", "free", "is_free",
        "selective_dynamics"}},
      {ColumnName::frozen,
       {"fixed", "fix", "frozen", "is_fixed", "is_frozen", "fix_mask", "fixed_mask", "fixed_atoms",
        "frozen_atoms", "freeze", "constrained"}},
  }};
  const std::string name = plain(given);
  for (const Row& row : table)
    if (is_one_of(name, row.names)) return row.meaning;
  if (label_of(name) == Key::forces || label_of(without_method(name)) == Key::forces)
    return ColumnName::forces;
  return ColumnName::other;
}

std::string meant_key(std::string_view given) {
  static const Names words{"lattice",      "properties", "energy",           "free_energy", "total_energy",
                           "forces",       "stress",     "virial",           "virials",     "charge",
                           "total_charge", "periodic",   "potential_energy", "pbc"};
  const std::string name = plain(given);
  if (key_of(given) != Key::other || is_one_of(name, own_words())) return "";
  if (std::string near = meant(name, words); !near.empty()) return near;
  for (const std::string_view m : methods()) {  // REF_energi
    const bool front = name.size() > m.size() + 1 && name.substr(0, m.size()) == m && name[m.size()] == '_';
    if (!front) continue;
    const std::string rest = name.substr(m.size() + 1);
    if (is_one_of(rest, own_words())) return "";
    const std::string near = meant(rest, {"energy", "forces", "stress", "virial"});
    if (!near.empty()) return std::string(given.substr(0, m.size() + 1)) + near;
  }
  return "";
}

std::string meant_column(std::string_view given) {
  static const Names words{"species", "numbers",   "positions",      "forces",   "velocities", "momenta",
                           "masses",  "move_mask", "atomic_numbers", "velocity", "symbols"};
  const std::string name = plain(given);
  if (column_of(given) != ColumnName::other || is_one_of(name, own_words())) return "";
  if (std::string near = meant(name, words); !near.empty()) return near;
  for (const std::string_view m : methods())
    if (name.size() > m.size() + 1 && name.substr(0, m.size()) == m && name[m.size()] == '_') {
      const std::string near = meant(name.substr(m.size() + 1), {"forces"});
      if (!near.empty()) return std::string(given.substr(0, m.size() + 1)) + near;
    }
  return "";
}

}  // namespace cartan::data
