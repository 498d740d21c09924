// POSCAR and CONTCAR of VASP: one periodic frame, Angstrom and Angstrom/fs.

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "data/extxyz_header.hpp"
#include "data/file_io.hpp"
#include "data/formats.hpp"
#include "data/words.hpp"

namespace cartan::data {
namespace {

// The element of "Fe", "Fe_pv" or "O/5a1c..." (VASP 6 appends a hash); 0 when it is none.
int element_of(std::string_view word) {
  return element_number(std::string(word.substr(0, word.find_first_of("_/"))));
}

class Reader {
 public:
  explicit Reader(const std::string& path) : lines_(path) {}

  Frame read() {
    Frame frame;
    frame.pbc = {true, true, true};
    std::string_view line;
    expect(line, "a comment");
    const std::string comment(line);
    read_cell(frame);
    read_species(frame, comment);
    const bool selective = read_mode();
    read_positions(frame, selective);
    read_velocities(frame);
    if (!comment.empty()) frame.info["comment"] = comment;
    return frame;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(lines_.path(), text("line ", lines_.number()), what);
  }
  void expect(std::string_view& line, const char* what) {
    if (!lines_.next(line)) fail(text("the file ends where ", what, " was expected"));
  }
  // The first `count` words of a line as finite numbers.
  void numbers(const std::vector<std::string_view>& words, std::size_t count, double* out,
               const char* what) const {
    if (words.size() < count) fail(text("expected ", what, ", ", count, " numbers; found ", words.size()));
    for (std::size_t k = 0; k < count; ++k)
      if (!parse_real(words[k], out[k]) || !std::isfinite(out[k]))
        fail(text("expected ", what, ", found '", words[k].substr(0, 40), "'"));
  }

  // A scale (negative: the volume; three: by axis) and three lattice vectors.
  void read_cell(Frame& frame) {
    std::string_view line;
    expect(line, "the scale of the lattice");
    const auto words = words_of(line);
    double second = 0;
    const bool three = words.size() >= 3 && parse_real(words[1], second) && parse_real(words[2], second);
    numbers(words, three ? 3 : 1, scale_, "the scale of the lattice");
    if (!three) scale_[1] = scale_[2] = scale_[0];
    for (std::size_t k = 0; k < 3; ++k) {
      if (scale_[k] == 0 || (three && scale_[k] < 0)) fail("the scale of the lattice is not positive");
    }
    for (std::size_t i = 0; i < 3; ++i) {
      expect(line, "a lattice vector");
      numbers(words_of(line), 3, frame.cell.data() + 3 * i, "a lattice vector");
    }
    if (!(frame.volume() > 0)) fail("the cell has no volume");
    if (scale_[0] < 0) std::fill_n(scale_, 3, std::cbrt(-scale_[0] / frame.volume()));
    for (std::size_t i = 0; i < 9; ++i) frame.cell[i] *= scale_[i % 3];
  }

  // Symbols (VASP 5) and numbers of atoms; in the oldest form the symbols are in the comment.
  void read_species(Frame& frame, const std::string& comment) {
    std::string_view line;
    expect(line, "symbols of elements");
    std::string symbols_line(line);
    std::int64_t count = 0;
    auto counts = words_of(line);
    const bool old = !counts.empty() && parse_integer(counts[0], count);
    if (old)
      symbols_line = comment;
    else
      expect(line, "the numbers of atoms");
    counts = words_of(line);
    const auto symbols = words_of(symbols_line);
    std::size_t known = 0;
    while (known < symbols.size() && element_of(symbols[known])) ++known;
    if (old ? known < counts.size() : known != symbols.size() || known == 0)
      fail(old ? "numbers of atoms without symbols: the line before must name the elements, as in VASP 5"
               : text("expected symbols of elements, found '",
                      symbols.empty() ? std::string_view() : symbols[known].substr(0, 40), "'"));
    if (!old && counts.size() < symbols.size())
      fail(text(symbols.size(), " elements and ", counts.size(), " numbers of atoms"));
    const std::size_t species = old ? counts.size() : symbols.size();
    for (std::size_t k = 0; k < species; ++k) {
      if (!parse_integer(counts[k], count) || count < 0)
        fail(text("expected a number of atoms, found '", counts[k].substr(0, 40), "'"));
      if (static_cast<std::uint64_t>(count) > lines_.remaining() / 6)  // "0 0 0\n"
        fail(text(count, " atoms announced, the rest of the file has ", lines_.remaining(),
                  " bytes: truncated?"));
      frame.numbers.insert(frame.numbers.end(), count, element_of(symbols[k]));
    }
    if (frame.numbers.empty()) fail("no atoms");
  }

  static char first_letter(std::string_view line) {
    const auto words = words_of(line);
    return words.empty() ? '\0' : static_cast<char>(std::tolower(static_cast<unsigned char>(words[0][0])));
  }
  static bool is_cartesian(std::string_view line) {
    const char c = first_letter(line);
    return c == 'c' || c == 'k';
  }

  // "Selective dynamics", if there, then "Direct" or "Cartesian".
  bool read_mode() {
    std::string_view line;
    expect(line, "'Direct' or 'Cartesian'");
    const bool selective = first_letter(line) == 's';
    if (selective) expect(line, "'Direct' or 'Cartesian'");
    cartesian_ = is_cartesian(line);
    if (!cartesian_ && first_letter(line) != 'd')
      fail(text("expected 'Direct' or 'Cartesian', found '", line.substr(0, 40), "'"));
    return selective;
  }

  // Coordinates along the lattice vectors to Cartesian ones.
  static void to_cartesian(const Frame& frame, double* x) {
    const double s[3] = {x[0], x[1], x[2]};
    for (std::size_t k = 0; k < 3; ++k)
      x[k] = s[0] * frame.cell[k] + s[1] * frame.cell[3 + k] + s[2] * frame.cell[6 + k];
  }

  void read_positions(Frame& frame, bool selective) {
    const Index n = frame.size();
    Array moves = selective ? Array::uninitialized({n, 3}, DType::u8) : Array();
    frame.positions.resize(3 * frame.numbers.size());
    for (Index i = 0; i < n; ++i) {
      std::string_view line;
      expect(line, "the position of an atom");
      const auto words = words_of(line);
      double* x = frame.positions.data() + 3 * i;
      numbers(words, 3, x, "the position of an atom");
      if (cartesian_)
        for (int k = 0; k < 3; ++k) x[k] *= scale_[k];
      else
        to_cartesian(frame, x);
      for (int k = 0; selective && k < 3; ++k) {
        bool free = false;
        if (words.size() < 6 || !parse_bool(strip_dots(words[3 + k]), free))
          fail("selective dynamics: expected T or F for each of three directions");
        moves.mutable_data<std::uint8_t>()[3 * i + k] = free;
      }
    }
    if (selective) frame.arrays["move_mask"] = moves;
  }
  // ".TRUE." of Fortran
  static std::string_view strip_dots(std::string_view word) {
    if (word.size() > 2 && word.front() == '.' && word.back() == '.') word = word.substr(1, word.size() - 2);
    return word.substr(0, 1);
  }

  // Velocities, where there are some; what follows them belongs to VASP's own integrators.
  void read_velocities(Frame& frame) {
    std::string_view line;
    if (!lines_.next(line)) return;
    if (first_letter(line) == 'l') {  // "Lattice velocities and vectors": a line, 2 x 3 vectors
      frame.unused.push_back({"lattice velocities", "they belong to VASP's own dynamics of the cell", true});
      for (int k = 0; k < 8; ++k)
        if (!lines_.next(line)) return;
    }
    const bool direct = first_letter(line) == 'd';
    if (!direct && !is_cartesian(line) && !words_of(line).empty())
      fail(text("expected the end, or a blank line and velocities; found '", line.substr(0, 40), "'"));
    std::vector<double> velocities(3 * frame.numbers.size());
    for (Index i = 0; i < frame.size(); ++i) {
      if (!lines_.next(line)) {
        if (i == 0) return;
        fail(text("the file ends after the velocities of ", i, " of ", frame.size(), " atoms"));
      }
      const auto words = words_of(line);
      if (i == 0 && words.empty()) {
        while (lines_.next(line))
          if (!words_of(line).empty()) fail("expected velocities, one line an atom");
        return;
      }
      if (i == 0 && is_grid(words)) {
        frame.unused.push_back({text("grid of ", words[0], " x ", words[1], " x ", words[2]),
                                "a density or potential, as in CHGCAR and LOCPOT", false});
        return;
      }
      if (words.size() != 3) fail(text("expected the velocity of an atom, 3 numbers; found ", words.size()));
      numbers(words, 3, velocities.data() + 3 * i, "the velocity of an atom");
      if (direct) to_cartesian(frame, velocities.data() + 3 * i);
    }
    while (lines_.next(line))
      if (!words_of(line).empty()) {
        frame.unused.push_back(
            {"predictor-corrector coordinates", "they belong to VASP's own integrator", false});
        break;
      }
    // A relaxation writes zeros.
    if (std::any_of(velocities.begin(), velocities.end(), [](double v) { return v != 0; }))
      frame.velocities = std::move(velocities);
  }
  // The numbers of points that stand where velocities would: whole and positive.
  static bool is_grid(const std::vector<std::string_view>& words) {
    std::int64_t count = 0;
    return words.size() == 3 && std::all_of(words.begin(), words.end(), [&](std::string_view word) {
             return parse_integer(word, count) && count > 0;
           });
  }

  LineReader lines_;
  double scale_[3] = {1, 1, 1};
  bool cartesian_ = false;
};

void read(const std::string& path, const Slice& slice, const ReadOptions&, const FrameSink& sink) {
  Frame frame = Reader(path).read();
  if (slice.ascending(1).count > 0) sink(std::move(frame));
}

// Lines 2 to 5: one number or three, then three vectors.
bool sniff(const FileStart& start) {
  if (start.bytes.find("Direct configuration=") != std::string::npos) return false;  // an XDATCAR
  for (int k = 1; k < 5; ++k) {
    const auto words = words_of(start.line(k));
    if (words.size() < (k == 1 ? 1 : 3)) return false;
    for (std::size_t i = 0; i < (k == 1 ? 1 : 3); ++i)
      if (double x; !parse_real(words[i], x)) return false;
  }
  const auto words = words_of(start.line(5));
  std::int64_t count = 0;
  return !words.empty() && (element_of(words[0]) || parse_integer(words[0], count));
}

}  // namespace

Format poscar_format() {
  Format f;
  f.name = "poscar";
  f.title = "POSCAR";
  f.names = {".vasp", ".poscar", "POSCAR", "CONTCAR"};
  f.own_units = true;
  f.lines = true;
  f.sniff = sniff;
  f.read = read;
  return f;
}

}  // namespace cartan::data
