// Dumps of LAMMPS (dump atom, dump custom), https://docs.lammps.org/dump.html

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "cartan/core/error.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"
#include "data/lammps.hpp"
#include "data/read_in_order.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

using std::string_view;
using Words = std::vector<string_view>;

class Reader {
 public:
  Reader(const std::string& path, const ReadOptions& options)
      : options_(options),
        elements_(elements_of(options)),
        units_(lammps_default_units(options)),
        lines_(path) {}

  bool next(Frame& frame) {
    frame = Frame();
    if (!read_head(frame)) return false;
    read_atoms(frame);
    return true;
  }

  bool skip() {
    Frame frame;
    if (!read_head(frame)) return false;
    for (Index i = 0; i < atoms_; ++i) line(text("atom ", i + 1, " of ", atoms_));
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(lines_.path(), text("frame ", frame_, ", line ", lines_.number()), what);
  }
  string_view line(const std::string& what) {
    string_view out;
    if (!lines_.next(out)) fail("the file ends where " + what + " was expected: truncated?");
    return out;
  }
  double real(string_view word) const {
    double value = 0;
    if (!parse_real(word, value) || !std::isfinite(value))
      fail(text("expected a finite number, found '", word.substr(0, 40), "'"));
    return value;
  }
  std::int64_t integer(string_view word) const {
    std::int64_t value = 0;
    if (!parse_integer(word, value)) fail(text("expected an integer, found '", word.substr(0, 40), "'"));
    return value;
  }

  // All up to the line that names the columns.
  bool read_head(Frame& frame) {
    string_view at;
    do {
      if (!lines_.next(at)) return false;
    } while (words_of(at).empty());
    ++frame_;
    atoms_ = -1;
    columns_.clear();
    bool box = false;
    for (;; at = line("ITEM: ATOMS")) {
      const Words words = words_of(at);
      if (words.size() < 2 || words[0] != "ITEM:")
        fail(text("expected a line 'ITEM: ...', found '", at.substr(0, 60), "'"));
      const string_view item = words[1];
      if (item == "TIMESTEP") {
        frame.info["timestep"] = integer(first_word("the time step"));
      } else if (item == "UNITS") {
        const std::string name(first_word("units"));
        units_ = lammps_units(lines_.path(), text("line ", lines_.number()), name);
        stated_ = true;
      } else if (item == "TIME") {
        frame.info["time_fs"] = real(first_word("the time")) * units_.time;
      } else if (item == "NUMBER" && words.size() == 4 && words[3] == "ATOMS") {
        atoms_ = integer(first_word("the number of atoms"));
        if (atoms_ < 1) fail("the frame has no atoms");
        if (static_cast<std::uint64_t>(atoms_) > lines_.remaining() / 4 + 1)
          fail(text(atoms_, " atoms announced, the rest of the file has ", lines_.remaining(),
                    " bytes: truncated?"));
      } else if (item == "BOX" && words.size() > 2 && words[2] == "BOUNDS") {
        read_box(Words(words.begin() + 3, words.end()), frame);
        box = true;
      } else if (item == "ATOMS") {
        if (atoms_ < 0 || !box) fail("ITEM: ATOMS comes before NUMBER OF ATOMS and BOX BOUNDS");
        for (std::size_t k = 2; k < words.size(); ++k) columns_.emplace_back(words[k]);
        if (columns_.empty()) columns_ = {"id", "type", "xs", "ys", "zs"};  // of old versions
        return true;
      } else {
        fail(text("'", at.substr(0, 60), "' is not read; dump atom and dump custom are"));
      }
    }
  }
  string_view first_word(const char* what) {
    const Words words = words_of(line(what));
    if (words.empty()) fail(text("expected ", what));
    return words[0];
  }

  // "xlo xhi", with a tilt of its own each and bounds around the tilted box, or vectors with their origin.
  void read_box(Words names, Frame& frame) {
    const auto starts = [&](std::initializer_list<string_view> what) {
      return names.size() >= what.size() && std::equal(what.begin(), what.end(), names.begin());
    };
    box_ = LammpsBox();
    box_.general = starts({"abc", "origin"});
    const bool tilted = starts({"xy", "xz", "yz"});
    names.erase(names.begin(), names.begin() + (box_.general ? 2 : tilted ? 3 : 0));
    const std::size_t count = box_.general ? 4 : tilted ? 3 : 2;
    for (std::size_t k = 0; k < 3; ++k) {
      // Old versions give no boundaries; the default of LAMMPS is periodic.
      frame.pbc[k] = names.size() <= k || names[k] == "pp";
      const Words words = words_of(line("the bounds of the box"));
      if (words.size() != count) fail(text("expected ", count, " numbers of the box, found ", words.size()));
      if (box_.general) {
        for (std::size_t l = 0; l < 3; ++l) box_.vectors[3 * k + l] = real(words[l]);
        box_.low[k] = real(words[3]);
      } else {
        box_.low[k] = real(words[0]);
        box_.high[k] = real(words[1]);
        if (tilted) box_.tilt[k] = real(words[2]);
      }
    }
    const auto [xy, xz, yz] = box_.tilt;
    box_.low[0] -= std::min({0.0, xy, xz, xy + xz});
    box_.high[0] -= std::max({0.0, xy, xz, xy + xz});
    box_.low[1] -= std::min(0.0, yz);
    box_.high[1] -= std::max(0.0, yz);
    try {
      frame.cell = box_.cell(1);
    } catch (const std::invalid_argument& error) {
      fail(error.what());
    }
  }

  int column(string_view name) const {
    for (std::size_t k = 0; k < columns_.size(); ++k)
      if (columns_[k] == name) return static_cast<int>(k);
    return -1;
  }
  // Three columns, taken when all are there.
  std::array<int, 3> take(std::array<const char*, 3> names) {
    std::array<int, 3> out{column(names[0]), column(names[1]), column(names[2])};
    if (out[0] < 0 || out[1] < 0 || out[2] < 0) return {-1, -1, -1};
    for (const char* name : names) used_.insert(name);
    return out;
  }

  void read_atoms(Frame& frame) {
    used_.clear();
    bool scaled = false;
    std::array<int, 3> x{-1, -1, -1};
    // Any of them says the same; what is not taken is left out below.
    constexpr std::array<const char*, 3> coordinates[] = {
        {"x", "y", "z"}, {"xu", "yu", "zu"}, {"xs", "ys", "zs"}, {"xsu", "ysu", "zsu"}};
    for (int k = 0; k < 4; ++k) {
      if (x[0] >= 0) break;
      x = take(coordinates[k]);
      scaled = k >= 2;
    }
    if (x[0] < 0)
      fail("no coordinates among the columns: x y z, xu yu zu, xs ys zs or xsu ysu zsu are needed");
    const std::array<int, 3> v = take({"vx", "vy", "vz"}), f = take({"fx", "fy", "fz"});
    const int id = column("id");
    find_elements();

    const auto n = static_cast<std::size_t>(atoms_);
    std::vector<std::int64_t> ids(n);
    std::vector<std::vector<std::string>> rest(columns_.size());
    for (std::size_t i = 0; i < n; ++i) {
      const Words words = words_of(line(text("atom ", i + 1, " of ", atoms_)));
      if (words.size() != columns_.size())
        fail(text("expected ", columns_.size(), " columns, found ", words.size()));
      const auto vector = [&](const std::array<int, 3>& at, double unit, std::vector<double>& to) {
        if (at[0] < 0) return;
        for (const int k : at) to.push_back(real(words[static_cast<std::size_t>(k)]) * unit);
      };
      ids[i] = id < 0 ? static_cast<std::int64_t>(i) + 1 : integer(words[static_cast<std::size_t>(id)]);
      vector(x, 1, frame.positions);
      vector(v, units_.velocity, frame.velocities);
      vector(f, units_.energy / units_.length, frame.forces);
      frame.numbers.push_back(element(words));
      for (std::size_t k = 0; k < words.size(); ++k)
        if (used_.count(columns_[k]) == 0) rest[k].emplace_back(words[k]);
    }
    if (scaled) unscale(frame);
    for (double& c : frame.positions) c *= units_.length;
    for (double& c : frame.cell) c *= units_.length;
    keep_rest(frame, rest);
    check_ids(ids);
    sort_by_id(frame, ids);
    if (!stated_ && (v[0] >= 0 || f[0] >= 0)) note_units(frame, units_, options_);
  }

  void unscale(Frame& frame) const {
    for (std::size_t i = 0; i < frame.positions.size(); i += 3) {
      const double s[3] = {frame.positions[i], frame.positions[i + 1], frame.positions[i + 2]};
      for (std::size_t k = 0; k < 3; ++k)
        frame.positions[i + k] =
            box_.low[k] + s[0] * frame.cell[k] + s[1] * frame.cell[3 + k] + s[2] * frame.cell[6 + k];
    }
  }

  // Which column says the elements: their symbols, else types that options or labels name, else masses.
  void find_elements() {
    element_ = column("element"), type_ = column("type"), mass_ = column("mass");
    if (element_ < 0) element_ = column("typelabel");
    if (element_ < 0 && (type_ < 0 || elements_.empty()) && mass_ < 0 && type_ < 0)
      fail("no column says the elements: element, mass, or type with --elements is needed");
    for (const int k : {element_, type_, mass_, column("id")})
      if (k >= 0) used_.insert(columns_[static_cast<std::size_t>(k)]);
    if (mass_ >= 0) used_.erase("mass");  // kept as masses
  }

  int element(const Words& words) const {
    const auto word = [&](int k) { return words[static_cast<std::size_t>(k)]; };
    int by_type = 0;
    if (type_ >= 0 && !elements_.empty()) {
      const std::int64_t type = integer(word(type_));
      if (type < 1 || type > static_cast<std::int64_t>(elements_.size()))
        fail(text("type ", type, ", but --elements names ", elements_.size(),
                  ": one for every type is needed"));
      by_type = elements_[static_cast<std::size_t>(type) - 1];
    }
    if (element_ >= 0) {
      const int z = element_number(std::string(word(element_)));
      if (z == 0 && by_type == 0)
        fail(text("'", word(element_).substr(0, 40), "' is no element; --elements names those of the types"));
      if (z != 0 && by_type != 0 && z != by_type)
        fail(text("the column element says ", element_symbol(z), ", --elements says ",
                  element_symbol(by_type)));
      return z != 0 ? z : by_type;
    }
    if (mass_ >= 0) {
      const double mass = real(word(mass_));
      if (by_type != 0 && !mass_fits(by_type, mass))
        fail(text("the mass ", mass, " is not that of ", element_symbol(by_type),
                  ": are --elements in the order of the types?"));
      const int z = by_type != 0 ? by_type : element_of_mass(mass);
      if (z == 0)
        fail(text("the mass ", mass, " is that of no element; --elements names those of the types"));
      return z;
    }
    if (by_type != 0) return by_type;
    const int label = element_number(std::string(word(type_)));
    if (label == 0)
      fail(text("which element is type ", word(type_).substr(0, 20),
                "? --elements names those of the types, as H,O for 1 and 2"));
    return label;
  }

  // Further columns: numbers, or texts. Those that say again what was read are left out.
  void keep_rest(Frame& frame, const std::vector<std::vector<std::string>>& rest) const {
    const std::set<string_view> again{"x", "y", "z", "xu", "yu", "zu", "xs", "ys", "zs", "xsu", "ysu", "zsu"};
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const std::string& name = columns_[k];
      if (used_.count(name) > 0) continue;
      if (again.count(name) > 0) {
        frame.unused.push_back({name, "positions are read from other columns", false});
        continue;
      }
      if (name == "ix" || name == "iy" || name == "iz") {
        frame.unused.push_back({name, "images: an atom and its images are one", false});
        continue;
      }
      std::vector<double> values;
      bool numbers = true, whole = true;
      for (const std::string& word : rest[k]) {
        double value = 0;
        std::int64_t integer = 0;
        numbers = numbers && parse_real(word, value) && std::isfinite(value);
        whole = whole && parse_integer(word, integer);
        values.push_back(value);
      }
      const std::string key = name == "q" ? "charges" : name == "mass" ? "masses" : name;
      if (!numbers)
        frame.labels[key] = rest[k];
      else if (whole && key == name)
        frame.arrays[key] = Array::from(std::vector<std::int64_t>(values.begin(), values.end()));
      else
        frame.arrays[key] = Array::from(values);
    }
  }

  void check_ids(const std::vector<std::int64_t>& ids) const {
    std::vector<std::int64_t> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail(text("atom ", *twice, " stands twice"));
  }

  const ReadOptions options_;
  std::vector<int> elements_;  // of types 1, 2, ...
  LammpsUnits units_;
  bool stated_ = false;  // the file says its units
  LineReader lines_;
  Index frame_ = -1, atoms_ = 0;
  LammpsBox box_;
  std::vector<std::string> columns_;
  std::set<std::string> used_;
  int element_ = -1, type_ = -1, mass_ = -1;
};

void read(const std::string& path, const Slice& slice, const ReadOptions& options, const FrameSink& sink) {
  read_in_order(path, slice, sink, [&] { return Reader(path, options); });
}

}  // namespace

Format lammps_dump_format() {
  Format f;
  f.name = "lammps-dump";
  f.title = "LAMMPS dump";
  f.names = {".lammpstrj", ".dump"};
  f.own_units = true;
  f.lines = true;
  f.sniff = [](const FileStart& start) { return start.begins_with("ITEM: "); };
  f.read = read;
  return f;
}

}  // namespace cartan::data
