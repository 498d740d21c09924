#pragma once
// What the readers of point charges share: lines, complaints that name them, and the atoms found so far.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cartan/data/point_charges.hpp"
#include "data/file_io.hpp"
#include "data/words.hpp"

namespace cartan::data {

PointCharges read_pqr(const std::string& path);
PointCharges read_pdb(const std::string& path, bool pdbqt, PdbCharges where);

/// The lines of a file, the charges found so far, and complaints that name the line.
class ChargeReader {
 public:
  explicit ChargeReader(const std::string& path) : lines_(path) { out_.path = path; }

  /// The next line, without a byte order mark. Throws FormatError for line ends of old Macintosh files.
  bool next(std::string_view& line);
  [[noreturn]] void fail(const std::string& what) const;
  /// A finite number; `what` names it in the complaint.
  double number(std::string_view word, const char* what) const;

  void add(std::string_view name, double x, double y, double z, double charge);
  void add_radius(double radius) { out_.radii.push_back(radius); }
  void note(const std::string& what) { out_.notes.push_back(out_.path + ": " + what); }
  /// Throws FormatError when there is nothing.
  PointCharges finish(const char* wanted);

  Index line() const { return lines_.number(); }
  const std::vector<double>& charges() const { return out_.charges; }

 private:
  LineReader lines_;
  PointCharges out_;
};

std::string_view trimmed(std::string_view s);
/// True if the word is `name` in upper case; the word may be in any case.
bool is_word(std::string_view word, std::string_view name);
/// True for a record that means an atom: its name begins with ATOM, or with HETAT where the number cuts it.
bool is_atom(std::string_view line);

/// Models and alternate locations of a file of PDB's kind: the first of each is taken, the others are counted
/// and noted, since all of them together would be charges that the molecule does not have.
class FirstModel {
 public:
  /// Looks at a record; false: it is no atom, or an atom of a later model.
  bool takes(std::string_view line, Index number);
  /// False: the atom is a second location of one that is there: of the same `place` with another letter, or
  /// of an atom of this name in the residue that had no letter.
  bool takes_location(const std::string& residue, const std::string& place, const std::string& atom,
                      char alternate, Index number);
  void report(ChargeReader& file) const;

 private:
  bool any_ = false, ended_ = false;
  std::string ended_by_;
  Index ended_line_ = 0, later_atoms_ = 0;
  std::map<std::string, char> locations_;  // the letter that is taken, by place
  std::string residue_;
  std::set<std::string> plain_;  // atoms of this residue without a letter
  Index alternates_ = 0, first_alternate_ = 0;
};

/// Where x begins (from 0) in a line of PDB's columns, whose numbers have their points at x + 4, x + 12 and x
/// + 20: 30, or up to three more where a long serial number has moved the rest. npos: the line has no such
/// columns.
std::size_t coordinate_column(std::string_view line);

}  // namespace cartan::data
