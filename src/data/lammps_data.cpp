// Data files of LAMMPS, https://docs.lammps.org/read_data.html: a header of counts and bounds, then sections.

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "cartan/core/error.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"
#include "data/formats.hpp"
#include "data/lammps.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

using std::string_view;
using Words = std::vector<string_view>;

// The columns of an atom style up to z; image flags may follow.
struct Style {
  std::string name;
  std::vector<std::string> columns;
};
const std::vector<Style>& styles() {
  static const std::vector<Style> all{
      {"atomic", {"id", "type", "x", "y", "z"}},
      {"charge", {"id", "type", "q", "x", "y", "z"}},
      {"molecular", {"id", "mol", "type", "x", "y", "z"}},
      {"full", {"id", "mol", "type", "q", "x", "y", "z"}},
      {"sphere", {"id", "type", "diameter", "density", "x", "y", "z"}},
      {"dipole", {"id", "type", "q", "x", "y", "z", "mux", "muy", "muz"}},
      // Only where the file names them:
      {"bond", {"id", "mol", "type", "x", "y", "z"}},
      {"angle", {"id", "mol", "type", "x", "y", "z"}},
      {"amoeba", {"id", "mol", "type", "q", "x", "y", "z"}},
      {"ellipsoid", {"id", "type", "ellipsoidflag", "density", "x", "y", "z"}},
      {"electron", {"id", "type", "q", "spin", "eradius", "x", "y", "z"}},
      {"spin", {"id", "type", "x", "y", "z", "spx", "spy", "spz", "sp"}},
      {"peri", {"id", "type", "volume", "density", "x", "y", "z"}},
      {"dpd", {"id", "type", "theta", "x", "y", "z"}},
      {"bpm/sphere", {"id", "mol", "type", "diameter", "density", "x", "y", "z"}},
      {"template", {"id", "mol", "template-index", "template-atom", "type", "x", "y", "z"}},
      {"dielectric",
       {"id", "mol", "type", "q", "x", "y", "z", "mux", "muy", "muz", "area", "ed", "em", "epsilon",
        "curvature"}},
  };
  return all;
}
constexpr std::size_t guessed_styles = 6;
// Styles whose columns are others.
constexpr const char* refused_styles[] = {"hybrid", "body",       "line", "tri",          "sph",
                                          "smd",    "edpd",       "mdpd", "tdpd",         "apip",
                                          "mesont", "wavepacket", "rheo", "rheo/thermal", "granular"};

class Reader {
 public:
  Reader(const std::string& path, const ReadOptions& options)
      : options_(options),
        elements_(elements_of(options)),
        units_(lammps_default_units(options)),
        lines_(path) {}

  Frame read() {
    read_first();
    read_header();
    while (!section_.empty()) read_section();
    if (atom_lines_.empty()) fail(text("the file has no section Atoms"));
    return make();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(lines_.path(), text("line ", lines_.number()), what);
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
  // The next line with words in it; what follows '#' goes to comment_.
  bool next(Words& words) {
    for (string_view line; lines_.next(line);) {
      const std::size_t hash = line.find('#');
      comment_ = hash == string_view::npos ? string_view() : line.substr(hash + 1);
      words = words_of(line.substr(0, hash));
      if (!words.empty()) return true;
    }
    words.clear();
    comment_ = {};
    return false;
  }
  void expect(Words& words, Index have, Index of, const char* what) {
    if (!next(words)) fail(text("the file ends after ", have, " of ", of, " ", what, ": truncated?"));
  }

  // The first line is a comment; write_data names the units there.
  void read_first() {
    string_view line;
    if (!lines_.next(line)) fail("the file is empty");
    constexpr string_view mark = "units = ";
    if (const auto at = line.find(mark); at != string_view::npos) {
      const Words words = words_of(line.substr(at + mark.size()));
      const string_view name = words.empty() ? string_view() : words[0].substr(0, words[0].find(','));
      units_ = lammps_units(lines_.path(), "line 1", std::string(name));
      stated_ = true;
    }
  }

  void read_header() {
    Words w;
    while (next(w)) {
      const auto ends = [&](std::size_t numbers, std::initializer_list<string_view> keyword) {
        return w.size() == numbers + keyword.size() &&
               std::equal(keyword.begin(), keyword.end(), w.begin() + static_cast<std::ptrdiff_t>(numbers));
      };
      const auto bounds = [&](std::size_t k) {
        box_.low[k] = real(w[0]), box_.high[k] = real(w[1]);
        bounded_ = true;
      };
      const auto vector = [&](std::size_t k) {
        for (std::size_t l = 0; l < 3; ++l) box_.vectors[3 * k + l] = real(w[l]);
        box_.general = bounded_ = true;
      };
      if (ends(1, {"atoms"}))
        atoms_ = integer(w[0]);
      else if (ends(1, {"atom", "types"}))
        types_ = integer(w[0]);
      else if (ends(2, {"xlo", "xhi"}))
        bounds(0);
      else if (ends(2, {"ylo", "yhi"}))
        bounds(1);
      else if (ends(2, {"zlo", "zhi"}))
        bounds(2);
      else if (ends(3, {"xy", "xz", "yz"}))
        for (std::size_t k = 0; k < 3; ++k) box_.tilt[k] = real(w[k]);
      else if (ends(3, {"avec"}))
        vector(0);
      else if (ends(3, {"bvec"}))
        vector(1);
      else if (ends(3, {"cvec"}))
        vector(2);
      else if (ends(3, {"abc", "origin"}))
        for (std::size_t k = 0; k < 3; ++k) box_.low[k] = real(w[k]);
      else if (double ignored; !parse_real(w[0], ignored))
        break;  // a section
      // All else counts what is not read: bonds, bond types, extra bond per atom, ...
    }
    if (atoms_ < 1) fail("the header has no line 'N atoms'");
    if (types_ < 1) fail("the header has no line 'N atom types'");
    if (!bounded_) fail("the header has no bounds of the box, 'LOW HIGH xlo xhi'");
    if (static_cast<std::uint64_t>(atoms_) > lines_.remaining() / 8 + 1)
      fail(text(atoms_, " atoms announced, the rest of the file has ", lines_.remaining(),
                " bytes: truncated?"));
    if (static_cast<std::uint64_t>(types_) > lines_.remaining() + 1)
      fail(text(types_, " atom types announced"));
    start_section(w);
  }

  void start_section(const Words& words) {
    section_.clear();
    for (const auto& word : words) section_ += (section_.empty() ? "" : " ") + std::string(word);
    const Words comment = words_of(comment_);
    hint_ = comment.empty() ? "" : std::string(comment[0]);
  }

  // Reads the section that has begun, up to the first line of the next one.
  void read_section() {
    const std::string name = section_;
    if (name == "Atoms") {
      style_ = hint_;
      read_lines(name, atoms_, [&](const Words& w) {
        std::vector<std::string> line;
        for (const auto& word : w) line.emplace_back(word);
        line_numbers_.push_back(lines_.number());
        atom_lines_.push_back(std::move(line));
      });
    } else if (name == "Velocities") {
      read_lines(name, atoms_, [&](const Words& w) {
        if (w.size() < 4) fail("expected a velocity, 'id vx vy vz'");
        if (!velocities_.emplace(integer(w[0]), std::array<double, 3>{real(w[1]), real(w[2]), real(w[3])})
                 .second)
          fail(text("the velocity of atom ", w[0], " stands twice"));
      });
    } else if (name == "Masses") {
      read_lines(name, types_, [&](const Words& w) {
        if (w.size() != 2) fail("expected the mass of a type, 'type mass'");
        const Words comment = words_of(comment_);
        masses_[type_of(w[0])] = {real(w[1]), comment.empty() ? "" : std::string(comment[0])};
      });
    } else if (name == "Atom Type Labels") {
      read_lines(name, types_, [&](const Words& w) {
        if (w.size() != 2) fail("expected the label of a type, 'type label'");
        labels_[std::string(w[1])] = integer(w[0]);
      });
    } else {
      Index count = 0;
      Words w;
      for (section_.clear(); next(w); ++count)
        if (std::isalpha(static_cast<unsigned char>(w[0][0])) && labels_.count(std::string(w[0])) == 0) {
          start_section(w);
          break;
        }
      others_.emplace_back(name, count);
    }
  }

  template <class F>
  void read_lines(const std::string& name, Index count, const F& line) {
    if (!seen_.insert(name).second) fail("the section " + name + " stands twice");
    Words w;
    for (Index i = 0; i < count; ++i) {
      expect(w, i, count, ("lines of " + name).c_str());
      line(w);
    }
    section_.clear();
    if (!next(w)) return;
    if (!std::isalpha(static_cast<unsigned char>(w[0][0])))
      fail(text("expected the next section after ", count, " lines of ", name, ", found '",
                w[0].substr(0, 40), "'"));
    start_section(w);
  }

  // A type as a number or a label.
  std::int64_t type_of(string_view word) const {
    std::int64_t type = 0;
    if (!parse_integer(word, type)) {
      const auto label = labels_.find(std::string(word));
      if (label == labels_.end())
        fail(text("the type '", word.substr(0, 40), "' is no number and has no label"));
      type = label->second;
    }
    if (type < 1 || type > types_) fail(text("type ", type, " is not among the ", types_));
    return type;
  }

  // The style by the comment behind Atoms, or the one whose columns alone can be meant.
  const Style& find_style() const {
    const std::size_t width = atom_lines_[0].size();
    for (const auto& line : atom_lines_)
      if (line.size() != width) fail(text("atoms of ", width, " and of ", line.size(), " columns"));
    const std::string wanted = options_.atom_style.empty() ? style_ : options_.atom_style;
    if (!wanted.empty()) {
      for (const Style& s : styles())
        if (s.name == wanted) {
          if (width != s.columns.size() && width != s.columns.size() + 3)
            fail(text("atoms of style ", s.name, " have ", s.columns.size(),
                      " columns, or 3 more with images; found ", width));
          return s;
        }
      const bool refused =
          std::find(std::begin(refused_styles), std::end(refused_styles), wanted) != std::end(refused_styles);
      if (refused || !options_.atom_style.empty())
        fail(text("the atom style ", wanted, " is not read; write_data with another, or a dump, is"));
    }
    const Style* found = nullptr;
    for (std::size_t k = 0; k < guessed_styles; ++k) {
      const Style& s = styles()[k];
      if ((width != s.columns.size() && width != s.columns.size() + 3) || !could_be(s)) continue;
      if (found)
        fail(text("the atoms may be of style ", found->name, " or ", s.name, "; say which as 'Atoms # ",
                  s.name, "' in the file, or by --atom-style"));
      found = &s;
    }
    if (!found)
      fail(text("atoms of ", width,
                " columns are of no common style; say it as 'Atoms # full' in the file, or by ",
                "--atom-style"));
    return *found;
  }

  bool could_be(const Style& s) const {
    for (std::size_t k = 0; k < atom_lines_[0].size(); ++k) {
      const bool image = k >= s.columns.size();
      const std::string& name = image ? "image" : s.columns[k];
      bool whole = true, types = true;
      for (const auto& line : atom_lines_) {
        std::int64_t value = 0;
        const bool integer = parse_integer(line[k], value);
        whole = whole && integer;
        types = types && (integer ? value >= 1 && value <= types_ : labels_.count(line[k]) > 0);
      }
      if (name == "type" ? !types : (name == "id" || name == "mol" || image) && !whole) return false;
      // A whole number could be a density, but not in every atom; a charge may be.
      if ((name == "diameter" || name == "density" || name == "mux") && whole) return false;
    }
    return true;
  }

  std::map<std::int64_t, int> find_elements() const {
    std::map<std::int64_t, int> out;
    for (std::int64_t type = 1; type <= types_; ++type) {
      const auto mass = masses_.find(type);
      int z = 0;
      if (!elements_.empty()) {
        if (static_cast<std::int64_t>(elements_.size()) != types_)
          fail(text(types_, " atom types, --elements names ", elements_.size()));
        z = elements_[static_cast<std::size_t>(type) - 1];
        if (mass != masses_.end() && !mass_fits(z, mass->second.first))
          fail(text("type ", type, " has the mass ", mass->second.first, ", which is not that of ",
                    element_symbol(z), ": are --elements in the order of the types?"));
      }
      for (const auto& [label, number] : labels_)
        if (z == 0 && number == type) z = fitting(label, mass);
      if (z == 0 && mass != masses_.end()) z = fitting(mass->second.second, mass);
      if (z == 0 && mass != masses_.end()) z = element_of_mass(mass->second.first);
      out[type] = z;
    }
    return out;
  }
  // The element of a word that the mass does not contradict.
  template <class Mass>
  int fitting(const std::string& word, const Mass& mass) const {
    const int z = element_number(word);
    return z != 0 && mass != masses_.end() && !mass_fits(z, mass->second.first) ? 0 : z;
  }

  Frame make() {
    const Style& style = find_style();
    const auto elements = find_elements();
    Frame frame;
    std::vector<std::int64_t> ids;
    std::vector<double> charges, masses;
    std::map<std::string, std::vector<double>> rest;
    for (std::size_t i = 0; i < atom_lines_.size(); ++i) {
      const auto bad = [&](const std::string& what) {
        throw FormatError(lines_.path(), text("line ", line_numbers_[i]), what);
      };
      for (std::size_t k = 0; k < style.columns.size(); ++k) {
        const std::string &name = style.columns[k], &word = atom_lines_[i][k];
        if (name == "type") {
          const std::int64_t type = type_of(word);
          const int z = elements.at(type);
          if (z == 0) {
            const auto mass = masses_.find(type);
            bad(mass == masses_.end()
                    ? text("which element is type ", type,
                           "? The file has no Masses; --elements names one for every type")
                    : text("type ", type, " has the mass ", mass->second.first,
                           ", which is that of no element; --elements names one for every type"));
          }
          frame.numbers.push_back(z);
          if (!masses_.empty()) masses.push_back(masses_.at(type).first);
          continue;
        }
        double value = 0;
        if (!parse_real(word, value) || !std::isfinite(value))
          bad(text(name, ": expected a finite number, found '", word.substr(0, 40), "'"));
        if (name == "x" || name == "y" || name == "z")
          frame.positions.push_back(value * units_.length);
        else if (name == "id")
          ids.push_back(static_cast<std::int64_t>(value));
        else if (name == "q")
          charges.push_back(value);
        else if (i == 0 || rest.count(name) > 0)
          rest[name].push_back(value);
      }
    }
    std::vector<std::int64_t> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
      fail(text("atom ", *twice, " stands twice"));
    if (!charges.empty()) frame.arrays["charges"] = Array::from(charges);
    if (!masses.empty()) frame.arrays["masses"] = Array::from(masses);
    for (const auto& [name, values] : rest)
      frame.arrays[name] = name == "mol"
                               ? Array::from(std::vector<std::int64_t>(values.begin(), values.end()))
                               : Array::from(values);
    if (!velocities_.empty())
      for (const std::int64_t id : ids) {
        const auto v = velocities_.find(id);
        if (v == velocities_.end()) fail(text("atom ", id, " has no velocity"));
        for (const double x : v->second) frame.velocities.push_back(x * units_.velocity);
      }
    try {
      frame.cell = box_.cell(units_.length);
    } catch (const std::invalid_argument& error) {
      throw FormatError(lines_.path(), "", error.what());
    }
    frame.pbc = {true, true, true};
    sort_by_id(frame, ids);
    note(frame, style);
    return frame;
  }

  void note(Frame& frame, const Style& style) const {
    frame.unused.push_back(
        {"boundary", "a data file does not say it; periodic in three directions is assumed", false});
    if (!stated_ && !velocities_.empty()) note_units(frame, units_, options_);
    if (atom_lines_[0].size() > style.columns.size())
      frame.unused.push_back({"image flags", "an atom and its images are one", false});
    for (const auto& [name, count] : others_)
      frame.unused.push_back(
          {"section " + name, text(count, " lines of a force field or its topology"), false});
  }

  const ReadOptions options_;
  std::vector<int> elements_;  // of types 1, 2, ..., as options give them
  LammpsUnits units_;
  bool stated_ = false, bounded_ = false;
  LineReader lines_;
  string_view comment_;  // of the last line
  std::string section_, hint_, style_;
  Index atoms_ = 0, types_ = 0;
  LammpsBox box_;
  std::set<std::string> seen_;
  std::vector<std::vector<std::string>> atom_lines_;
  std::vector<Index> line_numbers_;
  std::unordered_map<std::int64_t, std::array<double, 3>> velocities_;
  std::map<std::int64_t, std::pair<double, std::string>> masses_;  // by type, with the comment
  std::map<std::string, std::int64_t> labels_;
  std::vector<std::pair<std::string, Index>> others_;  // sections that are not used, and their lines
};

void read(const std::string& path, const Slice& slice, const ReadOptions& options, const FrameSink& sink) {
  Frame frame = Reader(path, options).read();
  if (slice.ascending(1).count > 0) sink(std::move(frame));
}

// "N atoms" and the bounds of the box among the first lines, whatever the comment says.
bool sniff(const FileStart& start) {
  bool atoms = false, box = false;
  for (int k = 0; k < 60; ++k) {
    string_view line = start.line(k);
    const Words w = words_of(line.substr(0, line.find('#')));
    std::int64_t count = 0;
    atoms = atoms || (w.size() == 2 && w[1] == "atoms" && parse_integer(w[0], count));
    box = box || (w.size() == 4 && (w[2] == "xlo" || w[3] == "avec"));
    if (atoms && box) return true;
  }
  return false;
}

}  // namespace

Format lammps_data_format() {
  Format f;
  f.name = "lammps-data";
  f.title = "LAMMPS data";
  f.names = {".lmp", ".data"};
  f.own_units = true;
  f.lines = true;
  f.sniff = sniff;
  f.read = read;
  return f;
}

}  // namespace cartan::data
