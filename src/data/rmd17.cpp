#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "cartan/data/readers.hpp"
#include "data/formats.hpp"
#include "data/npy.hpp"

namespace cartan::data {
namespace {

// The first of two names that the archive has; "" when it has none.
std::string name_in(const NpzReader& file, const char* rmd17, const char* sgdml) {
  return file.has(rmd17) ? rmd17 : file.has(sgdml) ? sgdml : "";
}

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

// A member as float64, of the shape asked for up to axes of extent 1, all finite.
Array numbers(const NpzReader& file, const std::string& path, const std::string& name, const Shape& shape) {
  const Array raw = file.read(name);
  const Index size = size_of(shape);
  if (is_complex(raw.dtype()) || raw.size() != size)
    throw FormatError(path, name,
                      text("expected real numbers of shape ", to_string(shape), ", found ", raw.dtype(),
                           " of ", to_string(raw.shape())));
  Array out = raw.as(DType::f64).reshaped(shape);
  if (!all_finite(out)) throw FormatError(path, name, "a value is not finite");
  return out;
}

// Atomic numbers and coordinates under names that are known.
bool is_rmd17(const std::string& path) {
  const NpzReader file(path);
  return !name_in(file, "nuclear_charges", "z").empty() && !name_in(file, "coords", "R").empty();
}

// .npz in the layout of revised MD17 (nuclear_charges, coords, energies, forces; kcal/mol and Angstrom) or of
// sGDML (z, R, E, F with r_unit and e_unit).
void read_rmd17(const std::string& path, const Slice& slice, const FrameSink& sink) {
  const NpzReader file(path);
  const std::string z_name = name_in(file, "nuclear_charges", "z"), r_name = name_in(file, "coords", "R");
  const std::string e_name = name_in(file, "energies", "E"), f_name = name_in(file, "forces", "F");
  if (z_name.empty() || r_name.empty())
    throw FormatError(path, "", "expected the arrays nuclear_charges and coords (or z and R)");
  const double length = length_unit(path, file.has("r_unit") ? file.read_text("r_unit") : "");
  const double energy = energy_unit(path, file.has("e_unit") ? file.read_text("e_unit") : "");

  Array coords = file.read(r_name);
  if (coords.ndim() == 2) coords = coords.reshaped({1, coords.dim(0), coords.dim(1)});
  if (coords.ndim() != 3 || coords.dim(2) != 3 || coords.dim(1) < 1)
    throw FormatError(path, r_name,
                      "expected the shape (frames, atoms, 3), found " + to_string(coords.shape()));
  const Index total = coords.dim(0), n = coords.dim(1);
  const Array positions = numbers(file, path, r_name, {total, n, 3});
  const Array z = numbers(file, path, z_name, {n});
  const Array e = e_name.empty() ? Array() : numbers(file, path, e_name, {total});
  const Array f = f_name.empty() ? Array() : numbers(file, path, f_name, {total, n, 3});

  Frame molecule;
  for (Index i = 0; i < n; ++i) {
    const double number = z.data<double>()[i];
    if (!(number >= 1 && number <= 118 && number == std::floor(number)))
      throw FormatError(path, z_name, text("expected an atomic number, 1 to 118, found ", number));
    molecule.numbers.push_back(static_cast<int>(number));
  }
  const auto range = slice.ascending(total);
  for (Index k = 0; k < range.count; ++k) {
    const Index i = range.first + k * range.step;
    Frame frame = molecule;
    const double* r = positions.data<double>() + 3 * n * i;
    frame.positions.assign(r, r + 3 * n);
    for (double& x : frame.positions) x *= length;
    if (!e_name.empty()) frame.energy = e.data<double>()[i] * energy;
    if (!f_name.empty()) {
      const double* p = f.data<double>() + 3 * n * i;
      frame.forces.assign(p, p + 3 * n);
      for (double& x : frame.forces) x *= energy / length;
    }
    if (!sink(std::move(frame))) return;
  }
}

// nuclear_charges, coords, energies and forces; all frames must be of the same atoms.
void write_rmd17(const std::string& path, const std::vector<Frame>& frames) {
  require(!frames.empty(), "[write_frames] ", path, ": there is no frame to write");
  const Frame& first = frames.front();
  const Index count = static_cast<Index>(frames.size()), n = first.size();
  std::vector<double> coords, energies, forces;
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
  }
  std::vector<std::uint8_t> z;
  for (const int number : first.numbers) z.push_back(static_cast<std::uint8_t>(number));
  std::vector<std::pair<std::string, Array>> arrays{{"nuclear_charges", Array::from(z)},
                                                    {"coords", Array::from(coords, {count, n, 3})}};
  if (!energies.empty()) arrays.emplace_back("energies", Array::from(energies));
  if (!forces.empty()) arrays.emplace_back("forces", Array::from(forces, {count, n, 3}));
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
  f.holds_frames = is_rmd17;
  return f;
}

}  // namespace cartan::data
