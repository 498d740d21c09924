#include "cartan/data/table.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "cartan/core/config.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/printable.hpp"
#include "cartan/data/hdf5.hpp"
#include "data/file_io.hpp"

namespace cartan::data {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

bool is_missing(std::string_view s) {
  for (const char* word : {"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "-nan"})
    if (s == word) return true;
  return false;
}

bool number(std::string_view s, double& x) {
  if (!s.empty() && s.front() == '+') s.remove_prefix(1);
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), x);
  return error == std::errc() && end == s.data() + s.size() && std::isfinite(x);
}

// Days from 1970-01-01 in the Gregorian calendar (H. Hinnant's formula).
double days_of(int y, int m, int d) {
  y -= m <= 2;
  const int era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  const int of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097.0 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

// "2013-03-01", then T or a blank and "10:30" or "10:30:15.5", then nothing, Z or an offset.
bool time_stamp(std::string_view s, double& days) {
  const auto digits = [&](std::size_t at, std::size_t count, int& out) {
    if (at + count > s.size()) return false;
    out = 0;
    for (std::size_t k = at; k < at + count; ++k) {
      if (s[k] < '0' || s[k] > '9') return false;
      out = 10 * out + (s[k] - '0');
    }
    return true;
  };
  int y, m, d, h = 0, min = 0;
  if (s.size() < 10 || !digits(0, 4, y) || !digits(5, 2, m) || !digits(8, 2, d)) return false;
  if (s[4] != s[7] || (s[4] != '-' && s[4] != '/')) return false;
  static constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
  if (m < 1 || m > 12 || d < 1 || d > lengths[m - 1] + (m == 2 && leap ? 1 : 0)) return false;
  days = days_of(y, m, d);
  s.remove_prefix(10);
  if (s.empty()) return true;
  if ((s[0] != 'T' && s[0] != ' ') || s.size() < 6 || s[3] != ':' || !digits(1, 2, h) || !digits(4, 2, min) ||
      h > 24 || min > 59)
    return false;
  double seconds = 0;
  s.remove_prefix(6);
  if (!s.empty() && s[0] == ':') {
    const std::size_t end = s.find_first_of("Z+-", 1);
    if (!number(s.substr(1, end == std::string_view::npos ? end : end - 1), seconds) || seconds < 0 ||
        seconds >= 61)
      return false;
    s.remove_prefix(end == std::string_view::npos ? s.size() : end);
  }
  days += (h * 3600 + min * 60 + seconds) / 86400;
  if (s.empty() || s == "Z") return true;
  int oh = 0, om = 0;
  if (s.size() < 3 || (s[0] != '+' && s[0] != '-') || !digits(1, 2, oh)) return false;
  if (s.size() > 3 && !digits(s[3] == ':' ? 4 : 3, 2, om)) return false;
  days -= (s[0] == '-' ? -1 : 1) * (oh * 60 + om) / 1440.0;
  return true;
}

// The fields of a line. Blanks: any number of them separates.
void split(std::string_view line, char separator, std::vector<std::string>& fields) {
  fields.clear();
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && (line[at] == ' ' || (separator == ' ' && line[at] == '\t'))) ++at;
    if (separator == ' ' && at >= line.size()) return;
    std::string field;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size(); ++at) {
        if (line[at] == '"') {
          if (at + 1 >= line.size() || line[at + 1] != '"') break;
          ++at;
        }
        field += line[at];
      }
      at = std::min(line.size(), at + 1);
      while (at < line.size() && line[at] != separator) ++at;
    } else {
      const std::size_t end =
          std::min(separator == ' ' ? line.find_first_of(" \t", at) : line.find(separator, at), line.size());
      field = trimmed(line.substr(at, end - at));
      at = end;
    }
    fields.push_back(std::move(field));
    if (at >= line.size()) return;
    ++at;
  }
}

Table read_text(const std::string& path) {
  LineReader reader(path);
  Table table;
  table.path = path;
  std::string_view raw;
  std::vector<std::string> fields;
  char separator = ',';
  bool header = false;
  std::vector<std::vector<std::string>> kept;  // words of columns that may be no numbers
  std::vector<bool> numeric, times;
  std::vector<Index> seen;  // numbers before the first word
  const auto where = [&] { return text("line ", reader.number()); };
  while (reader.next(raw)) {
    if (!header && raw.compare(0, 3, "\xEF\xBB\xBF") == 0) raw.remove_prefix(3);
    std::string_view line = trimmed(raw);
    if (separator == '\t') line = raw;
    if (line.find('\0') != std::string_view::npos)
      throw FormatError(path, where(), "holds a zero byte: this is no text");
    if (trimmed(line).empty() || line.front() == '#') continue;
    if (!header) {
      separator = ' ';
      for (const char c : {',', ';', '\t'})
        if (line.find(c) != std::string_view::npos) {
          separator = c;
          break;
        }
      split(line, separator, fields);
      bool all = true;
      double x;
      for (const std::string& f : fields) all = all && number(f, x);
      if (all) throw FormatError(path, where(), "has numbers where the names of columns are expected");
      for (const std::string& f : fields) {
        if (f.empty())
          throw FormatError(path, where(), text("column ", table.columns.size() + 1, " has no name"));
        if (table.has(f)) throw FormatError(path, where(), text("two columns are called '", f, "'"));
        Column c;
        c.name = f;
        table.columns.push_back(std::move(c));
      }
      kept.resize(fields.size()), seen.assign(fields.size(), 0);
      numeric.assign(fields.size(), true), times.assign(fields.size(), true);
      header = true;
      continue;
    }
    split(line, separator, fields);
    if (fields.size() != table.columns.size())
      throw FormatError(path, where(),
                        text("has ", fields.size(), " fields; there are ", table.columns.size(), " columns"));
    for (std::size_t k = 0; k < fields.size(); ++k) {
      Column& c = table.columns[k];
      double x = missing, t = missing;
      const bool none = is_missing(fields[k]);
      if (!none && numeric[k] && !number(fields[k], x)) {
        numeric[k] = false;
        c.example = text("'", printable(fields[k]), "' in ", where());
      }
      if (!none && !numeric[k] && times[k] && !time_stamp(fields[k], t)) {
        times[k] = false;
        // among times the first that is none; among numbers the first word
        if (c.example.empty() || seen[k] == 0) c.example = text("'", printable(fields[k]), "' in ", where());
      }
      if (!none && numeric[k]) ++seen[k];
      c.numbers.push_back(none ? missing : x);
      // of columns of numbers too: the rows so far may be numbers by chance
      kept[k].push_back(none ? "" : std::move(fields[k]));
    }
    table.lines.push_back(reader.number());
  }
  if (!header) throw FormatError(path, "", "is empty");
  for (std::size_t k = 0; k < table.columns.size(); ++k) {
    Column& c = table.columns[k];
    if (numeric[k]) continue;
    bool all = true;
    std::vector<double> days;
    for (const std::string& w : kept[k]) {
      double t = missing;
      all = all && (w.empty() || time_stamp(w, t));
      days.push_back(t);
    }
    c.kind = all ? Column::Kind::times : Column::Kind::words;
    if (all)
      c.numbers = std::move(days);
    else
      c.words = std::move(kept[k]), c.numbers.clear();
  }
  return table;
}

Table read_hdf5(const std::string& path) {
  const Group root = load(path);
  Table table;
  table.path = path;
  for (const auto& [name, item] : root.items()) {
    const Array& a = item.array;
    if (a.ndim() != 1 || is_complex(a.dtype())) continue;
    if (!table.columns.empty() && a.size() != static_cast<Index>(table.columns[0].numbers.size()))
      throw FormatError(path, name,
                        text("has ", a.size(), " numbers; '", table.columns[0].name, "' has ",
                             table.columns[0].numbers.size()));
    Column c;
    c.name = name;
    c.numbers = a.to_vector<double>();
    table.columns.push_back(std::move(c));
  }
  if (table.columns.empty()) throw FormatError(path, "", "has no lists of numbers in its root");
  for (std::size_t i = 0; i < table.columns[0].numbers.size(); ++i)
    table.lines.push_back(static_cast<Index>(i));
  return table;
}

}  // namespace

bool Table::has(const std::string& name) const {
  for (const Column& c : columns)
    if (c.name == name) return true;
  return false;
}

std::vector<std::string> Table::names() const {
  std::vector<std::string> out;
  for (const Column& c : columns) out.push_back(c.name);
  return out;
}

const Column& Table::column(const std::string& name) const {
  for (const Column& c : columns)
    if (c.name == name) return c;
  const std::string near = config::nearest(name, names());
  std::string known;
  for (const std::string& n : names()) known += (known.empty() ? "" : ", ") + n;
  throw FormatError(path, "",
                    text("has no column '", name, "'; ",
                         near.empty() ? "there are " + known : "perhaps '" + near + "' is meant"));
}

Table read_table(const std::string& path) {
  {
    InputFile file(path);
    char start[8] = {};
    if (file.regular() && file.size() >= 8) {
      file.read_at(0, start, 8);
      if (std::memcmp(start, "\x89HDF\r\n\x1a\n", 8) == 0) return read_hdf5(path);
    }
  }
  return read_text(path);
}

}  // namespace cartan::data
