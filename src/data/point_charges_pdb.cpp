// PDB and PDBQT: fixed columns, counted from 1 in the comments and messages.

#include <algorithm>

#include "cartan/core/error.hpp"
#include "data/charge_reader.hpp"

namespace cartan::data {
namespace {

using std::string_view;

/// The columns of one atom, where a serial number that is too long may have moved all behind it.
class Columns {
 public:
  Columns(const ChargeReader& file, string_view line) : line_(line) {
    if (line[0] == ' ' || line.find('\t') != string_view::npos)
      file.fail("a PDB atom has fixed columns: no blank before its name, and no tabs");
    if (line.size() < 54)
      file.fail(text("a PDB atom has x, y, z in columns 31-54; the line has ", line.size(), " characters"));
    const std::size_t x = coordinate_column(line);
    if (x != string_view::npos) {
      shift_ = x - 30;
      return;
    }
    // Numbers with other decimals must end where the columns end.
    const auto in_number = [&](std::size_t k) {
      return k < line.size() && ((line[k] >= '0' && line[k] <= '9') || line[k] == '.');
    };
    for (const std::size_t border : {30, 38, 46, 54})
      if (in_number(border - 1) && in_number(border))
        file.fail(
            text("a PDB atom has x, y, z in columns 31-54, with a point in columns 35, 43 and 51; found '",
                 line.substr(30, 24), "'"));
  }
  /// Columns first to last, without blanks around.
  string_view operator()(std::size_t first, std::size_t last) const {
    first += shift_, last += shift_;
    return line_.size() < first ? string_view() : line_.substr(first - 1, last - first + 1);
  }

 private:
  string_view line_;
  std::size_t shift_ = 0;
};

// "2+", "+2", "1-", "-1"; blank: 0
double formal_charge(const ChargeReader& file, string_view columns) {
  const string_view word = trimmed(columns);
  if (word.empty()) return 0;
  const std::size_t sign = word.find_first_of("+-");
  const std::size_t digit = word.find_first_of("0123456789");
  if (word.size() == 1 && digit == 0 && word[0] == '0') return 0;
  if (word.size() != 2 || sign == string_view::npos || digit == string_view::npos)
    file.fail(text("columns 79-80 hold a formal charge such as 2+ or 1-, found '", word, "'"));
  return (word[sign] == '-' ? -1 : 1) * static_cast<double>(word[digit] - '0');
}

}  // namespace

PointCharges read_pdb(const std::string& path, bool pdbqt, PdbCharges where) {
  ChargeReader file(path);
  FirstModel first;
  for (string_view line; file.next(line);) {
    if (!first.takes(line, file.line())) continue;
    const Columns columns(file, line);
    const std::string residue(columns(22, 27));
    if (!first.takes_location(residue, residue, std::string(columns(13, 16)), columns(17, 17)[0],
                              file.line()))
      continue;
    const double charge =
        pdbqt                            ? file.number(columns(71, 76), "charge in columns 71-76")
        : where == PdbCharges::occupancy ? file.number(columns(55, 60), "charge in columns 55-60")
        : where == PdbCharges::b_factor  ? file.number(columns(61, 66), "charge in columns 61-66")
                                         : formal_charge(file, columns(79, 80));
    file.add(trimmed(columns(13, 16)), file.number(columns(31, 38), "x"), file.number(columns(39, 46), "y"),
             file.number(columns(47, 54), "z"), charge);
  }
  first.report(file);
  const auto& q = file.charges();
  if (!pdbqt && where == PdbCharges::formal && !q.empty() &&
      std::count(q.begin(), q.end(), 0.0) == static_cast<std::ptrdiff_t>(q.size()))
    throw FormatError(path, "",
                      "no atom has a formal charge in columns 79-80; say where the charges are (occupancy or "
                      "b-factor), or give a PQR file");
  return file.finish("ATOM or HETATM records");
}

}  // namespace cartan::data
