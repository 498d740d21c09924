#include "cartan/data/point_charges.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"

namespace cartan::data {
namespace {

using std::string_view;

bool has_digit(string_view word) {
  return word.find_first_of("0123456789") != string_view::npos;
}
bool starts_with(string_view line, string_view word) {
  return line.substr(0, word.size()) == word;
}
string_view trimmed(string_view s) {
  const auto first = s.find_first_not_of(" \t");
  if (first == string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}
std::vector<string_view> fields_of(string_view line) {
  std::vector<string_view> out;
  for (std::size_t at = line.find_first_not_of(" \t"); at != string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    out.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t", end);
  }
  return out;
}

/// The lines of a file, the charges found so far, and complaints that name the line.
class Reader {
 public:
  explicit Reader(const std::string& path) : lines_(path) { out_.path = path; }

  bool next(string_view& line) {
    if (!lines_.next(line)) return false;
    if (lines_.number() == 1 && starts_with(line, "\xEF\xBB\xBF")) line.remove_prefix(3);  // byte order mark
    const std::size_t at = line.find('\r');
    if (at != string_view::npos && at + 1 < line.size())
      fail("has carriage returns for line ends, as old Macintosh files: convert them to newlines");
    return true;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(out_.path, text("line ", lines_.number()), what);
  }
  double number(string_view word, const char* what) const {
    double value = 0;
    if (!parse_real(trimmed(word), value))
      fail(text(what, ": a number is expected, found '", word.substr(0, 40), "'"));
    if (!std::isfinite(value)) fail(text(what, " is not finite: '", word.substr(0, 40), "'"));
    return value;
  }
  void add(string_view name, double x, double y, double z, double charge) {
    for (const double c : {x, y, z}) out_.positions.push_back(c);
    out_.charges.push_back(charge);
    out_.names.emplace_back(name);
    out_.lines.push_back(lines_.number());
  }
  void add_radius(double radius) { out_.radii.push_back(radius); }
  PointCharges finish(const char* wanted) {
    if (out_.charges.empty()) throw FormatError(out_.path, "", text("has no ", wanted));
    return std::move(out_);
  }
  const std::vector<double>& charges() const { return out_.charges; }

 private:
  LineReader lines_;
  PointCharges out_;
};

// Records by name, in either case.
bool is_record(string_view line, string_view name) {
  return line.size() >= name.size() && std::equal(name.begin(), name.end(), line.begin(), [](char n, char c) {
           return n == std::toupper(static_cast<unsigned char>(c));
         });
}
bool is_atom(string_view line) {
  return is_record(line, "ATOM") || is_record(line, "HETATM");
}

PointCharges read_pqr(const std::string& path) {
  Reader file(path);
  for (string_view line; file.next(line);) {
    if (!is_atom(line)) continue;
    const auto f = fields_of(line);
    const std::size_t glued =
        (f[0].size() == 4 && is_record(f[0], "ATOM")) || (f[0].size() == 6 && is_record(f[0], "HETATM"))
            ? 0
            : 1;                              // "HETATM12345"
    if (glued && !has_digit(f[0])) continue;  // another record
    if (f.size() + glued < 10)
      file.fail(
          text("a PQR atom has at least 10 fields (record, serial, name, residue, number, x, y, z, charge, "
               "radius), found ",
               f.size() + glued, " in '", line.substr(0, 90), "'"));
    const std::size_t x = f.size() - 5;
    // A missing number would shift the last five: the field before them is the residue's number, which an
    // insertion code of one letter may follow.
    if (!has_digit(f[x - 1]) && !(f[x - 1].size() == 1 && has_digit(f[x - 2]) && f.size() + glued >= 11))
      file.fail(
          text("the residue number is expected before the last five fields x y z charge radius, found '",
               f[x - 1], "'; is one of the numbers missing?"));
    const double radius = file.number(f[x + 4], "radius");
    if (radius < 0) file.fail(text("the radius ", radius, " is negative"));
    file.add(f[2 - glued], file.number(f[x], "x"), file.number(f[x + 1], "y"), file.number(f[x + 2], "z"),
             file.number(f[x + 3], "charge"));
    file.add_radius(radius);
  }
  return file.finish("ATOM or HETATM records");
}

// "2+", "+2", "1-", "-1"; blank: 0
double formal_charge(const Reader& file, string_view columns) {
  const string_view word = trimmed(columns);
  if (word.empty()) return 0;
  const std::size_t sign = word.find_first_of("+-");
  const std::size_t digit = word.find_first_of("0123456789");
  if (word.size() == 1 && digit == 0 && word[0] == '0') return 0;
  if (word.size() != 2 || sign == string_view::npos || digit == string_view::npos)
    file.fail(text("columns 79-80 hold a formal charge such as 2+ or 1-, found '", word, "'"));
  return (word[sign] == '-' ? -1 : 1) * static_cast<double>(word[digit] - '0');
}

PointCharges read_pdb(const std::string& path, bool pdbqt, PdbCharges where) {
  Reader file(path);
  for (string_view line; file.next(line);) {
    if (starts_with(line, "ENDMDL")) break;
    if (!is_record(line, "ATOM  ") && !is_record(line, "HETATM")) continue;
    const auto columns = [&](std::size_t first, std::size_t last) {
      return line.size() < first ? string_view() : line.substr(first - 1, last - first + 1);
    };
    if (line.size() < 54)
      file.fail(text("a PDB atom has x, y, z in columns 31-54; the line has ", line.size(), " characters"));
    const char alternate = line[16];
    if (alternate != ' ' && alternate != 'A' && alternate != '1') continue;
    const double charge =
        pdbqt                            ? file.number(columns(71, 76), "charge in columns 71-76")
        : where == PdbCharges::occupancy ? file.number(columns(55, 60), "charge in columns 55-60")
        : where == PdbCharges::b_factor  ? file.number(columns(61, 66), "charge in columns 61-66")
                                         : formal_charge(file, columns(79, 80));
    file.add(trimmed(columns(13, 16)), file.number(columns(31, 38), "x"), file.number(columns(39, 46), "y"),
             file.number(columns(47, 54), "z"), charge);
  }
  const auto& q = file.charges();
  if (!pdbqt && where == PdbCharges::formal && !q.empty() &&
      std::count(q.begin(), q.end(), 0.0) == static_cast<std::ptrdiff_t>(q.size()))
    throw FormatError(path, "",
                      "no atom has a formal charge in columns 79-80; say where the charges are (occupancy or "
                      "b-factor), or give a PQR file");
  return file.finish("ATOM or HETATM records");
}

PointCharges read_plain_xyz(const std::string& path) {
  Reader file(path);
  string_view line;
  do {
    if (!file.next(line)) return file.finish("atoms");
  } while (trimmed(line).empty());
  std::int64_t atoms = 0;
  if (!parse_integer(trimmed(line), atoms) || atoms < 1)
    file.fail(text("the number of atoms, at least 1, is expected, found '", line.substr(0, 40), "'"));
  if (!file.next(line)) file.fail("the file ends before the comment line");
  for (std::int64_t i = 0; i < atoms; ++i) {
    if (!file.next(line)) file.fail(text("the file ends after ", i, " of ", atoms, " atoms"));
    const auto f = fields_of(line);
    if (f.size() < 5)
      file.fail(text("an atom with its charge, 'El x y z q', is expected, found ", f.size(), " fields"));
    file.add(f[0], file.number(f[1], "x"), file.number(f[2], "y"), file.number(f[3], "z"),
             file.number(f[4], "charge"));
  }
  return file.finish("atoms");
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
  for (const char* name : {"charge", "charges", "initial_charges", "q"}) {
    const auto found = frame.arrays.find(name);
    if (found == frame.arrays.end() || found->second.size() != frame.size()) continue;
    out.charges = found->second.as(DType::f64).to_vector<double>();
    break;
  }
  if (out.charges.empty())
    throw FormatError(path, "frame 0", "has no column charge, charges, initial_charges or q");
  out.positions = frame.positions;
  for (Index i = 0; i < frame.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.lines.push_back(3 + i);
    out.names.push_back(element_symbol(frame.numbers[k]));
    if (!std::isfinite(out.charges[k]) || !std::isfinite(out.positions[3 * k]) ||
        !std::isfinite(out.positions[3 * k + 1]) || !std::isfinite(out.positions[3 * k + 2]))
      throw FormatError(path, text("line ", 3 + i), "position and charge must be finite");
  }
  return out;
}

}  // namespace

PdbCharges pdb_charges_from_name(const std::string& name) {
  if (name == "formal") return PdbCharges::formal;
  if (name == "occupancy") return PdbCharges::occupancy;
  if (name == "b-factor") return PdbCharges::b_factor;
  throw std::invalid_argument(
      text("[pdb_charges_from_name] '", name, "'; expected formal, occupancy or b-factor"));
}

PointCharges read_point_charges(const std::string& path, PdbCharges where) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (extension == ".pqr") return read_pqr(path);
  if (extension == ".pdb" || extension == ".ent") return read_pdb(path, false, where);
  if (extension == ".pdbqt") return read_pdb(path, true, where);
  if (extension == ".xyz" || extension == ".extxyz") return read_xyz(path);
  throw std::invalid_argument(text("[read_point_charges] ", path,
                                   ": the kind of file follows from the name, which must end in .pqr, .pdb, "
                                   ".ent, .pdbqt, .xyz or .extxyz"));
}

}  // namespace cartan::data
