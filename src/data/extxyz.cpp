#include "data/extxyz.hpp"

#include <set>

#include "cartan/core/error.hpp"
#include "cartan/data/readers.hpp"
#include "data/extxyz_column.hpp"
#include "data/extxyz_frame.hpp"
#include "data/extxyz_names.hpp"
#include "data/read_in_order.hpp"

namespace cartan::data {

namespace {

constexpr std::uint64_t shortest_atom_line = 7;  // "H 0 0 0"

// True for a line with a key that a frame must not lose, whatever else is wrong with it.
bool states_something(std::string_view line) {
  const std::string low = lower(line);
  for (const char* key : {"properties", "lattice", "energy", "pbc", "virial", "stress", "cell"})
    for (std::size_t at = low.find(key); at != std::string::npos; at = low.find(key, at + 1)) {
      const std::size_t next = low.find_first_not_of(" \t", at + std::string_view(key).size());
      if (next != std::string::npos && low[next] == '=') return true;
    }
  return false;
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t") - first + 1);
}

template <class Columns>
std::string names_of(const Columns& columns) {
  std::string out;
  for (const auto& c : columns) out += (out.empty() ? "" : ", ") + c.name;
  return out;
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
  length_ = 1;
  const std::string_view comment = trimmed(line);
  bool program = false;
  try {
    program = read_program_comment(comment, frame, length_);
  } catch (const HeaderError& error) {
    fail(error.what());
  }
  try {
    if (!program && line.find('=') != std::string_view::npos) entries = parse_header(line);
  } catch (const HeaderError& error) {  // a comment of plain XYZ may look a little like keys
    if (program || states_something(line) || length_ != 1) fail(error.what());
  }
  try {
    for (const auto& [key, value] : entries)
      if (key_of(key) == Key::properties) {
        if (!plain) fail("Properties is given twice");
        properties = value.text;
        plain = false;
      }
    if (!program) apply_entries(entries, keys_, frame);
  } catch (const HeaderError& error) {
    fail(error.what());
  }
  if (entries.empty() && !comment.empty()) frame.info["comment"] = std::string(comment);

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
    std::string type = fields[i + 1];
    if (type.size() == 1 && type[0] >= 'a' && type[0] <= 'z')
      type[0] = static_cast<char>(type[0] - 'a' + 'A');
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
  frame.numbers.assign(static_cast<std::size_t>(atoms), 0);
  place_columns(frame, columns);
  isotopes_.clear();
  extra_ = false;
  read_atoms(atoms, frame, columns, plain);
  finish(frame, columns);
  return true;
}

// Where the values of each column go.
void ExtxyzReader::place_columns(Frame& frame, std::vector<Column>& columns) {
  const Index atoms = static_cast<Index>(frame.numbers.size());
  const std::string all = names_of(columns);
  bool has_species = false, has_positions = false;
  for (Column& column : columns) {
    column.meaning = column.name == keys_.forces ? ColumnName::forces : column_of(column.name);
    if (const std::string meant = column.name == keys_.forces ? "" : meant_column(column.name);
        !meant.empty())
      fail("Properties: the column " + column.name + " is not known; " + meant +
           " is meant? Correct it, or give it a name that is not so near");
    // A mass, a mask or a letter that is a label by its name alone is a column like others.
    const bool whole = column.role == Column::integers, real = column.role == Column::reals || whole;
    const bool mask = column.role == Column::bools || whole;
    switch (column.meaning) {
      case ColumnName::species:
        if (column.width != 1 || !(column.role == Column::texts || whole)) column.meaning = ColumnName::other;
        break;
      case ColumnName::numbers:
        if (column.width != 1 || !whole) column.meaning = ColumnName::other;
        break;
      case ColumnName::masses:
        if (column.width != 1 || !real) fail("Properties: expected " + column.name + ":R:1");
        break;
      case ColumnName::moves:
      case ColumnName::frozen:
        if (!mask || (column.width != 1 && column.width != 3)) column.meaning = ColumnName::other;
        break;
      case ColumnName::positions:
      case ColumnName::forces:
      case ColumnName::velocities:
      case ColumnName::momenta:
        if (column.name.size() < 3 && (column.width != 3 || !real))
          column.meaning = ColumnName::other;
        else if (column.width != 3 || !real)
          fail("Properties: expected " + column.name + ":R:3");
        break;
      default:
        break;
    }
    has_species =
        has_species || column.meaning == ColumnName::species || column.meaning == ColumnName::numbers;
    has_positions = has_positions || column.meaning == ColumnName::positions;
  }
  for (Column& column : columns)  // where nothing is called species, the symbols may be types or names
    if (!has_species && column.role == Column::texts && column.width == 1)
      for (const char* name : {"type", "types", "atom_type", "atom_types", "atom", "atoms", "name", "names"})
        if (!has_species && lower(column.name) == name) {
          column.meaning = ColumnName::species;
          has_species = true;
        }
  if (!has_positions || !has_species)
    fail("Properties: expected the columns species:S:1 (or numbers:I:1) and pos:R:3, found " + all);
  for (Column& column : columns) {
    const ColumnName m = column.meaning;
    if (m == ColumnName::species) {
      column.role = Column::species;
      continue;
    }
    const bool vectors = m == ColumnName::positions || m == ColumnName::forces ||
                         m == ColumnName::velocities || m == ColumnName::momenta;
    column.label = vectors || m == ColumnName::masses;
    if (column.label) column.role = Column::reals;
    if (column.role == Column::texts) {
      column.words = &frame.labels[column.name];
      continue;
    }
    Shape shape{atoms};
    if (column.width > 1) shape.push_back(column.width);
    const DType type = column.role == Column::reals   ? DType::f64
                       : column.role == Column::bools ? DType::u8
                                                      : DType::i64;
    column.array = Array::uninitialized(shape, type);
    if (type == DType::f64) column.real = column.array.mutable_data<double>();
    if (type == DType::u8) column.boolean = column.array.mutable_data<std::uint8_t>();
    if (type == DType::i64) column.integer = column.array.mutable_data<std::int64_t>();
    if (m == ColumnName::numbers) column.role = Column::number;
  }
}

std::vector<Frame> read_extxyz(const std::string& path, const LabelKeys& keys) {
  ExtxyzReader reader(path, keys);
  std::vector<Frame> frames;
  for (Frame frame; reader.next(frame);) frames.push_back(std::move(frame));
  return frames;
}

namespace {

void read_slice(const std::string& path, const Slice& slice, const ReadOptions& options,
                const FrameSink& sink) {
  read_in_order(path, slice, sink, [&] { return ExtxyzReader(path, options.labels); });
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
  f.names_labels = true;
  f.write = write_extxyz;
  return f;
}

}  // namespace cartan::data
