#pragma once
// What the verbs of Chebyshev-Tucker functions share.

#include <CLI/CLI.hpp>
#include <cartan/chebyshev/chebyshev_tucker.hpp>

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cartan::app {

inline constexpr const char* function_format = "cartan-chebyshev";    // group /function
inline constexpr const char* field_format = "cartan-electrostatics";  // group /field

/// Accepts numbers from low to high, NaN not among them.
CLI::Validator number_from(double low, double high);
/// Numbers between commas, blanks or tabs; throws std::invalid_argument naming `what`.
std::vector<double> parse_numbers(const std::string& text, const std::string& what);
std::vector<Index> parse_integers(const std::string& text, const std::string& what);
/// "-1,1" for every variable, or one pair a variable. `dim` 0: as many as there are pairs.
chebyshev::Box parse_box(const std::string& text, int dim);

/// The fixed keys: ranks, degrees, rel_error_max, rel_error_l2, compression, seconds.
nlohmann::ordered_json fit_report(const chebyshev::ChebyshevTucker& f, double rel_error_max,
                                  double rel_error_l2, double seconds);

/// A plane "x=0.5", "y=..", "z=..", "x1=..", through a function of 2 variables or more; the other variables
/// of more than three stay at the middle of the box.
struct Slice {
  int variable = 0;
  double at = 0;
  std::string text;
};
Slice parse_slice(const std::string& text, const chebyshev::Box& box);
/// Values of a function of points (N, d).
using Values = std::function<Array(const Array& points)>;
/// What a slice shows.
struct SliceWords {
  std::string title;
  std::string quantity;  ///< beside the colours, with its unit: "potential (V)"
  std::string length;    ///< unit of the coordinates; "" none
  /// The function has poles: where these would take nearly all colours, the ends of the range are cut, and
  /// the picture says so.
  bool poles = false;
};
/// Draws the slice to `path`: 160 points along the longer side.
void draw_slice(const std::string& path, const Slice& slice, const chebyshev::Box& box, const Values& f,
                const SliceWords& words);
/// The words for a field of charges.
SliceWords field_words();
/// The name of a file without its folders, for titles; a text that is no file as it is.
std::string short_name(const std::string& path);
/// "result.h5" and "z=0.5": "result_z.svg", the next ones "result_z2.svg", ...
std::vector<std::string> slice_paths(const std::string& out, const std::vector<Slice>& slices);

/// Seconds since the process took up its work.
double seconds_since_start();

}  // namespace cartan::app
