#pragma once
// An axis of a figure: its range, its ticks and their labels.

#include <string>
#include <vector>

namespace cartan::data {

struct Tick {
  double value = 0;
  std::string label;  // empty: a small tick without a label
};

/// A linear or logarithmic axis over [low, high].
struct Axis {
  double low = 0, high = 1;
  bool log = false;
  std::vector<Tick> ticks;
  std::string factor;  // "x 10^5" beside the axis when labels are in such units

  /// Position of a value from 0 (low) to 1 (high).
  double place(double value) const;
  /// True for values that the axis can show.
  bool shows(double value) const;
};

/// An axis that covers [low, high] with a little room and about `count` labelled ticks at round numbers.
/// `low > high`: nothing to show.
Axis make_axis(double low, double high, bool log, int count);

/// Text for an SVG: & < > " escaped, control characters dropped.
std::string escape_xml(const std::string& text);

/// Width of a text in units of the font size, roughly.
double text_width(const std::string& text);

}  // namespace cartan::data
