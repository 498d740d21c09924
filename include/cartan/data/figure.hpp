#pragma once
/// Pictures of results as SVG: curves, parity plots and maps, without any dependency.

#include <string>
#include <vector>

#include <cartan/core/array.hpp>

namespace cartan::data {

/// Points (x, y) drawn as a line or as dots.
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool line = true;
  std::vector<double> low{}, high{};  ///< a band behind a line, as long as x; empty: none
};

/// Values on a grid of cells, drawn in colours with a bar that explains them, under the series of a figure.
struct HeatMap {
  Index rows = 0, columns = 0;  ///< 0: no map
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  std::vector<double> values;  ///< rows x columns, row 0 at y_low; NaN leaves a hole
  std::string label;           ///< beside the bar, quantity and unit: "potential (V)"
  /// Range of the colours; low >= high: that of the values. Where values lie beyond, the bar's end is a tip.
  double low = 0, high = 0;
};

/// One plot with axes, ticks, legend; NaNs break a line; log axes drop values that are not positive. Texts
/// are UTF-8; those that are too long are made smaller, then cut.
struct Figure {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  HeatMap map;  ///< drawn over equal axes
  bool log_x = false, log_y = false;
  bool diagonal = false;  ///< draws y = x over equal axes: a parity plot
  std::string note;       ///< a line under the title ("RMSE 12 meV/Å")

  /// Maps and parity plots have equal scales and take less of the width or the height where they need less. A
  /// legend stands where it hides nothing, or right of the plot, which makes the picture wider.
  std::string svg(int width = 640, int height = 440) const;
  /// Atomically; throws IoError.
  void save(const std::string& path) const;
};

/// Figures side by side in rows of `columns`, each of that size, as one picture; throws std::invalid_argument
/// for none.
std::string svg_of_panels(const std::vector<Figure>& panels, int columns, int width = 480, int height = 360);
/// Atomically; throws IoError.
void save_panels(const std::vector<Figure>& panels, int columns, const std::string& path, int width = 480,
                 int height = 360);

/// A unit as it is printed: "meV/A^3" as "meV/Å³".
std::string typeset(const std::string& unit);

}  // namespace cartan::data
