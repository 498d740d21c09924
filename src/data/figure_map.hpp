#pragma once
// The heat map of a figure.

#include <string>

#include "cartan/data/figure.hpp"
#include "data/figure_axis.hpp"

namespace cartan::data {

/// Where a figure's plot lies, in pixels.
struct PlotArea {
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// The range of colours of a map: symmetric about zero where the values have both signs.
Axis colour_axis(const HeatMap& map);
/// The cells, as one path a colour.
std::string draw_cells(const HeatMap& map, const Axis& colour, const PlotArea& area);
/// The bar beside the plot that explains the colours, in the 80 pixels right of it.
std::string draw_colour_bar(const HeatMap& map, const Axis& colour, const PlotArea& area);

}  // namespace cartan::data
