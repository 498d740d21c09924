#include "cartan/data/point_charges.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/charge_reader.hpp"
#include "data/extxyz_header.hpp"

namespace cartan::data {
namespace {

using std::string_view;

// What follows the first frame: nothing, other frames, which are noted, or lines that would be atoms of it if
// their number were right. The line of its first atom.
Index look_behind(const std::string& path, Index atoms, std::vector<std::string>& notes) {
  ChargeReader file(path);
  string_view line;
  while (file.next(line) && trimmed(line).empty()) {
  }
  const Index first = file.line() + 2, last = first + atoms - 1;
  while (file.next(line)) {
    if (file.line() <= last || trimmed(line).empty()) continue;
    std::int64_t number = 0;
    if (!parse_integer(trimmed(line), number))
      file.fail(text("the first frame has ", atoms, " atoms and ends with line ", last,
                     "; the number of atoms of another frame is expected, found '", line.substr(0, 60), "'"));
    notes.push_back(text(path, ": the first frame alone is used; another one begins in line ", file.line()));
    break;
  }
  return first;
}

PointCharges read_plain_xyz(const std::string& path) {
  ChargeReader file(path);
  string_view line;
  do {
    if (!file.next(line)) return file.finish("atoms");
  } while (trimmed(line).empty());
  std::int64_t atoms = 0;
  if (!parse_integer(trimmed(line), atoms) || atoms < 1)
    file.fail(text("the number of atoms, at least 1, is expected, found '", line.substr(0, 40), "'"));
  if (!file.next(line)) file.fail("the file ends before the comment line");
  std::size_t most = 0;
  for (std::int64_t i = 0; i < atoms; ++i) {
    if (!file.next(line)) file.fail(text("the file ends after ", i, " of ", atoms, " atoms"));
    const auto f = words_of(line);
    if (f.size() < 5)
      file.fail(text("an atom with its charge, 'El x y z q', is expected, found ", f.size(), " fields"));
    file.add(f[0], file.number(f[1], "x"), file.number(f[2], "y"), file.number(f[3], "z"),
             file.number(f[4], "charge"));
    most = std::max(most, f.size());
  }
  if (most > 5)
    file.note(text("the fifth field of an atom is its charge; up to ", most - 5, " behind it are not used"));
  PointCharges out = file.finish("atoms");
  look_behind(path, out.size(), out.notes);
  return out;
}

bool is_extended(const std::string& path) {
  LineReader lines(path);
  string_view line;
  do {
    if (!lines.next(line)) return false;
  } while (trimmed(line).empty());
  return lines.next(line) && line.find("Properties=") != string_view::npos;
}

PointCharges read_xyz(const std::string& path) {
  if (!is_extended(path)) return read_plain_xyz(path);
  const std::vector<Frame> frames = read_frames(path, "0:1");
  if (frames.empty()) throw FormatError(path, "", "has no frames");
  const Frame& frame = frames[0];
  PointCharges out;
  out.path = path;
  std::string used;
  for (const char* name : {"charge", "charges", "initial_charges", "q"}) {
    const auto found = frame.arrays.find(name);
    if (found == frame.arrays.end() || found->second.size() != frame.size()) continue;
    const std::vector<double> values = found->second.as(DType::f64).to_vector<double>();
    if (used.empty())
      used = name, out.charges = values;
    else if (values != out.charges)
      throw FormatError(
          path, "frame 0",
          text("the columns ", used, " and ", name, " hold different charges: keep one of them"));
  }
  if (out.charges.empty())
    throw FormatError(path, "frame 0", "has no column charge, charges, initial_charges or q");
  out.positions = frame.positions;
  const Index first = look_behind(path, frame.size(), out.notes);
  for (Index i = 0; i < frame.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.lines.push_back(first + i);
    out.names.push_back(element_symbol(frame.numbers[k]));
    if (!std::isfinite(out.charges[k]) || !std::isfinite(out.positions[3 * k]) ||
        !std::isfinite(out.positions[3 * k + 1]) || !std::isfinite(out.positions[3 * k + 2]))
      throw FormatError(path, text("line ", first + i), "position and charge must be finite");
  }
  return out;
}

// In small letters, of a name without .gz.
std::string extension_of(const std::string& path) {
  std::string extension = std::filesystem::path(without_gz(path)).extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension;
}

}  // namespace

PdbCharges pdb_charges_from_name(const std::string& name) {
  if (name == "formal") return PdbCharges::formal;
  if (name == "occupancy") return PdbCharges::occupancy;
  if (name == "b-factor") return PdbCharges::b_factor;
  throw std::invalid_argument(
      text("[pdb_charges_from_name] '", name, "'; expected formal, occupancy or b-factor"));
}

bool is_charge_file(const std::string& path) {
  const std::string extension = extension_of(path);
  return extension == ".pqr" || extension == ".pdb" || extension == ".ent" || extension == ".pdbqt";
}

PointCharges read_point_charges(const std::string& path, PdbCharges where) {
  const std::string extension = extension_of(path);
  if (extension == ".pqr") return read_pqr(path);
  if (extension == ".pdb" || extension == ".ent") return read_pdb(path, false, where);
  if (extension == ".pdbqt") return read_pdb(path, true, where);
  if (extension == ".xyz" || extension == ".extxyz") return read_xyz(path);
  throw std::invalid_argument(text("[read_point_charges] ", path,
                                   ": the kind of file follows from the name, which must end in .pqr, .pdb, "
                                   ".ent, .pdbqt, .xyz or .extxyz"));
}

}  // namespace cartan::data
