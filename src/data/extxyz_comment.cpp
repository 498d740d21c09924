// What programs write into the comment of plain XYZ.

#include <cmath>
#include <numbers>
#include <sstream>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "data/extxyz_frame.hpp"
#include "data/extxyz_names.hpp"

namespace cartan::data {
namespace {

constexpr auto none = std::string_view::npos;

// Numbers from here on, as many as there are, up to `most`.
std::vector<double> numbers_at(std::string_view text, std::size_t at, std::size_t most) {
  std::vector<double> out;
  std::istringstream words{std::string(text.substr(at))};
  for (std::string word; out.size() < most && words >> word;) {
    while (!word.empty() && (word.back() == ',' || word.back() == ';')) word.pop_back();
    double x = 0;
    if (!parse_real(word, x) || !std::isfinite(x)) break;
    out.push_back(x);
  }
  return out;
}

// Lattice vectors from lengths and angles in degrees: a along x, b in the plane xy.
std::array<double, 9> from_lengths(const std::vector<double>& p) {
  const double degree = std::numbers::pi / 180;
  const auto cosine = [&](double angle) { return angle == 90 ? 0 : std::cos(angle * degree); };
  const double ca = cosine(p[3]), cb = cosine(p[4]), cg = cosine(p[5]);
  const double sg = p[5] == 90 ? 1 : std::sin(p[5] * degree);
  const double x = cb, y = (ca - cb * cg) / sg, z2 = 1 - x * x - y * y;
  if (!(p[0] > 0 && p[1] > 0 && p[2] > 0 && z2 > 0))
    throw HeaderError("CELL: lengths must be positive and angles those of a cell");
  return {p[0], 0, 0, p[1] * cg, p[1] * sg, 0, p[2] * x, p[2] * y, p[2] * std::sqrt(z2)};
}

// i-PI: "# CELL(abcABC): a b c alpha beta gamma Step: 0 Bead: 0 positions{angstrom} cell{angstrom}"; without
// units everything is in bohr. CELL(H) has the lattice vectors as columns.
bool read_ipi(std::string_view comment, Frame& frame, double& positions) {
  const std::size_t cell = comment.find("CELL");
  const std::size_t colon = comment.find(':', cell == none ? 0 : cell);
  if (cell == none || colon == none || comment.substr(0, cell).find_first_not_of("# \t") != none)
    return false;
  const std::string_view form = comment.substr(cell + 4, colon - cell - 4);
  if (form != "(abcABC)" && form != "(H)" && form != "(GENH)") return false;
  const auto unit = [&](std::string_view what) {
    const std::size_t at = comment.find(std::string(what) + "{");
    if (at == none) return units::bohr;
    const std::size_t begin = at + what.size() + 1;
    const std::string name = lower(comment.substr(begin, comment.find('}', begin) - begin));
    if (name == "angstrom" || name == "ang") return 1.0;
    if (name == "atomic_unit" || name == "bohr" || name == "a.u.") return units::bohr;
    throw HeaderError(text(what, "{", name, "}: expected angstrom or atomic_unit"));
  };
  for (const char* other : {"velocities{", "forces{", "momenta{", "v_", "f_"})
    if (comment.find(other) != none)
      throw HeaderError(
          text("i-PI: the file holds ", other, "..., not positions; give the file of positions"));
  const double length = unit("cell");
  positions = unit("positions");
  if (form == "(abcABC)") {
    const auto p = numbers_at(comment, colon + 1, 6);
    if (p.size() != 6) throw HeaderError("CELL(abcABC): expected three lengths and three angles");
    frame.cell = from_lengths(p);
  } else {
    const auto p = numbers_at(comment, colon + 1, 9);
    if (p.size() != 9) throw HeaderError(text("CELL", form, ": expected nine numbers"));
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) frame.cell[3 * i + j] = p[3 * j + i];
  }
  for (double& x : frame.cell) x *= length;
  frame.pbc = {true, true, true};
  return true;
}

bool starts_with_words(std::string_view comment, std::string_view first) {
  comment.remove_prefix(std::min(comment.find_first_not_of(" \t"), comment.size()));
  return comment.substr(0, first.size()) == first;
}

}  // namespace

bool read_program_comment(std::string_view comment, Frame& frame, double& length) {
  if (read_ipi(comment, frame, length)) return true;
  std::size_t at = none;
  const std::size_t e = comment.find("E =");
  if (starts_with_words(comment, "i =") && comment.find("time =") != none && e != none)
    at = e + 3;  // CP2K: " i = 5, time = 2.500, E = -17.2198"
  else if (starts_with_words(comment, "energy:") && comment.find("gnorm:") != none)
    at = comment.find("energy:") + 7;  // xtb: " energy: -5.0705 gnorm: 0.0004 xtb: 6.6.1 (...)"
  else if (starts_with_words(comment, "Coordinates from ORCA-job") && comment.rfind(" E ") != none)
    at = comment.rfind(" E ") + 3;  // ORCA: "Coordinates from ORCA-job opt E -76.324"
  if (at == none) return false;
  const auto energy = numbers_at(comment, at, 1);
  if (energy.empty()) return false;
  frame.energy = energy[0] * units::hartree;
  return true;
}

}  // namespace cartan::data
