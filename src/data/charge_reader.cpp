#include "data/charge_reader.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "cartan/core/error.hpp"
#include "data/extxyz_header.hpp"

namespace cartan::data {

using std::string_view;

string_view trimmed(string_view s) {
  const auto first = s.find_first_not_of(" \t");
  if (first == string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

bool is_word(string_view word, string_view name) {
  return word.size() == name.size() && std::equal(name.begin(), name.end(), word.begin(), [](char n, char c) {
           return n == std::toupper(static_cast<unsigned char>(c));
         });
}

bool is_atom(string_view line) {
  line = trimmed(line);
  return is_word(line.substr(0, 4), "ATOM") || is_word(line.substr(0, 5), "HETAT");
}

bool ChargeReader::next(string_view& line) {
  if (!lines_.next(line)) return false;
  if (lines_.number() == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);  // byte order mark
  const std::size_t at = line.find('\r');
  if (at != string_view::npos && at + 1 < line.size())
    fail("has carriage returns for line ends, as old Macintosh files: convert them to newlines");
  return true;
}

void ChargeReader::fail(const std::string& what) const {
  throw FormatError(out_.path, text("line ", lines_.number()), what);
}

double ChargeReader::number(string_view word, const char* what) const {
  double value = 0;
  if (!parse_real(trimmed(word), value))
    fail(text(what, ": a number is expected, found '", word.substr(0, 40), "'"));
  if (!std::isfinite(value)) fail(text(what, " is not finite: '", word.substr(0, 40), "'"));
  return value;
}

void ChargeReader::add(string_view name, double x, double y, double z, double charge) {
  for (const double c : {x, y, z}) out_.positions.push_back(c);
  out_.charges.push_back(charge);
  out_.names.emplace_back(name);
  out_.lines.push_back(lines_.number());
}

PointCharges ChargeReader::finish(const char* wanted) {
  if (out_.charges.empty()) throw FormatError(out_.path, "", text("has no ", wanted));
  return std::move(out_);
}

bool FirstModel::takes(string_view line, Index number) {
  if (is_atom(line)) {
    if (ended_) ++later_atoms_;
    any_ = any_ || !ended_;
    return !ended_;
  }
  const auto fields = words_of(line.substr(0, 80));
  if (fields.empty() || !any_ || ended_) return false;
  for (const char* end : {"ENDMDL", "END", "MODEL"})
    if (is_word(fields[0], end)) ended_ = true, ended_by_ = end, ended_line_ = number;
  return false;
}

bool FirstModel::takes_location(const std::string& residue, const std::string& place, const std::string& atom,
                                char alternate, Index number) {
  if (residue != residue_) residue_ = residue, plain_.clear();
  if (alternate == ' ') {
    plain_.insert(atom);
    return true;
  }
  if (plain_.count(atom) == 0 && locations_.emplace(place, alternate).first->second == alternate) return true;
  if (alternates_++ == 0) first_alternate_ = number;
  return false;
}

void FirstModel::report(ChargeReader& file) const {
  if (later_atoms_ > 0)
    file.note(text("the first model alone is used: it ends with ", ended_by_, " in line ", ended_line_, ", ",
                   later_atoms_, later_atoms_ == 1 ? " atom is" : " atoms are", " left out behind it"));
  if (alternates_ > 0)
    file.note(text("the first location of each residue is used: ", alternates_,
                   alternates_ == 1 ? " atom" : " atoms", " of other locations left out, the first in line ",
                   first_alternate_));
}

std::size_t coordinate_column(string_view line) {
  const auto number_at = [&](std::size_t begin) {
    double value = 0;
    return line[begin + 4] == '.' && parse_real(trimmed(line.substr(begin, 8)), value);
  };
  // Column 12 is blank, unless a serial number of six digits or more has pushed the rest to the right.
  for (std::size_t x = 30; x < 34 && line.size() >= x + 24 && (x == 30 || line[x - 20] != ' '); ++x)
    if (number_at(x) && number_at(x + 8) && number_at(x + 16)) return x;
  return string_view::npos;
}

}  // namespace cartan::data
