#include "chebyshev_common.hpp"

#include <cartan/core/error.hpp>
#include <cartan/data/figure.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

namespace cartan::app {
namespace {

const auto start = std::chrono::steady_clock::now();

std::string variable_name(int k, int dim) {
  return dim <= 3 ? std::string(1, "xyz"[k]) : text("x", k + 1);
}

// Poles would take nearly all colours: where one value of a hundred at each end lies far beyond the others,
// the colours end before, and the note says what lies beyond.
void cut_poles(data::Figure& figure) {
  data::HeatMap& map = figure.map;
  std::vector<double> sorted;
  for (const double v : map.values)
    if (std::isfinite(v)) sorted.push_back(v);
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() < 100) return;
  const std::size_t few = sorted.size() / 100;
  double low = sorted[few], high = sorted[sorted.size() - 1 - few];
  if (!(low < high) || sorted.back() - sorted.front() < 3 * (high - low)) return;
  if (low < 0 && high > 0) high = std::max(-low, high), low = -high;
  map.low = low, map.high = high;
  char words[120];
  std::snprintf(words, sizeof words, "; colours end at %.3g and %.3g, values at %.3g and %.3g", low, high,
                sorted.front(), sorted.back());
  figure.note += words;
}

}  // namespace

double seconds_since_start() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

CLI::Validator number_from(double low, double high) {
  return CLI::Validator(
      [=](std::string& word) {
        double value = 0;
        const bool good = CLI::detail::lexical_cast(word, value) && low <= value && value <= high;
        return good ? std::string() : text(word, " is no number from ", low, " to ", high);
      },
      "");
}

std::vector<double> parse_numbers(const std::string& words, const std::string& what) {
  std::vector<double> out;
  for (std::size_t at = words.find_first_not_of(", \t"); at != std::string::npos;) {
    const std::size_t end = std::min(words.find_first_of(", \t", at), words.size());
    const std::string word = words.substr(at + (words[at] == '+' ? 1 : 0), end - at);
    double value = 0;
    const auto [stop, error] =
        std::from_chars(word.data(), word.data() + word.find_last_not_of(", \t") + 1, value);
    require(error == std::errc() && std::isfinite(value) &&
                stop == word.data() + word.find_last_not_of(", \t") + 1,
            what, ": '", word, "' is not a finite number");
    out.push_back(value);
    at = words.find_first_not_of(", \t", end);
  }
  require(!out.empty(), what, ": numbers are expected, found '", words, "'");
  return out;
}

std::vector<Index> parse_integers(const std::string& words, const std::string& what) {
  std::vector<Index> out;
  for (const double x : parse_numbers(words, what)) {
    require(x == std::floor(x) && std::abs(x) < 1e9, what, ": ", x, " is not a whole number");
    out.push_back(static_cast<Index>(x));
  }
  return out;
}

chebyshev::Box parse_box(const std::string& words, int dim) {
  const std::vector<double> ends = parse_numbers(words, "--box");
  require(ends.size() % 2 == 0, "--box: ", ends.size(), " numbers; expected pairs LOW,HIGH");
  const int pairs = static_cast<int>(ends.size() / 2);
  require(dim == 0 || pairs == 1 || pairs == dim, "--box: ", pairs, " pairs for ", dim, " variables");
  chebyshev::Box box;
  for (int k = 0; k < (dim ? dim : pairs); ++k) {
    const std::size_t p = pairs == 1 ? 0 : static_cast<std::size_t>(2 * k);
    box.low.push_back(ends[p]);
    box.high.push_back(ends[p + 1]);
  }
  box.check("--box");
  return box;
}

nlohmann::ordered_json fit_report(const chebyshev::ChebyshevTucker& f, double rel_error_max,
                                  double rel_error_l2, double seconds) {
  return {{"ranks", f.ranks()},           {"degrees", f.degrees()},         {"rel_error_max", rel_error_max},
          {"rel_error_l2", rel_error_l2}, {"compression", f.compression()}, {"seconds", seconds}};
}

Slice parse_slice(const std::string& words, const chebyshev::Box& box) {
  const int d = box.dim();
  require(d >= 2, "--slice: a function of one variable has no slices");
  const std::size_t sign = words.find('=');
  const std::string name = words.substr(0, sign);
  Slice s;
  s.text = words;
  s.variable = -1;
  for (int k = 0; k < d; ++k)
    if (name == variable_name(k, d) || name == text("x", k + 1)) s.variable = k;
  require(s.variable >= 0, "--slice '", words, "': expected NAME=VALUE or NAME, with a name from ",
          variable_name(0, d), " to ", variable_name(d - 1, d));
  s.at = box.centre(s.variable);
  if (sign != std::string::npos) {
    const auto value = parse_numbers(words.substr(sign + 1), "--slice");
    require(value.size() == 1, "--slice '", words, "': one number is expected after '='");
    s.at = value[0];
  }
  const auto k = static_cast<std::size_t>(s.variable);
  require(box.low[k] <= s.at && s.at <= box.high[k], "--slice '", words, "' lies outside of the box, ",
          box.low[k], " to ", box.high[k]);
  return s;
}

void draw_slice(const std::string& path, const Slice& slice, const chebyshev::Box& box, const Values& f,
                const SliceWords& words) {
  const int d = box.dim();
  int a = -1, b = -1;
  for (int k = 0; k < d && b < 0; ++k)
    if (k != slice.variable) (a < 0 ? a : b) = k;
  data::Figure figure;
  data::HeatMap& map = figure.map;
  const bool line = b < 0;  // two variables: the slice is a curve
  const double wide = box.half_width(a), high = line ? 0 : box.half_width(b);
  const double cell = std::max(wide, high) / 80;
  map.columns = std::max<Index>(2, std::llround(2 * wide / cell));
  map.rows = line ? 1 : std::max<Index>(2, std::llround(2 * high / cell));
  Array points = Array::uninitialized({map.rows * map.columns, d}, DType::f64);
  double* p = points.mutable_data<double>();
  for (Index i = 0; i < map.rows * map.columns; ++i)
    for (int k = 0; k < d; ++k) {
      const double u = (static_cast<double>(i % map.columns) + 0.5) / static_cast<double>(map.columns),
                   v = (static_cast<double>(i / map.columns) + 0.5) / static_cast<double>(map.rows);
      p[i * d + k] = k == slice.variable ? slice.at
                     : k == a            ? box.low[static_cast<std::size_t>(k)] + 2 * wide * u
                     : k == b            ? box.low[static_cast<std::size_t>(k)] + 2 * high * v
                                         : box.centre(k);
    }
  const std::vector<double> values = f(points).as(DType::f64).to_vector<double>();
  figure.title = words.title;
  figure.note =
      text(variable_name(slice.variable, d), " = ", slice.at, words.length.empty() ? "" : " ", words.length);
  for (int k = 0; k < d; ++k)  // more than three variables: the others stay where they are
    if (k != slice.variable && k != a && k != b)
      figure.note += text(", ", variable_name(k, d), " = ", box.centre(k), words.length.empty() ? "" : " ",
                          words.length);
  const std::string of_length = words.length.empty() ? "" : " (" + words.length + ")";
  figure.x_label = variable_name(a, d) + of_length;
  if (line) {
    data::Series s;
    for (Index i = 0; i < map.columns; ++i) s.x.push_back(p[i * d + a]);
    s.y = values;
    figure.y_label = words.quantity;
    map = {};
    figure.series.push_back(s);
    return figure.save(path);
  }
  figure.y_label = variable_name(b, d) + of_length;
  map.x_low = box.low[static_cast<std::size_t>(a)], map.x_high = box.high[static_cast<std::size_t>(a)];
  map.y_low = box.low[static_cast<std::size_t>(b)], map.y_high = box.high[static_cast<std::size_t>(b)];
  map.label = words.quantity;
  map.values = values;
  if (words.poles) cut_poles(figure);
  figure.save(path);
}

SliceWords field_words() {
  return {"Electrostatic potential", "potential (V)", "Å", true};
}

std::string short_name(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? std::filesystem::path(path).filename().string() : path;
}

std::vector<std::string> slice_paths(const std::string& out, const std::vector<Slice>& slices) {
  std::filesystem::path base(out);
  base.replace_extension();
  std::map<std::string, int> count;
  std::vector<std::string> paths;
  for (const Slice& s : slices) {
    const std::string name = s.text.substr(0, s.text.find('='));
    const int n = ++count[name];
    paths.push_back(base.string() + "_" + name + (n > 1 ? std::to_string(n) : "") + ".svg");
  }
  return paths;
}

}  // namespace cartan::app
