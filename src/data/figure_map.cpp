#include "data/figure_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cartan/core/error.hpp"

namespace cartan::data {
namespace {

constexpr int shades = 64;
constexpr double gap = 14, bar_width = 14, small = 12, normal = 13;  // pixels, font sizes

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
std::string colour_of(bool two_signs, double place) {
  if (two_signs)
    return blend<5>({{{33, 80, 160}, {120, 170, 215}, {247, 247, 247}, {235, 150, 120}, {170, 25, 45}}},
                    place);
  return blend<5>({{{40, 20, 80}, {50, 90, 140}, {40, 145, 130}, {130, 205, 85}, {250, 230, 40}}}, place);
}

}  // namespace

MapColours map_colours(const HeatMap& map) {
  MapColours out;
  double low = INFINITY, high = -INFINITY;
  for (const double v : map.values)
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  const double least = low, most = high;
  if (map.low < map.high) low = map.low, high = map.high;
  const double larger = std::max(-low, high), smaller = std::min(-low, high);
  out.two_signs = smaller > 0 && smaller >= 0.1 * larger;
  if (out.two_signs) low = -larger, high = larger;
  // Rounding below zero is no sign of its own, nor a reason for a range that begins below zero.
  if (low < 0 && -low < 1e-9 * high) low = 0;
  if (high > 0 && high < 1e-9 * -low) high = 0;
  out.axis = make_axis(low, high, false, 7);
  if (low < high) out.axis.low = low, out.axis.high = high;
  const double room = 1e-6 * (out.axis.high - out.axis.low);
  out.cut_low = least < out.axis.low - room;
  out.cut_high = most > out.axis.high + room;
  for (const double v : map.values) {
    if (!std::isinf(v)) continue;
    (v < 0 ? out.cut_low : out.cut_high) = true;
  }
  std::erase_if(out.axis.ticks, [&](const Tick& t) {
    const double place = out.axis.place(t.value);
    return t.label.empty() || place < -1e-9 || place > 1 + 1e-9;
  });
  return out;
}

std::string draw_cells(const HeatMap& map, const MapColours& colours, const PlotArea& area) {
  const double width = (area.right - area.left) / static_cast<double>(map.columns),
               height = (area.bottom - area.top) / static_cast<double>(map.rows);
  const auto shade = [&](Index row, Index column) {
    const double v = map.values[static_cast<std::size_t>(row * map.columns + column)];
    if (std::isnan(v)) return -1;
    return static_cast<int>(std::clamp(colours.axis.place(v) * shades, 0.0, shades - 1.0));
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
      out +=
          text("<path d=\"", path, "\" fill=\"", colour_of(colours.two_signs, (s + 0.5) / shades), "\"/>\n");
  return out;
}

double colour_bar_room(const HeatMap& map, const MapColours& colours) {
  double widest = 0;
  for (const Tick& t : colours.axis.ticks) widest = std::max(widest, text_width(t.label) * small);
  return gap + bar_width + 6 + widest + (map.label.empty() ? 10 : 30);
}

std::string draw_colour_bar(const HeatMap& map, const MapColours& colours, const PlotArea& area) {
  constexpr double tip = 12;
  const double x = area.right + gap, top = area.top + (colours.cut_high ? tip : 0),
               bottom = area.bottom - (colours.cut_low ? tip : 0), height = std::max(1.0, bottom - top);
  std::string out;
  for (int s = 0; s < shades; ++s)
    out += text("<rect x=\"", number(x), "\" y=\"", number(bottom - height * (s + 1) / shades), "\" width=\"",
                number(bar_width), "\" height=\"", number(height / shades + (s > 0 ? 0.5 : 0)), "\" fill=\"",
                colour_of(colours.two_signs, (s + 0.5) / shades), "\"/>\n");
  const auto draw_tip = [&](double from, double to, double place) {
    out += text("<path d=\"M", number(x), " ", number(from), "H", number(x + bar_width), "L",
                number(x + bar_width / 2), " ", number(to), "z\" fill=\"",
                colour_of(colours.two_signs, place), "\"/>\n");
  };
  if (colours.cut_high) draw_tip(top, area.top, 1);
  if (colours.cut_low) draw_tip(bottom, area.bottom, 0);
  double widest = 0;
  const auto words = [&](double px, double py, const std::string& what, double size,
                         const std::string& more) {
    out += text("<text x=\"", number(px), "\" y=\"", number(py), "\" font-size=\"", number(size), "\"", more,
                ">", escape_xml(what), "</text>\n");
  };
  for (const Tick& t : colours.axis.ticks) {
    const double y = bottom - height * colours.axis.place(t.value);
    out += text("<path d=\"M", number(x + bar_width), " ", number(y), "h4\" stroke=\"#444\"/>\n");
    words(x + bar_width + 7, y + 4, t.label, small, "");
    widest = std::max(widest, text_width(t.label) * small);
  }
  if (!colours.axis.factor.empty()) words(x, area.top - 6, colours.axis.factor, small, "");
  if (map.label.empty()) return out;
  const double px = x + bar_width + 6 + widest + 20, py = (area.top + area.bottom) / 2;
  const double size = std::min(normal, (area.bottom - area.top) / std::max(1.0, text_width(map.label)));
  words(px, py, map.label, std::max(size, 7.0),
        text(" text-anchor=\"middle\" transform=\"rotate(-90 ", number(px), " ", number(py), ")\""));
  return out;
}

}  // namespace cartan::data
