#include "cartan/data/figure.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <limits>
#include <unordered_set>

#include "cartan/core/error.hpp"
#include "data/atomic_file.hpp"
#include "data/figure_axis.hpp"
#include "data/figure_map.hpp"

namespace cartan::data {
namespace {

// Okabe and Ito's palette (2008), which colour-blind readers can tell apart.
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                   "#E69F00", "#56B4E9", "#000000"};
constexpr const char* dashes[] = {"", " stroke-dasharray=\"7 3\"", " stroke-dasharray=\"2 3\""};
constexpr double small = 12, normal = 13, large = 15;  // font sizes

std::string number(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", x);
  std::string out = buffer;
  if (out.size() > 2 && out.compare(out.size() - 2, 2, ".0") == 0) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

std::string label(double x, double y, double size, const char* anchor, const std::string& words,
                  const std::string& more = "") {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" font-size=\"" + number(size) +
         "\" text-anchor=\"" + anchor + "\"" + more + ">" + escape_xml(words) + "</text>\n";
}

// The words in the room that there is: smaller, then without their end.
std::string fitted(double x, double y, double size, const std::string& words, double room,
                   const std::string& more = "", double wide = 1) {
  double width = wide * text_width(words);
  if (width * size <= room) return label(x, y, size, "middle", words, more);
  const double least = std::min(size, 11.0);
  size = std::max(least, room / width);
  std::string cut = words;
  while (!cut.empty() && wide * text_width(cut + "…") * size > room && width * size > room) {
    while (cut.size() > 1 && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80) cut.pop_back();
    cut.pop_back();
  }
  return label(x, y, size, "middle", cut.size() < words.size() ? cut + "…" : words, more);
}

void add(std::string& out, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) out += part;
}

struct Point {
  double x = 0, y = 0;
};

class Drawing {
 public:
  Drawing(const Figure& figure, int width, int height) : figure_(figure), width_(width), height_(height) {
    make_axes();
    lay_out();
    place_legend();
  }

  std::string svg() {
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width_) + "\" height=\"" +
           std::to_string(height_) + "\" viewBox=\"0 0 " + std::to_string(width_) + " " +
           std::to_string(height_) +
           "\" font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\" fill=\"#222\">\n<title>" +
           escape_xml(figure_.title) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
    draw_grid();
    out_ += "<clipPath id=\"plot\"><rect x=\"" + number(left_) + "\" y=\"" + number(top_) + "\" width=\"" +
            number(right_ - left_) + "\" height=\"" + number(bottom_ - top_) +
            "\"/></clipPath>\n<g clip-path=\"url(#plot)\">\n";
    if (figure_.diagonal)
      out_ += "<path d=\"M" + number(left_) + " " + number(bottom_) + "L" + number(right_) + " " +
              number(top_) + "\" stroke=\"#888\" stroke-dasharray=\"5 4\"/>\n";
    const PlotArea area{left_, top_, right_, bottom_};
    if (has_map()) out_ += draw_cells(figure_.map, colours_, area);
    for (std::size_t i = 0; i < figure_.series.size(); ++i) draw_series(i);
    out_ += "</g>\n";
    if (has_map()) out_ += draw_colour_bar(figure_.map, colours_, area);
    draw_frame();
    draw_legend();
    return out_ + "</svg>\n";
  }

 private:
  bool has_map() const { return figure_.map.rows > 0 && figure_.map.columns > 0; }

  // A map fills its axes to the border.
  static void fit_axis(Axis& axis, double low, double high) {
    axis.low = low, axis.high = high;
    std::erase_if(axis.ticks, [&](const Tick& t) { return t.value < low || t.value > high; });
  }

  void make_axes() {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    std::array<double, 4> range{infinity, -infinity, infinity, -infinity};
    for (const Series& s : figure_.series) {
      require(s.x.size() == s.y.size(), "[Figure] series '", s.name, "' has ", s.x.size(), " x and ",
              s.y.size(), " y");
      for (std::size_t i = 0; i < s.x.size(); ++i) {
        const double x = s.x[i], y = s.y[i];
        if (!std::isfinite(x) || !std::isfinite(y) || (figure_.log_x && x <= 0) || (figure_.log_y && y <= 0))
          continue;
        range = {std::min(range[0], x), std::max(range[1], x), std::min(range[2], y), std::max(range[3], y)};
        ++points_;
      }
      require(s.low.size() == s.high.size() && (s.low.empty() || s.low.size() == s.x.size()),
              "[Figure] series '", s.name, "' has ", s.x.size(), " x and a band of ", s.low.size(), " and ",
              s.high.size());
      for (const auto* edge : {&s.low, &s.high})
        for (const double y : *edge)
          if (std::isfinite(y) && !(figure_.log_y && y <= 0))
            range[2] = std::min(range[2], y), range[3] = std::max(range[3], y);
    }
    const HeatMap& map = figure_.map;
    if (has_map()) {
      require(static_cast<Index>(map.values.size()) == map.rows * map.columns, "[Figure] a map of ", map.rows,
              " x ", map.columns, " cells has ", map.values.size(), " values");
      require(map.x_low < map.x_high && map.y_low < map.y_high && std::isfinite(map.x_high - map.x_low) &&
                  std::isfinite(map.y_high - map.y_low),
              "[Figure] a map from (", map.x_low, ", ", map.y_low, ") to (", map.x_high, ", ", map.y_high,
              ")");
      require(!figure_.log_x && !figure_.log_y && !figure_.diagonal, "[Figure] a map needs linear axes");
      range = {map.x_low, map.x_high, map.y_low, map.y_high};
      points_ = map.values.size();
      colours_ = map_colours(map);
    }
    if (figure_.diagonal) {
      range[0] = range[2] = std::min(range[0], range[2]);
      range[1] = range[3] = std::max(range[1], range[3]);
    }
    const int side = std::min(width_, height_);
    y_ = make_axis(range[2], range[3], figure_.log_y, std::max(2, height_ / 65));
    x_ =
        make_axis(range[0], range[1], figure_.log_x, std::max(2, figure_.diagonal ? side / 65 : width_ / 95));
    if (!has_map()) return;
    fit_axis(x_, map.x_low, map.x_high);
    fit_axis(y_, map.y_low, map.y_high);
  }

  void lay_out() {
    double widest = 0;
    for (const Tick& tick : y_.ticks) widest = std::max(widest, text_width(tick.label) * small);
    left_ = 14 + widest + (figure_.y_label.empty() ? 0 : 24);
    const double beside = has_map() ? colour_bar_room(figure_.map, colours_) : 20;
    right_ = width_ - beside;
    top_ = 14 + (figure_.title.empty() ? 0 : 22) + (figure_.note.empty() ? 0 : 18) +
           (y_.factor.empty() && colours_.axis.factor.empty() ? 0 : 12);
    bottom_ = height_ - 28 - (figure_.x_label.empty() ? 0 : 22) -
              (x_.factor.empty() || !figure_.x_label.empty() ? 0 : 12);
    right_ = std::max(right_, left_ + 10);
    bottom_ = std::max(bottom_, top_ + 10);
    const double below = height_ - bottom_;
    if (has_map()) {  // equal scales, no more room than they need
      const HeatMap& map = figure_.map;
      const double scale =
          std::min((right_ - left_) / (map.x_high - map.x_low), (bottom_ - top_) / (map.y_high - map.y_low));
      right_ = left_ + std::max(2.0, scale * (map.x_high - map.x_low));
      bottom_ = top_ + std::max(2.0, scale * (map.y_high - map.y_low));
      // As many ticks as the sides have become long.
      const auto ticks = [](double length, double each) {
        return std::max(1, static_cast<int>(length / each));
      };
      x_ = make_axis(map.x_low, map.x_high, false, ticks(right_ - left_, 60));
      y_ = make_axis(map.y_low, map.y_high, false, ticks(bottom_ - top_, 40));
      fit_axis(x_, map.x_low, map.x_high);
      fit_axis(y_, map.y_low, map.y_high);
    } else if (figure_.diagonal) {
      const double side = std::min(right_ - left_, bottom_ - top_);
      right_ = left_ + side;
      bottom_ = top_ + side;
    } else {
      return;
    }
    width_ = std::max(100, static_cast<int>(std::ceil(right_ + beside)));
    height_ = std::max(80, static_cast<int>(std::ceil(bottom_ + below)));
  }

  // Pixels; far outside the picture all places are alike.
  double px(double x) const { return left_ + std::clamp(x_.place(x), -100.0, 100.0) * (right_ - left_); }
  double py(double y) const { return bottom_ - std::clamp(y_.place(y), -100.0, 100.0) * (bottom_ - top_); }

  void draw_grid() {
    std::string grid, marks;
    for (const Tick& t : x_.ticks) {
      const std::string x = number(px(t.value));
      if (!t.label.empty()) add(grid, {"M", x, " ", number(top_), "V", number(bottom_)});
      add(marks, {"M", x, " ", number(bottom_), "v", t.label.empty() ? "3" : "5"});
    }
    for (const Tick& t : y_.ticks) {
      const std::string y = number(py(t.value));
      if (!t.label.empty()) add(grid, {"M", number(left_), " ", y, "H", number(right_)});
      add(marks, {"M", number(left_), " ", y, "h-", t.label.empty() ? "3" : "5"});
    }
    out_ += "<path d=\"" + grid + "\" stroke=\"#e4e4e4\" fill=\"none\"/>\n<path d=\"" + marks +
            "\" stroke=\"#444\" fill=\"none\"/>\n";
    for (const Tick& t : x_.ticks)
      if (!t.label.empty()) out_ += label(px(t.value), bottom_ + 18, small, "middle", t.label);
    for (const Tick& t : y_.ticks)
      if (!t.label.empty()) out_ += label(left_ - 8, py(t.value) + 4, small, "end", t.label);
  }

  void draw_frame() {
    out_ += "<path d=\"M" + number(left_) + " " + number(top_) + "V" + number(bottom_) + "H" +
            number(right_) + "\" stroke=\"#444\" fill=\"none\"/>\n";
    const double middle = (left_ + right_) / 2, across = right_ - left_;
    const double head =
        2 * std::min(middle, width_ - middle) - 8;  // room for a line over the middle of the plot
    double y = 24;
    if (!figure_.title.empty()) {
      out_ += fitted(middle, y, large, figure_.title, head, " font-weight=\"bold\"", 1.12);
      y += 19;
    }
    if (!figure_.note.empty()) out_ += fitted(middle, y, small, figure_.note, head, " fill=\"#555\"");
    if (!y_.factor.empty()) out_ += label(left_ - 8, top_ - 8, small, "start", y_.factor);
    if (!x_.factor.empty()) out_ += label(right_, bottom_ + 33, small, "end", x_.factor);
    if (!figure_.x_label.empty())
      out_ += fitted(middle, bottom_ + 38, normal, figure_.x_label, std::max(across, head));
    if (!figure_.y_label.empty()) {
      double widest = 0;
      for (const Tick& tick : y_.ticks) widest = std::max(widest, text_width(tick.label) * small);
      const std::string x = number(left_ - 14 - widest - 6), at = number((top_ + bottom_) / 2);
      out_ += fitted(left_ - 14 - widest - 6, (top_ + bottom_) / 2, normal, figure_.y_label,
                     bottom_ - top_ + 40, " transform=\"rotate(-90 " + x + " " + at + ")\"");
    }
    if (points_ == 0)
      out_ += label(middle, (top_ + bottom_) / 2, normal, "middle", "no data", " fill=\"#888\"");
  }

  // Points that the axes can show; a gap (nothing shown) between runs.
  std::vector<std::vector<Point>> runs(const Series& s) const {
    std::vector<std::vector<Point>> out(1);
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (x_.shows(s.x[i]) && y_.shows(s.y[i]))
        out.back().push_back({px(s.x[i]), py(s.y[i])});
      else if (!out.back().empty())
        out.emplace_back();
    }
    if (out.back().empty()) out.pop_back();
    return out;
  }

  // Of many points within one column of pixels: the first, the lowest, the highest and the last.
  static std::vector<Point> thinned(const std::vector<Point>& points) {
    std::vector<Point> out;
    for (std::size_t i = 0; i < points.size();) {
      std::size_t end = i, low = i, high = i;
      for (; end < points.size() && std::floor(points[end].x * 2) == std::floor(points[i].x * 2); ++end) {
        if (points[end].y < points[low].y) low = end;
        if (points[end].y > points[high].y) high = end;
      }
      std::array<std::size_t, 4> keep{i, std::min(low, high), std::max(low, high), end - 1};
      for (std::size_t k = 0; k < 4; ++k)
        if (k == 0 || keep[k] != keep[k - 1]) out.push_back(points[keep[k]]);
      i = end;
    }
    return out;
  }

  void draw_series(std::size_t index) {
    const Series& s = figure_.series[index];
    const std::string colour = colours[index % std::size(colours)];
    if (!s.low.empty()) {  // there along the lower edge, back along the upper one
      std::string band;
      for (std::size_t i = 0; i < 2 * s.x.size(); ++i) {
        const std::size_t at = i < s.x.size() ? i : 2 * s.x.size() - 1 - i;
        const double y = i < s.x.size() ? s.low[at] : s.high[at];
        if (!std::isfinite(s.x[at]) || !std::isfinite(y)) continue;
        add(band, {band.empty() ? "M" : "L", number(px(s.x[at])), " ", number(py(y))});
      }
      if (!band.empty())
        out_ += "<path d=\"" + band + "Z\" fill=\"" + colour + "\" fill-opacity=\"0.15\" stroke=\"none\"/>\n";
    }
    std::string path, dots;
    std::unordered_set<std::int64_t> seen;
    for (const auto& run : runs(s)) {
      if (s.line && run.size() > 1) {
        char command = 'M';
        for (const Point& p : thinned(run)) {
          path += command + number(p.x) + " " + number(p.y);
          command = 'L';
        }
        continue;
      }
      for (const Point& p : run) {  // one dot for all points at the same quarter of a pixel
        const auto cell = static_cast<std::int64_t>(p.x * 4) * 10000000 + static_cast<std::int64_t>(p.y * 4);
        if (seen.insert(cell).second) add(dots, {"M", number(p.x), " ", number(p.y), "h0"});
      }
    }
    if (!path.empty())
      out_ += "<path d=\"" + path + "\" stroke=\"" + colour + "\" stroke-width=\"" +
              (s.x.size() > 2000 ? "1.2" : "1.8") + "\" stroke-linejoin=\"round\" fill=\"none\"" +
              dash(index) + "/>\n";
    if (!dots.empty())
      out_ += "<path d=\"" + dots + "\" stroke=\"" + colour + "\" stroke-width=\"" +
              (seen.size() > 20000  ? "2"
               : seen.size() > 2000 ? "3"
                                    : "5") +
              "\" stroke-linecap=\"round\" stroke-opacity=\"0.75\" fill=\"none\"/>\n";
  }

  // Lines beyond the palette are dashed.
  static std::string dash(std::size_t index) {
    return dashes[index / std::size(colours) % std::size(dashes)];
  }

  /// Where the legend may stand, and whether something would be under it.
  struct Box {
    double x = 0, y = 0, width = 0, height = 0;
    bool has(const Point& p) const { return p.x > x && p.x < x + width && p.y > y && p.y < y + height; }
    // Does the line from p to q enter? The part of it between the borders is cut down to nothing or is there.
    bool meets(const Point& p, const Point& q) const {
      double from = 0, to = 1;
      const auto cut = [&](double start, double step, double low, double high) {
        if (step == 0) return start > low && start < high;
        const double a = (low - start) / step, b = (high - start) / step;
        from = std::max(from, std::min(a, b));
        to = std::min(to, std::max(a, b));
        return from < to;
      };
      return cut(p.x, q.x - p.x, x, x + width) && cut(p.y, q.y - p.y, y, y + height);
    }
  };

  // In a corner, or at the middle of the top or the bottom, where it hides nothing; otherwise right of the
  // plot.
  void place_legend() {
    std::size_t rows = 0;
    double width = 0;
    for (const Series& s : figure_.series) {
      if (s.name.empty()) continue;
      width = std::max(width, text_width(s.name) * small + 46);
      ++rows;
    }
    if (rows == 0) return;
    const double height = 18 * static_cast<double>(rows) + 8;
    const double left = left_ + 10, far = right_ - width - 8, low = bottom_ - height - 8, high = top_ + 8,
                 middle = (left_ + right_ - width) / 2;
    std::array<Point, 6> places{Point{far, high}, Point{left, high},   Point{far, low},
                                Point{left, low}, Point{middle, high}, Point{middle, low}};
    if (figure_.diagonal) std::swap(places[0], places[1]);
    legend_ = {0, 0, width, height};
    const bool fits = !has_map() && width + 20 < right_ - left_ && height + 16 < bottom_ - top_;
    for (const Point& at : places) {
      const Box with_room{at.x - 5, at.y - 5, width + 10, height + 10};
      if (!fits || hides(with_room)) continue;
      legend_.x = at.x, legend_.y = at.y;
      return;
    }
    legend_.x = has_map() ? width_ : right_ + 16;
    legend_.y = top_;
    width_ = static_cast<int>(std::ceil(legend_.x + width + 10));
    height_ = std::max(height_, static_cast<int>(std::ceil(legend_.y + height + 10)));
  }

  bool hides(const Box& box) const {
    for (const Series& s : figure_.series)
      for (const auto& run : runs(s))
        for (std::size_t i = 0; i < run.size(); ++i)
          if (box.has(run[i]) || (s.line && i > 0 && box.meets(run[i - 1], run[i]))) return true;
    return false;
  }

  void draw_legend() {
    if (legend_.width == 0) return;
    out_ += "<rect x=\"" + number(legend_.x) + "\" y=\"" + number(legend_.y) + "\" width=\"" +
            number(legend_.width) + "\" height=\"" + number(legend_.height) +
            "\" rx=\"3\" fill=\"#fff\" stroke=\"#ccc\"/>\n";
    double y = legend_.y + 17;
    for (std::size_t i = 0; i < figure_.series.size(); ++i) {
      const Series& s = figure_.series[i];
      if (s.name.empty()) continue;
      out_ += "<path d=\"M" + number(legend_.x + (s.line ? 8 : 19)) + " " + number(y - 4) + "h" +
              (s.line ? "22" : "0") + "\" stroke=\"" + colours[i % std::size(colours)] +
              "\" stroke-width=\"" + (s.line ? "2" : "6") + "\"" +
              (s.line ? dash(i) : " stroke-linecap=\"round\"") + " fill=\"none\"/>\n";
      out_ += label(legend_.x + 37, y, small, "start", s.name);
      y += 18;
    }
  }

  const Figure& figure_;
  int width_, height_;
  Axis x_, y_;
  MapColours colours_;
  Box legend_;  // width 0: none
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  std::size_t points_ = 0;
  std::string out_;
};

}  // namespace

std::string typeset(const std::string& unit) {
  const auto letter = [&](std::size_t k) {
    return k < unit.size() && std::isalpha(static_cast<unsigned char>(unit[k]));
  };
  std::string out;
  for (std::size_t k = 0; k < unit.size(); ++k) {
    if (unit[k] == 'A' && !letter(k + 1) && (k == 0 || !letter(k - 1)))
      out += "Å";
    else if (unit[k] == '^' && k + 1 < unit.size() && (unit[k + 1] == '2' || unit[k + 1] == '3'))
      out += unit[++k] == '2' ? "²" : "³";
    else
      out += unit[k];
  }
  return out;
}

std::string Figure::svg(int width, int height) const {
  require(width >= 100 && height >= 80 && width <= 20000 && height <= 20000, "[Figure] a picture of ", width,
          " x ", height, " pixels; expected from 100 x 80 to 20000 x 20000");
  return Drawing(*this, width, height).svg();
}

void Figure::save(const std::string& path) const {
  const std::string picture = svg();
  AtomicFile file(path);
  file.write(picture.data(), picture.size());
  file.commit();
}

}  // namespace cartan::data
