// The atom lines of extended XYZ: the part that must be fast.

#include <charconv>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/units.hpp"
#include "data/extxyz_column.hpp"

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
          const int z = species_number(take_word(p, end));
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
    if (!plain && skip_blanks(p, end) != end) fail_field(columns, line, field);
  }
}

// Atomic numbers, momenta and the columns that the frame keeps under their names.
void ExtxyzReader::finish(Frame& frame, std::vector<Column>& columns) const {
  const std::size_t n = frame.numbers.size();
  for (const Column& column : columns) {
    if (column.role != Column::number) continue;
    const std::int64_t* z = column.array.data<std::int64_t>();
    for (std::size_t i = 0; i < n; ++i) {
      const int given = static_cast<int>(z[i]);
      if (frame.numbers[i] != 0 && frame.numbers[i] != given)
        fail(text("atom ", i, ": species is ", element_symbol(frame.numbers[i]), " but Z is ", given));
      frame.numbers[i] = given;
    }
  }
  for (Column& column : columns) {
    if (column.array.empty() || column.role == Column::number) continue;
    if (column.name != "momenta" || column.width != 3 || column.role != Column::reals ||
        !frame.velocities.empty()) {
      frame.arrays[column.name] = std::move(column.array);
      continue;
    }
    // ASE's momenta: amu * Angstrom / (Angstrom sqrt(amu/eV)).
    const double* p = column.array.data<double>();
    const auto masses = frame.arrays.find("masses");
    const bool own = masses != frame.arrays.end() && masses->second.dtype() == DType::f64 &&
                     masses->second.size() == static_cast<Index>(n);
    const double factor = 1 / std::sqrt(units::mass_velocity2);
    frame.velocities.resize(3 * n);
    for (std::size_t i = 0; i < n; ++i) {
      const double mass = own ? masses->second.data<double>()[i] : element_mass(frame.numbers[i]);
      if (!(mass > 0)) fail(text("atom ", i, ": momenta need a positive mass, found ", mass));
      for (std::size_t k = 3 * i; k < 3 * i + 3; ++k) frame.velocities[k] = p[k] / mass * factor;
    }
  }
}

}  // namespace cartan::data
