// The files of QM9 (Ramakrishnan, Dral, Rupp, von Lilienfeld, Sci. Data 1, 140022 (2014)), .xyz with lines of
// their own:
//
//     number of atoms n
//     gdb INDEX A B C mu alpha homo lumo gap r2 zpve U0 U H G Cv
//     n lines: element, x y z (Angstrom), Mulliken charge
//     frequencies of the vibrations, 1/cm
//     SMILES, as given and of the relaxed geometry
//     InChI, as given and of the relaxed geometry
//
// with energies in Hartree and exponents as Mathematica writes them (2.2*^-6).

#include <cmath>
#include <deque>

#include "cartan/core/units.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"
#include "data/read_in_order.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

struct Property {
  const char* name;
  double unit;  // what one is in Cartan's units; 1: as the file has it
};
constexpr Property properties[] = {{"A", 1},
                                   {"B", 1},
                                   {"C", 1},
                                   {"mu", 1},
                                   {"alpha", 1},
                                   {"homo", units::hartree},
                                   {"lumo", units::hartree},
                                   {"gap", units::hartree},
                                   {"r2", 1},
                                   {"zpve", units::hartree},
                                   {"U0", units::hartree},
                                   {"U", units::hartree},
                                   {"H", units::hartree},
                                   {"G", units::hartree},
                                   {"Cv", 1}};

bool is_tag(std::string_view line) {
  const auto words = words_of(line);
  std::int64_t index = 0;
  return words.size() >= 2 && words[0] == "gdb" && parse_integer(words[1], index);
}

class Reader {
 public:
  explicit Reader(const std::string& path) : lines_(path) {}

  bool next(Frame& frame) {
    while (look_ahead(1) && words_of(ahead_[0]).empty()) take("");
    if (!look_ahead(1)) return false;
    ++frame_;
    frame = Frame();
    const Index atoms = read_count();
    read_properties(frame);
    read_atoms(atoms, frame);
    read_rest(frame);
    return true;
  }

  bool skip() {
    Frame frame;
    return next(frame);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(lines_.path(), text("frame ", frame_, ", line ", line_), what);
  }
  // The lines to come, where there are so many.
  bool look_ahead(std::size_t count) {
    for (std::string_view line; ahead_.size() < count && lines_.next(line);) ahead_.emplace_back(line);
    return ahead_.size() >= count;
  }
  std::string take(const char* what) {
    if (!look_ahead(1)) fail(text("the file ends where ", what, " was expected"));
    ++line_;
    std::string out = std::move(ahead_.front());
    ahead_.pop_front();
    return out;
  }
  double real(std::string_view word) const {
    double value = 0;
    if (!parse_real(word, value) || !std::isfinite(value))
      fail(text("expected a finite number, found '", word.substr(0, 40), "'"));
    return value;
  }

  Index read_count() {
    const std::string line = take("the number of atoms");
    const auto words = words_of(line);
    Index atoms = 0;
    if (words.size() != 1 || !parse_integer(words[0], atoms) || atoms < 1)
      fail(text("expected the number of atoms of a molecule of QM9, found '", line.substr(0, 60), "'"));
    return atoms;
  }

  void read_properties(Frame& frame) {
    const std::string line = take("the line of properties");
    if (!is_tag(line))
      fail(text("expected the properties of a molecule of QM9, 'gdb INDEX A B C ...', found '",
                line.substr(0, 60), "'"));
    const auto words = words_of(line);
    std::int64_t index = 0;
    parse_integer(words[1], index);
    frame.info["gdb"] = index;
    const std::size_t count = words.size() - 2;
    if (count > std::size(properties))
      fail(text("a molecule of QM9 has ", std::size(properties), " properties, found ", count));
    for (std::size_t k = 0; k < count; ++k)
      frame.info[properties[k].name] = real(words[k + 2]) * properties[k].unit;
    // U0 holds the zero-point energy of the vibrations, which is no energy of the geometry.
    if (count == std::size(properties))
      frame.energy = std::get<double>(frame.info["U0"]) - std::get<double>(frame.info["zpve"]);
  }

  void read_atoms(Index atoms, Frame& frame) {
    std::vector<double> charges;
    for (Index i = 0; i < atoms; ++i) {
      const std::string line = take("an atom");
      const auto words = words_of(line);
      const int number = words.empty() ? 0 : element_number(std::string(words[0]));
      if (number == 0 || words.size() < 4 || words.size() > 5)
        fail(text("expected an atom of QM9, 'element x y z charge', found '", line.substr(0, 60), "'"));
      frame.numbers.push_back(number);
      for (std::size_t k = 1; k < 4; ++k) frame.positions.push_back(real(words[k]));
      if (words.size() == 5) charges.push_back(real(words[4]));
    }
    if (charges.size() == frame.numbers.size()) frame.arrays["mulliken_charges"] = Array::from(charges);
  }

  // Frequencies, SMILES, InChI, unless the next molecule comes at once.
  void read_rest(Frame& frame) {
    for (const char* name : {"frequencies", "smiles", "inchi"}) {
      if (look_ahead(2) && is_tag(ahead_[1])) return;
      if (!look_ahead(1)) return;
      const std::string line = take("");
      const auto words = words_of(line);
      if (words.empty()) continue;
      if (name[0] == 'f') {
        std::vector<double> values;
        for (const auto& word : words) values.push_back(real(word));
        frame.info[name] = Array::from(values);
      } else {
        frame.info[name] = std::string(words[0]);
        if (words.size() > 1 && words[1] != words[0])
          frame.info[text(name, "_relaxed")] = std::string(words[1]);
      }
    }
  }

  LineReader lines_;
  std::deque<std::string> ahead_;
  Index line_ = 0, frame_ = -1;
};

void read(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  read_in_order(path, slice, sink, [&] { return Reader(path); });
}

}  // namespace

Format qm9_format() {
  Format f;
  f.name = "qm9";
  f.title = "QM9 xyz";
  f.own_units = true;
  f.lines = true;
  f.sniff = [](const FileStart& start) {
    std::int64_t atoms = 0;
    const auto words = words_of(start.line(0));
    return words.size() == 1 && parse_integer(words[0], atoms) && is_tag(start.line(1));
  };
  f.read = read;
  return f;
}

}  // namespace cartan::data
