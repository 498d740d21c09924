#include "data/figure_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

constexpr int shades = 64;

std::string number(double x) {
  char buffer[32];
  const double rounded = std::round(100 * x) / 100;
  std::snprintf(buffer, sizeof buffer, "%.8g", rounded == 0 ? 0.0 : rounded);
  return buffer;
}

// Through the given colours, evenly.
template <std::size_t n>
std::string blend(const std::array<std::array<double, 3>, n>& stops, double place) {
  const double x = std::clamp(place, 0.0, 1.0) * (n - 1);
  const std::size_t i = std::min(static_cast<std::size_t>(x), n - 2);
  const double t = x - static_cast<double>(i);
  char out[8];
  int c[3];
  for (std::size_t k = 0; k < 3; ++k)
    c[k] = static_cast<int>(std::lround((1 - t) * stops[i][k] + t * stops[i + 1][k]));
  std::snprintf(out, sizeof out, "#%02x%02x%02x", c[0], c[1], c[2]);
  return out;
}

// Blue through white to red for two signs, dark to bright for one: both readable in grey and by the
// colour-blind.
std::string colour_of(const Axis& colour, double place) {
  if (colour.low < 0 && colour.high > 0)
    return blend<5>({{{33, 80, 160}, {120, 170, 215}, {247, 247, 247}, {235, 150, 120}, {170, 25, 45}}},
                    place);
  return blend<5>({{{40, 20, 80}, {50, 90, 140}, {40, 145, 130}, {130, 205, 85}, {250, 230, 40}}}, place);
}

}  // namespace

Axis colour_axis(const HeatMap& map) {
  double low = INFINITY, high = -INFINITY;
  if (map.low < map.high) {
    low = map.low, high = map.high;
  } else {
    for (const double v : map.values)
      if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    if (low < 0 && high > 0) high = std::max(-low, high), low = -high;
  }
  Axis axis = make_axis(low, high, false, 5);
  if (low < high) axis.low = low, axis.high = high;
  return axis;
}

std::string draw_cells(const HeatMap& map, const Axis& colour, const PlotArea& area) {
  const double width = (area.right - area.left) / static_cast<double>(map.columns),
               height = (area.bottom - area.top) / static_cast<double>(map.rows);
  const auto shade = [&](Index row, Index column) {
    const double v = map.values[static_cast<std::size_t>(row * map.columns + column)];
    if (std::isnan(v)) return -1;
    return std::clamp(static_cast<int>(colour.place(v) * shades), 0, shades - 1);
  };
  std::array<std::string, shades> paths;
  for (Index row = 0; row < map.rows; ++row)
    for (Index column = 0; column < map.columns;) {
      const int s = shade(row, column);
      Index end = column + 1;
      while (end < map.columns && shade(row, end) == s) ++end;
      if (s >= 0)  // half a pixel wider and higher, against seams
        paths[static_cast<std::size_t>(s)] +=
            text("M", number(area.left + width * static_cast<double>(column)), " ",
                 number(area.bottom - height * static_cast<double>(row + 1)), "h",
                 number(width * static_cast<double>(end - column) + 0.5), "v", number(height + 0.5), "h-",
                 number(width * static_cast<double>(end - column) + 0.5), "z");
      column = end;
    }
  std::string out;
  for (int s = 0; s < shades; ++s)
    if (const std::string& path = paths[static_cast<std::size_t>(s)]; !path.empty())
      out += text("<path d=\"", path, "\" fill=\"", colour_of(colour, (s + 0.5) / shades), "\"/>\n");
  return out;
}

std::string draw_colour_bar(const HeatMap& map, const Axis& colour, const PlotArea& area) {
  const double x = area.right + 14, width = 14, height = area.bottom - area.top;
  std::string out;
  for (int s = 0; s < shades; ++s)
    out += text("<rect x=\"", number(x), "\" y=\"", number(area.bottom - height * (s + 1) / shades),
                "\" width=\"", number(width), "\" height=\"", number(height / shades + 0.5), "\" fill=\"",
                colour_of(colour, (s + 0.5) / shades), "\"/>\n");
  const auto words = [&](double px, double py, const std::string& what) {
    out += text("<text x=\"", number(px), "\" y=\"", number(py), "\" font-size=\"11\">", escape_xml(what),
                "</text>\n");
  };
  for (const Tick& t : colour.ticks)
    if (!t.label.empty() && colour.shows(t.value) && colour.place(t.value) >= -1e-9 &&
        colour.place(t.value) <= 1 + 1e-9)
      words(x + width + 4, area.bottom - height * colour.place(t.value) + 4, t.label);
  words(x - 4, area.top - 6, text(map.label, colour.factor.empty() ? "" : "  ", colour.factor));
  return out;
}

}  // namespace cartan::data
