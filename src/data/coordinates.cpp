#include "cartan/data/coordinates.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "cartan/core/error.hpp"
#include "cartan/core/printable.hpp"
#include "data/atomic_file.hpp"
#include "data/file_io.hpp"

namespace cartan::data {
namespace {

bool separates(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r';
}

// The next field of the line; empty at its end.
std::string_view next_field(std::string_view& line) {
  while (!line.empty() && separates(line.front())) line.remove_prefix(1);
  std::size_t end = 0;
  while (end < line.size() && !separates(line[end])) ++end;
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end);
  return field;
}

template <class T>
bool parse(std::string_view s, T& x) {
  if (!s.empty() && s.front() == '+') s.remove_prefix(1);
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), x);
  return error == std::errc() && end == s.data() + s.size() && !s.empty();
}

}  // namespace

Coordinates read_coordinates(const std::string& path, const CoordinateOptions& o) {
  LineReader reader(path);
  Coordinates out;
  std::vector<std::string_view> fields;
  std::size_t order = static_cast<std::size_t>(o.order), width = 0;
  constexpr std::size_t sample = 20000;
  std::uint64_t start = 0;  // bytes to come after the first entry
  std::string_view line;
  const std::int64_t base = o.zero_based ? 0 : 1;
  const auto fail = [&](const std::string& what) {
    throw FormatError(path, text("line ", reader.number()), what);
  };
  bool first = true;
  while (reader.next(line)) {
    if (first && line.compare(0, 3, "\xEF\xBB\xBF") == 0) line.remove_prefix(3);
    fields.clear();
    for (std::string_view f = next_field(line); !f.empty(); f = next_field(line)) fields.push_back(f);
    if (fields.empty() || fields[0].front() == '#' || fields[0].front() == '%') continue;
    double number = 0;
    if (first && !parse(fields[0], number)) {  // names of columns
      first = false;
      continue;
    }
    first = false;
    if (width == 0) {
      width = fields.size();
      if (order == 0) order = width - (o.values ? 1 : 0);
      if (width != order + 1 && (o.values || width != order))
        fail(text("has ", width, " fields; expected ", order, " indices", o.values ? " and a value" : ""));
      if (order < 1) fail("has one field; expected indices and a value");
      if (order > 64) fail(text("has ", order, " indices; at most 64 modes are supported"));
      out.indices.resize(order);
      start = reader.remaining();
    }
    if (fields.size() != width) fail(text("has ", fields.size(), " fields; the lines before have ", width));
    for (std::size_t k = 0; k < order; ++k) {
      std::int64_t i = 0;
      if (!parse(fields[k], i)) {
        double x = 0;  // 3.0 is 3
        if (!parse(fields[k], x) || x != std::floor(x) || !(std::abs(x) < 9e15))
          fail(text("'", printable(std::string(fields[k])), "' of mode ", k, " is no whole number"));
        i = static_cast<std::int64_t>(x);
      }
      if (i < base)
        fail(text("index ", i, " of mode ", k, "; indices start at ", base,
                  base == 1 && i == 0 ? ": --zero-based reads indices that start at 0" : ""));
      if (i - base >= INT32_MAX)
        fail(text("index ", i, " of mode ", k, "; at most ", INT32_MAX, " are supported"));
      out.indices[k].push_back(static_cast<std::int32_t>(i - base));
    }
    if (o.values) {
      double v = 0;
      if (!parse(fields[order], v)) fail(text("'", printable(std::string(fields[order])), "' is no number"));
      if (!std::isfinite(v)) fail(text("the value is ", v, "; leave entries that are missing out"));
      out.values.push_back(v);
    } else {
      out.values.push_back(0);
    }
    if (o.keep_lines) out.lines.push_back(reader.number());
    if (out.values.size() == sample) {  // room for all lines, if they are as long as the first ones
      const std::uint64_t left = reader.remaining(), read = start - std::min(start, left);
      if (read > 0 && left < std::uint64_t{1} << 40) {
        const std::size_t all = sample + static_cast<std::size_t>(1.02 * static_cast<double>(left) /
                                                                  static_cast<double>(read) * sample);
        for (auto& column : out.indices) column.reserve(all);
        out.values.reserve(all);
      }
    }
  }
  if (out.values.empty()) throw FormatError(path, "", "has no entry");
  return out;
}

void write_coordinates(const std::string& path, const Coordinates& entries, bool zero_based) {
  AtomicFile file(path);
  std::string text;
  char buffer[40];
  const auto add = [&](auto x) {
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;
    text.append(buffer, end);
  };
  for (std::size_t n = 0; n < entries.values.size(); ++n) {
    for (const auto& column : entries.indices) {
      add(static_cast<std::int64_t>(column[n]) + (zero_based ? 0 : 1));
      text += ' ';
    }
    add(entries.values[n]);
    text += '\n';
    if (text.size() > (1 << 20)) {
      file.write(text.data(), text.size());
      text.clear();
    }
  }
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace cartan::data
