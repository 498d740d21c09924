// PQR: the fields of a PDB atom, then charge and radius. Programs put them between blanks (APBS), in PDB's
// columns, which may touch each other (PDB2PQR), or into columns with the element behind (cpptraj, Open
// Babel).

#include <algorithm>
#include <cctype>

#include "cartan/core/error.hpp"
#include "data/charge_reader.hpp"
#include "data/extxyz_header.hpp"

namespace cartan::data {
namespace {

using std::string_view;
using Words = std::vector<string_view>;

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_number(string_view word) {
  double value = 0;
  return parse_real(word, value);
}

// "12", "-7", "A1000", "10B", "A01F" (hybrid-36), "****": no point, a digit somewhere.
bool is_residue_number(string_view word) {
  if (word.find_first_not_of('*') == string_view::npos) return !word.empty();
  return word.find_first_of("0123456789") != string_view::npos &&
         std::all_of(word.begin(), word.end(),
                     [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '+' || c == '_'; });
}

// What is left of the record's name is a serial number: "HETATM12345", "HETATMA0000" (hybrid-36),
// "HETATM*****".
bool is_serial(string_view word) {
  return !word.empty() && word.size() <= 12 && std::all_of(word.begin(), word.end(), [](char c) {
    return is_digit(c) || is_letter(c) || c == '*';
  });
}

// Numbers that ran into each other: "-149.000-148.000" are two, "A10000-100.123" are the residue and x.
Words split_at_signs(const Words& words, std::size_t from) {
  Words out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    string_view rest = words[i];
    for (std::size_t k = 1; i >= from && k < rest.size(); ++k)
      if (rest[k] == '-' && (is_digit(rest[k - 1]) || rest[k - 1] == '.')) {
        out.push_back(rest.substr(0, k));
        rest.remove_prefix(k);
        k = 0;
      }
    out.push_back(rest);
  }
  return out;
}

// Element and segment behind the radius.
bool drop_labels(Words& words, std::size_t keep) {
  const std::size_t before = words.size();
  for (int k = 0; k < 2 && words.size() > keep; ++k)
    if (const string_view last = words.back(); last.size() <= 4 && is_letter(last[0]) && !is_number(last))
      words.pop_back();
  return words.size() < before;
}

bool has_two_decimals(string_view word) {
  const std::size_t point = word.find('.');
  return point != string_view::npos && word.size() == point + 3;
}

/// One atom of a line, as words.
struct Atom {
  string_view name, x, y, z, charge, radius;
  bool labels = false;  // behind the radius
  string_view residue_name;
  std::string residue;
};

class Line {
 public:
  explicit Line(const ChargeReader& file, string_view line)
      : file_(file), line_(line), words_(words_of(line)) {
    const std::size_t name = is_word(words_[0].substr(0, 6), "HETATM")                             ? 6
                             : is_letter(words_[0][0]) && is_word(words_[0].substr(0, 5), "HETAT") ? 5
                                                                                                   : 4;
    const string_view serial = words_[0].substr(name);
    if (serial.empty()) return;
    if (!is_serial(serial) || (name == 4 && serial.find_first_of("0123456789*") == string_view::npos))
      file.fail(text("'", words_[0].substr(0, 40),
                     "' begins as an atom does, but what follows is no serial number"));
    words_[0].remove_suffix(serial.size());
    words_.insert(words_.begin() + 1, serial);
  }

  Atom atom() const {
    Atom out;
    Words words = words_;
    bool labels = drop_labels(words, 10);
    const std::string problem = by_words(words, out);
    if (!problem.empty() && !by_columns(out, labels)) {
      words = split_at_signs(words_, 3);
      labels = drop_labels(words, 10);
      if (!by_words(words, out).empty()) file_.fail(problem);
    }
    out.labels = labels;
    return out;
  }

 private:
  // Says what is wrong.
  std::string by_words(const Words& w, Atom& out) const {
    if (w.size() < 10)
      return text(
          "a PQR atom has at least 10 fields (record, serial, name, residue, number, x, y, z, charge, "
          "radius), found ",
          w.size(), " in '", line_.substr(0, 90), "'");
    const std::size_t x = w.size() - 5;
    // A missing number would shift the last five: the field before them is the residue's number, which an
    // insertion code of one letter may follow.
    const bool code = w[x - 1].size() == 1 && is_letter(w[x - 1][0]) && x >= 6 && is_residue_number(w[x - 2]);
    if (!code && !is_residue_number(w[x - 1]))
      return text("the residue number is expected before the last five fields x y z charge radius, found '",
                  w[x - 1], "'; is one of the numbers missing?");
    if (w.size() > 12)
      return text("a PQR atom has at most 12 fields, found ", w.size(), " in '", line_.substr(0, 90), "'");
    constexpr const char* names[] = {"x", "y", "z", "charge", "radius"};
    for (std::size_t k = 0; k < 5; ++k)
      if (!is_number(w[x + k]))
        return text(names[k], ": a number is expected, found '", w[x + k].substr(0, 40), "'");
    out = {w[2], w[x], w[x + 1], w[x + 2], w[x + 3], w[x + 4], false, w[3], ""};
    for (std::size_t k = 4; k < x; ++k) out.residue += text(w[k], ' ');
    return "";
  }

  bool by_columns(Atom& out, bool& labels) const {
    const std::size_t x = coordinate_column(line_);
    if (x == string_view::npos) return false;
    const string_view tail = line_.substr(x + 24);
    Words last = split_at_signs(words_of(tail), 0);
    labels = drop_labels(last, 2);
    if (last.size() == 1 && tail.size() > 8) last = {trimmed(tail.substr(0, 8)), trimmed(tail.substr(8))};
    if (last.size() != 2 || !is_number(last[0]) || !is_number(last[1])) return false;
    out = {trimmed(line_.substr(x - 18, 4)),
           trimmed(line_.substr(x, 8)),
           trimmed(line_.substr(x + 8, 8)),
           trimmed(line_.substr(x + 16, 8)),
           last[0],
           last[1],
           false,
           line_.substr(x - 14, 4),
           std::string(line_.substr(x - 9, 6))};
    return true;
  }

  const ChargeReader& file_;
  string_view line_;
  Words words_;
};

}  // namespace

PointCharges read_pqr(const std::string& path) {
  ChargeReader file(path);
  FirstModel first;
  std::string residue;
  Index residues = 0;
  for (string_view line; file.next(line);) {
    if (!first.takes(line, file.line())) continue;
    const Atom a = Line(file, line).atom();
    if (a.labels && has_two_decimals(a.charge) && has_two_decimals(a.radius))
      file.fail(text("'", a.charge, " ", a.radius,
                     "' and an element behind it are occupancy and B factor of a PDB file, not charge and "
                     "radius; name it .pdb, and say where its charges are"));
    // Alternate locations stand in one residue, as the letter before its name of three: "AALA", "BALA". The
    // same atom of the same residue with another letter is the same charge again.
    if (a.residue != residue) residue = a.residue, ++residues;
    const bool letter = a.residue_name.size() == 4;
    const string_view residue_name = letter ? a.residue_name.substr(1) : a.residue_name;
    if (!first.takes_location(text(residues), text(residues, ' ', residue_name, ' ', a.name),
                              text(residue_name, ' ', a.name), letter ? a.residue_name[0] : ' ', file.line()))
      continue;
    const double radius = file.number(a.radius, "radius");
    if (radius < 0) file.fail(text("the radius ", radius, " is negative"));
    file.add(a.name, file.number(a.x, "x"), file.number(a.y, "y"), file.number(a.z, "z"),
             file.number(a.charge, "charge"));
    file.add_radius(radius);
  }
  first.report(file);
  return file.finish("ATOM or HETATM records");
}

}  // namespace cartan::data
