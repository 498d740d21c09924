// The atom lines of extended XYZ: the part that must be fast.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "data/extxyz_column.hpp"
#include "data/isotopes.hpp"

namespace cartan::data {
namespace {

const char* skip_blanks(const char* p, const char* end) {
  while (p < end && is_blank(*p)) ++p;
  return p;
}
const char* word_end(const char* p, const char* end) {
  while (p < end && !is_blank(*p)) ++p;
  return p;
}

// Powers of ten that a double holds exactly.
constexpr double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Plain decimals of at most 2^53 units in the last digit and up to 22 decimal places: one division of two
// exact numbers, so rounded correctly (Clinger 1990). nullptr: another way must decide.
const char* take_short_decimal(const char* p, const char* end, double& value) {
  const bool negative = p < end && *p == '-';
  if (negative) ++p;
  std::uint64_t digits = 0;
  const char* const start = p;
  const auto take_digits = [&] {
    for (; p < end; ++p) {
      const auto digit = static_cast<unsigned>(*p - '0');
      if (digit > 9) break;
      digits = 10 * digits + digit;
    }
  };
  take_digits();
  std::ptrdiff_t count = p - start, places = 0;
  if (p < end && *p == '.') {
    const char* const point = p++;
    take_digits();
    places = p - point - 1;
    count += places;
  }
  if (count == 0 || count > 18 || digits > (std::uint64_t{1} << 53) || (p < end && !is_blank(*p)))
    return nullptr;
  value = static_cast<double>(digits) / exact_power[places];
  if (negative) value = -value;
  return p;
}

// Reads one word as a number; nullptr when it is none.
const char* take_real(const char* p, const char* end, double& value) {
  p = skip_blanks(p, end);
  if (const char* stop = take_short_decimal(p, end, value)) return stop;
  const auto [stop, error] = std::from_chars(p, end, value);
  if (error == std::errc() && (stop == end || is_blank(*stop))) return stop;
  const char* last = word_end(p, end);
  return parse_real({p, static_cast<std::size_t>(last - p)}, value) ? last : nullptr;
}

std::string_view take_word(const char*& p, const char* end) {
  const char* start = skip_blanks(p, end);
  p = word_end(start, end);
  return {start, static_cast<std::size_t>(p - start)};
}

// A word, or a text in double quotes.
bool take_text(const char*& p, const char* end, std::string& out) {
  const char* start = skip_blanks(p, end);
  if (start == end) return false;
  out.clear();
  if (*start != '"') {
    out = take_word(p, end);
    return true;
  }
  for (p = start + 1; p < end && *p != '"'; ++p) {
    const bool escape =
        *p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\' || p[1] == 'n' || p[1] == 'r');
    if (escape) ++p;
    out += escape && *p == 'n' ? '\n' : escape && *p == 'r' ? '\r' : *p;
  }
  return p < end && (++p == end || is_blank(*p));
}

// A symbol in any case, or an atomic number; 0 when it is neither.
int species_number(std::string_view word) {
  if (word.size() > 8) return 0;
  std::string symbol(word);  // short: no allocation
  if (const int z = element_number(symbol)) return z;
  int z = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), z);
  if (error == std::errc() && stop == word.data() + word.size()) return z >= 1 && z <= 118 ? z : 0;
  for (std::size_t i = 0; i < symbol.size(); ++i) {
    char& c = symbol[i];
    if (i == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (i > 0 && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return element_number(symbol);
}

}  // namespace

void ExtxyzReader::fail_field(const std::vector<Column>& columns, std::string_view line, int field) const {
  const char* p = line.data();
  std::string_view word;
  for (int i = 0; i <= field; ++i) word = take_word(p, line.data() + line.size());
  int total = 0;
  const Column* column = nullptr;
  for (const auto& c : columns) {
    if (field >= total && field < total + c.width) column = &c;
    total += c.width;
  }
  if (!column) fail(text("expected ", total, " fields, found more: '", word, "'"));
  if (word.empty()) fail(text("expected ", total, " fields, found ", field));
  const char* expected = column->role == Column::species    ? "the symbol of an element"
                         : column->role == Column::number   ? "an atomic number, 1 to 118"
                         : column->role == Column::integers ? "an integer"
                         : column->role == Column::bools    ? "T or F"
                         : column->role == Column::texts    ? "a text"
                         : column->label                    ? "a finite number"
                                                            : "a number";
  fail(text("column ", column->name, ", field ", field + 1, ": expected ", expected, ", found '",
            word.substr(0, 60), "'"));
}

void ExtxyzReader::read_atoms(Index atoms, Frame& frame, std::vector<Column>& columns, bool plain) {
  std::string_view line;
  std::string word, joined;
  for (Index i = 0; i < atoms; ++i) {
    read_line(line, atoms, i);
    const char* p = line.data();
    const char* const end = p + line.size();
    int field = 0;
    for (Column& column : columns) {
      switch (column.role) {
        case Column::species: {
          const std::string_view symbol = take_word(p, end);
          int z = species_number(symbol);
          double mass = 0;
          if (!z && isotope(symbol, z, mass)) {
            if (mass == 0)
              fail(text("the mass of the isotope ", symbol, " is not known here; write ", element_symbol(z),
                        " and a column masses:R:1"));
            isotopes_.resize(static_cast<std::size_t>(atoms), 0);
            isotopes_[static_cast<std::size_t>(i)] = mass;
          }
          if (!z) fail_field(columns, line, field);
          frame.numbers[static_cast<std::size_t>(i)] = z;
          ++field;
          break;
        }
        case Column::reals:
          for (int k = 0; k < column.width; ++k, ++field) {
            double value = 0;
            p = take_real(p, end, value);
            if (!p || (column.label && !std::isfinite(value))) fail_field(columns, line, field);
            *column.real++ = value;
          }
          break;
        case Column::number:
        case Column::integers:
          for (int k = 0; k < column.width; ++k, ++field) {
            std::int64_t value = 0;
            if (!parse_integer(take_word(p, end), value)) fail_field(columns, line, field);
            if (column.role == Column::number && (value < 1 || value > 118)) fail_field(columns, line, field);
            *column.integer++ = value;
          }
          break;
        case Column::bools:
          for (int k = 0; k < column.width; ++k, ++field) {
            bool value = false;
            const std::string_view w = take_word(p, end);
            if (!parse_bool(w, value) && w != "1" && w != "0") fail_field(columns, line, field);
            *column.boolean++ = value || w == "1";
          }
          break;
        case Column::texts:
          joined.clear();
          for (int k = 0; k < column.width; ++k, ++field) {
            if (!take_text(p, end, word)) fail_field(columns, line, field);
            if (k) joined += ' ';
            joined += word;
          }
          column.words->push_back(joined);
          break;
      }
    }
    if (skip_blanks(p, end) != end) {
      if (!plain) fail_field(columns, line, field);
      extra_ = true;
    }
  }
}

namespace {

// The largest difference between two lists, relative to the largest number of either.
double difference(const double* a, const double* b, std::size_t n) {
  double worst = 0, largest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    worst = std::max(worst, std::abs(a[k] - b[k]));
    largest = std::max({largest, std::abs(a[k]), std::abs(b[k])});
  }
  return largest > 0 ? worst / largest : 0;
}

}  // namespace

// The masses of a column, of isotopes, or both.
void ExtxyzReader::finish_masses(Frame& frame, std::vector<Column>& columns) const {
  const auto n = static_cast<Index>(frame.numbers.size());
  Array masses;
  for (Column& c : columns) {
    if (c.meaning != ColumnName::masses) continue;
    if (!masses.empty() &&
        difference(masses.data<double>(), c.array.data<double>(), frame.numbers.size()) > 1e-6)
      fail("two columns of masses, and " + c.name + " contradicts the one before; keep one");
    masses = std::move(c.array);
  }
  if (!isotopes_.empty()) {
    const bool given = !masses.empty();
    if (!given) masses = Array::uninitialized({n}, DType::f64);
    double* m = masses.mutable_data<double>();
    for (std::size_t i = 0; i < frame.numbers.size(); ++i) {
      const double isotope = isotopes_[i];
      if (!given)
        m[i] = isotope > 0 ? isotope : element_mass(frame.numbers[i]);
      else if (isotope > 0 && !(std::abs(m[i] - isotope) < 0.1))
        fail(text("atom ", i, ": the isotope has a mass of ", isotope, " amu, the column says ", m[i]));
    }
  }
  if (!masses.empty()) frame.arrays["masses"] = masses;
}

// Positions, forces and velocities, each of which may be given under several names if these agree.
void ExtxyzReader::finish_vectors(Frame& frame, std::vector<Column>& columns) const {
  const std::size_t n = frame.numbers.size();
  const bool restricted = !keys_.forces.empty();
  std::string names[3];
  const auto take = [&](std::vector<double>& field, std::string& name, const Column& c, const double* values,
                        double tolerance, const char* advice) {
    if (!field.empty()) {
      if (difference(field.data(), values, 3 * n) > tolerance)
        fail("the columns " + name + " and " + c.name + " contradict each other; " + advice);
      return;
    }
    field.assign(values, values + 3 * n);
    name = c.name;
  };
  for (const Column& c : columns) {
    if (c.array.empty() || !c.label) continue;
    const double* values = c.array.data<double>();
    if (c.meaning == ColumnName::positions) take(frame.positions, names[0], c, values, 1e-6, "keep one");
    if (c.meaning == ColumnName::velocities) take(frame.velocities, names[1], c, values, 1e-6, "keep one");
    if (c.meaning != ColumnName::forces) continue;
    if (restricted && c.name != keys_.forces)
      frame.unused.push_back({c.name, "the options take the forces under another name", false});
    else
      take(frame.forces, names[2], c, values, 1e-5, "--forces-key (data.forces_key) says which is meant");
  }
  for (double& x : frame.positions) x *= length_;
  // ASE's momenta: amu * Angstrom / (Angstrom sqrt(amu/eV)).
  for (const Column& c : columns) {
    if (c.array.empty() || c.meaning != ColumnName::momenta) continue;
    const auto masses = frame.arrays.find("masses");
    const double factor = 1 / std::sqrt(units::mass_velocity2);
    std::vector<double> velocities(3 * n);
    for (std::size_t i = 0; i < n; ++i) {
      const double mass =
          masses != frame.arrays.end() ? masses->second.data<double>()[i] : element_mass(frame.numbers[i]);
      if (!(mass > 0)) fail(text("atom ", i, ": momenta need a positive mass, found ", mass));
      for (std::size_t k = 3 * i; k < 3 * i + 3; ++k)
        velocities[k] = c.array.data<double>()[k] / mass * factor;
    }
    take(frame.velocities, names[1], c, velocities.data(), 1e-3, "keep one");
  }
}

// Atomic numbers, masses, vectors, and the columns that the frame keeps under their names.
void ExtxyzReader::finish(Frame& frame, std::vector<Column>& columns) const {
  const std::size_t n = frame.numbers.size();
  for (const Column& column : columns) {
    if (column.role != Column::number) continue;
    const std::int64_t* z = column.array.data<std::int64_t>();
    for (std::size_t i = 0; i < n; ++i) {
      const int given = static_cast<int>(z[i]);
      if (frame.numbers[i] != 0 && frame.numbers[i] != given)
        fail(text("atom ", i, ": species is ", element_symbol(frame.numbers[i]), " but ", column.name, " is ",
                  given));
      frame.numbers[i] = given;
    }
  }
  finish_masses(frame, columns);
  finish_vectors(frame, columns);
  for (Column& column : columns) {
    if (column.array.empty() || column.label || column.role == Column::number) continue;
    const std::string name = column.meaning == ColumnName::moves    ? "move_mask"
                             : column.meaning == ColumnName::frozen ? "fixed"
                                                                    : column.name;
    if (frame.arrays.count(name) > 0 && !identical(frame.arrays.at(name), column.array))
      fail("two columns say which atoms move, and " + column.name + " contradicts the one before; keep one");
    frame.arrays[name] = std::move(column.array);
  }
  if (extra_)
    frame.unused.push_back(
        {"columns after x y z", "plain XYZ does not say what they are; Properties=... would", true});
}

}  // namespace cartan::data
