#include <cmath>
#include <initializer_list>
#include <set>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "cartan/data/readers.hpp"
#include "data/formats.hpp"
#include "data/npy.hpp"

namespace cartan::data {
namespace {

double energy_unit(const std::string& path, const std::string& name) {
  if (name.empty() || name == "kcal/mol" || name == "kcal mol-1") return units::kcal_per_mol;
  if (name == "eV" || name == "ev") return 1;
  if (name == "meV") return 1e-3;
  if (name == "kJ/mol" || name == "kj/mol") return units::kj_per_mol;
  if (name == "Ha" || name == "ha" || name == "Eh" || name == "hartree" || name == "Hartree")
    return units::hartree;
  throw FormatError(path, "e_unit", "the energy unit '" + name + "' is not known");
}

double length_unit(const std::string& path, const std::string& name) {
  if (name.empty() || name == "Ang" || name == "ang" || name == "A" || name == "Angstrom" ||
      name == "angstrom")
    return 1;
  if (name == "bohr" || name == "Bohr" || name == "a0" || name == "au") return units::bohr;
  throw FormatError(path, "r_unit", "the length unit '" + name + "' is not known");
}

// The first of several names that the archive has; "" when it has none.
std::string name_in(const NpzReader& file, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (file.has(name)) return name;
  return "";
}

constexpr std::initializer_list<const char*> z_names{"nuclear_charges", "z"}, r_names{"coords", "R"},
    e_names{"energies", "E"}, f_names{"forces", "F"}, q_names{"charge", "total_charge", "Q"};

// Atomic numbers and coordinates under names that are known.
bool is_rmd17(const std::string& path) {
  const NpzReader file(path);
  return !name_in(file, z_names).empty() && !name_in(file, r_names).empty();
}

/// The arrays of a file in Angstrom, eV and e: F frames of n atoms.
class Molecules {
 public:
  explicit Molecules(const std::string& path) : path_(path), file_(path) {
    const std::string z_name = name_in(file_, z_names);
    r_name_ = take(r_names);
    if (z_name.empty() || r_name_.empty())
      throw FormatError(path, "", "expected the arrays nuclear_charges and coords (or z and R)");
    read_units();
    Array coords = file_.read(r_name_);
    r_shape_ = coords.shape();
    if (coords.ndim() == 2) coords = coords.reshaped({1, coords.dim(0), coords.dim(1)});
    if (coords.ndim() != 3 || coords.dim(2) != 3 || coords.dim(1) < 1)
      throw FormatError(path, r_name_, "expected the shape (frames, atoms, 3), found " + to_string(r_shape_));
    frames_ = coords.dim(0), n_ = coords.dim(1);
    positions_ = numbers_of_shape(path, r_name_, coords, {coords.shape()});
    read_elements(z_name);
    const Index F = frames_, n = n_;
    std::vector<Shape> by_frame{{F}, {F, 1}}, by_atom{{F, n, 3}}, cell{{3, 3}};
    if (F == 1) by_frame.push_back({}), by_frame.push_back({1, 1}), by_atom.push_back({n, 3});
    energies_ = optional(e_names, by_frame);
    forces_ = optional(f_names, by_atom);
    charges_ = read_charges(by_frame);
    read_lattice(cell);
    for (const std::string& name : file_.names())
      if (used_.count(name) == 0) molecule_.unused.push_back(unused_array(name));
  }

  Index frames() const { return frames_; }

  Frame frame(Index i) const {
    Frame frame = molecule_;
    const auto rows = [&](const Array& a, double unit) {
      std::vector<double> out(a.data<double>() + 3 * n_ * i, a.data<double>() + 3 * n_ * (i + 1));
      for (double& x : out) x *= unit;
      return out;
    };
    frame.positions = rows(positions_, length_);
    if (!energies_.empty()) frame.energy = energies_.data<double>()[i] * energy_;
    if (!forces_.empty()) frame.forces = rows(forces_, energy_ / length_);
    if (!charges_.empty()) frame.charge = charges_.data<double>()[i];
    return frame;
  }

 private:
  // The first of the names that is there, which is used then.
  std::string take(std::initializer_list<const char*> names) {
    std::string name = name_in(file_, names);
    if (!name.empty()) used_.insert(name);
    return name;
  }
  Array optional(std::initializer_list<const char*> names, const std::vector<Shape>& shapes) {
    const std::string name = take(names);
    if (name.empty()) return {};
    return numbers_of_shape(
        path_, name, file_.read(name), shapes,
        ", " + r_name_ + " has " + to_string(r_shape_) + ": expected " + to_string(shapes[0]));
  }

  void read_units() {
    const std::string length = take({"r_unit"}), energy = take({"e_unit"});
    length_ = length_unit(path_, length.empty() ? "" : file_.read_text(length));
    energy_ = energy_unit(path_, energy.empty() ? "" : file_.read_text(energy));
  }

  void read_elements(const std::string& z_name) {
    used_.insert(z_name);
    const Array raw = file_.read(z_name);
    std::vector<Shape> shapes{{n_}, {n_, 1}};
    if (frames_ == 1) shapes.push_back({1, n_});
    const Array z =
        numbers_of_shape(path_, z_name, raw, shapes,
                         text(", ", r_name_, " has ", to_string(r_shape_), ": expected (", n_, ")"));
    for (Index i = 0; i < n_; ++i) {
      const double number = z.data<double>()[i];
      if (!(number >= 1 && number <= 118 && number == std::floor(number)))
        throw FormatError(path_, z_name, text("expected an atomic number, 1 to 118, found ", number));
      molecule_.numbers.push_back(static_cast<int>(number));
    }
  }

  // One charge for all frames, or one each.
  Array read_charges(std::vector<Shape> shapes) {
    const std::string name = take(q_names);
    if (name.empty()) return {};
    const Array raw = file_.read(name);
    if (raw.size() == 1 && raw.ndim() <= 1)
      return Array::full({frames_}, numbers_of_shape(path_, name, raw, {raw.shape()}).data<double>()[0],
                         DType::f64);
    return numbers_of_shape(path_, name, raw, shapes);
  }

  // sGDML's lattice: lattice vectors as columns, periodic in all directions.
  void read_lattice(const std::vector<Shape>& shapes) {
    const Array columns = optional({"lattice"}, shapes);
    if (columns.empty()) return;
    for (Index k = 0; k < 3; ++k)
      for (Index l = 0; l < 3; ++l)
        molecule_.cell[static_cast<std::size_t>(3 * k + l)] = columns.data<double>()[3 * l + k] * length_;
    if (!(molecule_.volume() > 0)) throw FormatError(path_, "lattice", "the cell has no volume");
    molecule_.pbc = {true, true, true};
  }

  std::string path_, r_name_;
  NpzReader file_;
  Shape r_shape_;
  double length_ = 1, energy_ = 1;
  Index frames_ = 0, n_ = 0;
  Array positions_, energies_, forces_, charges_;
  Frame molecule_;
  std::set<std::string> used_;
};

// .npz in the layout of revised MD17 (nuclear_charges, coords, energies, forces; kcal/mol and Angstrom) or of
// sGDML (z, R, E, F with r_unit and e_unit, lattice).
void read_rmd17(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  const Molecules file(path);
  const auto range = slice.ascending(file.frames());
  for (Index k = 0; k < range.count; ++k)
    if (!sink(file.frame(range.first + k * range.step))) return;
}

// nuclear_charges, coords, energies, forces and, of ions, charge; all frames must be of the same atoms.
void write_rmd17(const std::string& path, const std::vector<Frame>& frames) {
  require(!frames.empty(), "[write_frames] ", path, ": there is no frame to write");
  const Frame& first = frames.front();
  const Index count = static_cast<Index>(frames.size()), n = first.size();
  std::vector<double> coords, energies, forces, charges;
  bool charged = false;
  for (const Frame& frame : frames) {
    require(frame.numbers == first.numbers && frame.energy.has_value() == first.energy.has_value() &&
                frame.forces.empty() == first.forces.empty(),
            "[write_frames] ", path,
            ": an .npz in the rMD17 layout needs the same atoms and labels in every frame");
    require(!frame.periodic(), "[write_frames] ", path,
            ": the rMD17 layout has no cells; write .extxyz or .h5");
    coords.insert(coords.end(), frame.positions.begin(), frame.positions.end());
    if (frame.energy) energies.push_back(*frame.energy / units::kcal_per_mol);
    for (const double f : frame.forces) forces.push_back(f / units::kcal_per_mol);
    charges.push_back(frame.charge);
    charged = charged || frame.charge != 0;
  }
  std::vector<std::uint8_t> z;
  for (const int number : first.numbers) z.push_back(static_cast<std::uint8_t>(number));
  std::vector<std::pair<std::string, Array>> arrays{{"nuclear_charges", Array::from(z)},
                                                    {"coords", Array::from(coords, {count, n, 3})}};
  if (!energies.empty()) arrays.emplace_back("energies", Array::from(energies));
  if (!forces.empty()) arrays.emplace_back("forces", Array::from(forces, {count, n, 3}));
  if (charged) arrays.emplace_back("charge", Array::from(charges));
  write_npz(path, arrays);
}

}  // namespace

Format rmd17_format() {
  Format f;
  f.name = "npz";
  f.title = "rMD17 npz";
  f.names = {".npz"};
  f.own_units = true;
  f.sniff = [](const FileStart& start) { return start.begins_with("PK\3\4") && foreign_kind(start).empty(); };
  f.read = read_rmd17;
  f.write = write_rmd17;
  f.keeps = {/*cell=*/false, /*charge=*/true, /*stress=*/false, /*velocities=*/false};
  f.holds_frames = is_rmd17;
  return f;
}

}  // namespace cartan::data
