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

/// The colours of a map and what the bar beside it needs.
struct MapColours {
  Axis axis;
  bool two_signs = false;                  ///< from -x to x, white at zero
  bool cut_low = false, cut_high = false;  ///< values lie beyond the ends
};
/// The range is that of the map, or of its values; about zero where both signs matter (the smaller side has
/// at least a tenth of the other): rounding below zero does not make a positive function look signed.
MapColours map_colours(const HeatMap& map);
/// The cells, as one path a colour.
std::string draw_cells(const HeatMap& map, const MapColours& colours, const PlotArea& area);
/// Pixels that the bar takes at the right of the plot.
double colour_bar_room(const HeatMap& map, const MapColours& colours);
/// The bar that explains the colours; an end beyond which values lie is drawn as a tip.
std::string draw_colour_bar(const HeatMap& map, const MapColours& colours, const PlotArea& area);

}  // namespace cartan::data
