#pragma once
/// Pictures of results as SVG: curves and parity plots, without any dependency.

#include <string>
#include <vector>

namespace cartan::data {

/// Points (x, y) drawn as a line or as dots.
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool line = true;
};

/// One plot with axes, ticks, legend; NaNs break a line; log axes drop values that are not positive.
struct Figure {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  bool log_x = false, log_y = false;
  bool diagonal = false;  ///< draws y = x over equal axes: a parity plot
  std::string note;       ///< a line under the title ("RMSE 12 meV/A")

  std::string svg(int width = 640, int height = 440) const;
  /// Atomically; throws IoError.
  void save(const std::string& path) const;
};

}  // namespace cartan::data
