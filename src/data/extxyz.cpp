#include "data/extxyz.hpp"

#include <set>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/extxyz_column.hpp"
#include "data/extxyz_frame.hpp"
#include "data/read_in_order.hpp"

namespace cartan::data {

namespace {

constexpr std::uint64_t shortest_atom_line = 7;  // "H 0 0 0"

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t") - first + 1);
}

}  // namespace

void ExtxyzReader::fail(const std::string& what) const {
  throw FormatError(lines_.path(), text("frame ", frame_, ", line ", lines_.number()), what);
}

bool ExtxyzReader::read_count(Index& atoms) {
  std::string_view line;
  do {
    if (!lines_.next(line)) return false;
  } while (trimmed(line).empty());
  ++frame_;
  if (!parse_integer(trimmed(line), atoms) || atoms < 1)
    fail(text("expected the number of atoms, at least 1, found '", line.substr(0, 60), "'"));
  if (static_cast<std::uint64_t>(atoms) > lines_.remaining() / shortest_atom_line + 1)
    fail(
        text(atoms, " atoms announced, the rest of the file has ", lines_.remaining(), " bytes: truncated?"));
  return true;
}

void ExtxyzReader::read_line(std::string_view& line, Index atoms, Index atom) {
  if (lines_.next(line)) return;
  fail(atom < 0 ? std::string("the file ends where the comment line was expected")
                : text("the file ends after ", atom, " of ", atoms, " atoms"));
}

bool ExtxyzReader::skip() {
  Index atoms = 0;
  if (!read_count(atoms)) return false;
  std::string_view line;
  for (Index i = -1; i < atoms; ++i) read_line(line, atoms, i);
  return true;
}

// Columns of "species:S:1:pos:R:3:...".
void ExtxyzReader::read_header(std::string_view line, Index atoms, Frame& frame, std::vector<Column>& columns,
                               bool& plain) {
  HeaderEntries entries;
  std::string properties = "species:S:1:pos:R:3";
  plain = true;
  try {
    if (line.find('=') != std::string_view::npos) entries = parse_header(line);
  } catch (const HeaderError& error) {  // a comment of plain XYZ may look a little like keys
    if (line.find("Properties=") != std::string_view::npos || line.find("Lattice=") != std::string_view::npos)
      fail(error.what());
  }
  try {
    for (const auto& [key, value] : entries)
      if (key == "Properties") {
        properties = value.text;
        plain = false;
      }
    apply_entries(entries, frame);
  } catch (const HeaderError& error) {
    fail(error.what());
  }
  if (const auto comment = trimmed(line); entries.empty() && !comment.empty())
    frame.info["comment"] = std::string(comment);

  std::vector<std::string> fields(1);
  for (const char c : properties) {
    if (c == ':')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  if (fields.size() % 3) fail("Properties: expected name:type:width groups, found '" + properties + "'");
  std::set<std::string> seen;
  std::uint64_t words = 0;
  for (std::size_t i = 0; i < fields.size(); i += 3) {
    Column column;
    column.name = fields[i];
    std::int64_t width = 0;
    const std::string& type = fields[i + 1];
    if (column.name.empty()) fail("Properties: expected the name of a column before ':" + type + ":'");
    if (type != "S" && type != "R" && type != "I" && type != "L")
      fail("Properties: type of column " + column.name + ": expected S, R, I or L, found '" + type + "'");
    if (!parse_integer(fields[i + 2], width) || width < 1 || width > 100000)
      fail("Properties: width of column " + column.name + ": expected 1 to 100000, found '" + fields[i + 2] +
           "'");
    if (!seen.insert(column.name).second) fail("Properties: column " + column.name + " is given twice");
    column.width = static_cast<int>(width);
    column.role = type == "S"   ? Column::texts
                  : type == "I" ? Column::integers
                  : type == "L" ? Column::bools
                                : Column::reals;
    words += static_cast<std::uint64_t>(width);
    columns.push_back(std::move(column));
  }
  // A word takes two bytes of its line: what could not be there is refused before much is allocated for it.
  const std::uint64_t most = lines_.remaining() / 2 / static_cast<std::uint64_t>(atoms) + 1;
  if (words > most && words > (std::uint64_t{1} << 20) / static_cast<std::uint64_t>(atoms))
    fail(text("Properties: ", words, " words a line for ", atoms, " atoms, the rest of the file has ",
              lines_.remaining(), " bytes: truncated?"));
}

bool ExtxyzReader::next(Frame& frame) {
  Index atoms = 0;
  if (!read_count(atoms)) return false;
  frame = Frame();
  frame.index = frame_;
  std::vector<Column> columns;
  bool plain = false;
  std::string_view line;
  read_line(line, atoms, -1);
  read_header(line, atoms, frame, columns, plain);

  const auto n = static_cast<std::size_t>(atoms);
  const auto named = [&](const auto& names) -> const Column* {
    for (const char* name : names)
      for (const Column& c : columns)
        if (c.name == name) return &c;
    return nullptr;
  };
  const Column* const force = named(force_names);
  const Column* const velocity = named(velocity_names);
  bool has_species = false, has_positions = false;
  for (Column& column : columns) {
    std::vector<double>* field = nullptr;
    if (column.name == "pos") field = &frame.positions;
    if (&column == force) field = &frame.forces;
    if (&column == velocity) field = &frame.velocities;
    column.label = field || column.name == "momenta";
    if (field) {
      if (column.width != 3 || (column.role != Column::reals && column.role != Column::integers))
        fail("Properties: expected " + column.name + ":R:3");
      column.role = Column::reals;
      field->resize(3 * n);
      column.real = field->data();
      has_positions = has_positions || column.name == "pos";
    } else if (column.name == "species" && column.width == 1 &&
               (column.role == Column::texts || column.role == Column::integers)) {
      column.role = Column::species;
      has_species = true;
    } else if (column.role == Column::texts) {
      column.words = &frame.labels[column.name];
    } else {
      Shape shape{atoms};
      if (column.width > 1) shape.push_back(column.width);
      const DType type = column.role == Column::reals   ? DType::f64
                         : column.role == Column::bools ? DType::u8
                                                        : DType::i64;
      column.array = Array::uninitialized(shape, type);
      if (type == DType::f64) column.real = column.array.mutable_data<double>();
      if (type == DType::u8) column.boolean = column.array.mutable_data<std::uint8_t>();
      if (type == DType::i64) column.integer = column.array.mutable_data<std::int64_t>();
      if (column.name == "Z" && type == DType::i64 && column.width == 1) {
        column.role = Column::number;
        has_species = true;
      }
    }
  }
  if (!has_positions || !has_species)
    fail("Properties: expected the columns species:S:1 (or Z:I:1) and pos:R:3");
  frame.numbers.assign(n, 0);
  read_atoms(atoms, frame, columns, plain);
  finish(frame, columns);
  return true;
}

std::vector<Frame> read_extxyz(const std::string& path) {
  ExtxyzReader reader(path);
  std::vector<Frame> frames;
  for (Frame frame; reader.next(frame);) frames.push_back(std::move(frame));
  return frames;
}

namespace {

void read_slice(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  read_in_order(path, slice, sink, [&] { return ExtxyzReader(path); });
}

// The first line that is not blank is the number of atoms.
bool sniff(const FileStart& start) {
  for (int k = 0; k < 20; ++k)
    if (const auto line = trimmed(start.line(k)); !line.empty()) {
      Index atoms = 0;
      return parse_integer(line, atoms) && atoms > 0;
    }
  return false;
}

}  // namespace

Format extxyz_format() {
  Format f;
  f.name = "xyz";
  f.title = "extended xyz";
  f.names = {".xyz", ".extxyz"};
  f.complete = true;
  f.lines = true;
  f.sniff = sniff;
  f.read = read_slice;
  f.write = write_extxyz;
  return f;
}

}  // namespace cartan::data
