#include <cartan/core/error.hpp>
#include <cartan/data/figure.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "temporary.hpp"

using namespace cartan::data;
using cartan::testing::Temporary;

namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++n;
  return n;
}

// Balanced tags, quoted attributes, no stray & or <: what an XML parser would refuse fails here.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < svg.size(); ++i) {
    if (svg[i] == '&') {
      const std::size_t end = svg.find(';', i);
      ASSERT_NE(end, std::string::npos);
      const std::string entity = svg.substr(i + 1, end - i - 1);
      ASSERT_TRUE(entity == "amp" || entity == "lt" || entity == "gt" || entity == "quot") << entity;
    }
    ASSERT_TRUE(static_cast<unsigned char>(svg[i]) >= 32 || svg[i] == '\n');
    if (svg[i] != '<') continue;
    const std::size_t end = svg.find('>', i);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = svg.substr(i + 1, end - i - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos) << tag;
    ASSERT_EQ(count(tag, "\"") % 2, 0u) << tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ("/" + open.back(), tag);
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    i = end;
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  for (const char* bad : {"nan", "inf", "e+", "e-0"}) EXPECT_EQ(svg.find(bad), std::string::npos) << bad;
}

Figure curve(std::vector<double> x, std::vector<double> y) {
  Figure f;
  Series s;
  s.x = std::move(x);
  s.y = std::move(y);
  f.series.push_back(s);
  return f;
}

std::size_t has(const std::string& svg, const std::string& label) {
  return count(svg, ">" + label + "</text>");
}

}  // namespace

TEST(Figure, DrawsCurvesWithRoundTicksAndALegend) {
  Figure f = curve({0, 50, 100}, {1, 2, 3});
  f.series[0].name = "a < b & \"c\"";
  f.title = "Energy \x01 <E>";
  f.x_label = "time (ps)";
  f.y_label = "energy (eV)";
  f.note = "RMSE 12 meV/Å";
  const std::string svg = f.svg();
  expect_well_formed(svg);
  EXPECT_EQ(has(svg, "a &lt; b &amp; &quot;c&quot;"), 1u);
  EXPECT_EQ(has(svg, "RMSE 12 meV/Å"), 1u);
  for (const char* tick : {"0", "20", "40", "60", "80", "100", "1.0", "1.5", "2.0", "2.5", "3.0"})
    EXPECT_EQ(has(svg, tick), 1u) << tick;
  EXPECT_EQ(svg, f.svg());
}

TEST(Figure, LabelsLogAxesByDecades) {
  Figure f = curve({1, 10, 100, 1000, 10000}, {1, 1e-2, 1e-4, 1e-6, 1e-8});
  f.log_x = f.log_y = true;
  const std::string svg = f.svg();
  expect_well_formed(svg);
  EXPECT_EQ(has(svg, "10⁴"), 1u);
  EXPECT_EQ(has(svg, "10⁻⁴"), 1u);
  Figure narrow = curve({0, 1}, {0.1, 0.9});
  narrow.log_y = true;
  for (const char* tick : {"0.1", "0.2", "0.5"}) EXPECT_GE(has(narrow.svg(), tick), 1u) << tick;
}

TEST(Figure, BreaksLinesAtNanAndDropsWhatALogAxisCannotShow) {
  const double nan = std::nan("");
  const std::string whole = curve({0, 1, 2, 3}, {0, 1, 2, 3}).svg(),
                    broken = curve({0, 1, 2, 3, 4}, {0, 1, nan, 3, 4}).svg();
  const auto moves = [](const std::string& svg) {
    const std::size_t at = svg.find("<g clip-path");
    return count(svg.substr(at, svg.find("</g>") - at), "M");
  };
  EXPECT_EQ(moves(whole), 1u);
  EXPECT_EQ(moves(broken), 2u);
  Figure f = curve({0, 1, 2, 3, 4}, {1, 10, 0, -5, std::numeric_limits<double>::infinity()});
  f.log_y = true;
  expect_well_formed(f.svg());
  EXPECT_EQ(moves(f.svg()), 1u);
}

TEST(Figure, StaysWellFormedForStrangeData) {
  const double huge = std::numeric_limits<double>::max(), tiny = std::numeric_limits<double>::denorm_min();
  const std::vector<std::vector<double>> values{
      {},           {0},         {5, 5, 5}, {-1, -1}, {huge, -huge}, {tiny, 2 * tiny}, {1e15, 1e15 + 1},
      {tiny, huge}, {1e-320, 0}, {-3, -2}};
  for (const auto& y : values)
    for (const bool log : {false, true})
      for (const bool diagonal : {false, true}) {
        std::vector<double> x(y.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
        Figure f = curve(x, y);
        f.log_x = f.log_y = log;
        f.diagonal = diagonal;
        f.series[0].line = !diagonal;
        expect_well_formed(f.svg());
        expect_well_formed(f.svg(100, 80));
      }
  EXPECT_EQ(has(Figure().svg(), "no data"), 1u);
}

TEST(Figure, ManyPointsMakeASmallFile) {
  std::vector<double> x, y;
  for (int i = 0; i < 300000; ++i) {
    x.push_back(i);
    y.push_back(std::sin(0.1 * i) + i * 1e-5);
  }
  Figure f = curve(x, y);
  EXPECT_LT(f.svg().size(), 100000u);
  f.series[0].line = false;
  EXPECT_LT(f.svg().size(), 8000000u);
  // the extremes survive the thinning
  y[123456] = 100;
  EXPECT_NE(curve(x, y).svg().size(), 0u);
  EXPECT_EQ(has(curve(x, y).svg(), "100"), 1u);
}

TEST(Figure, RefusesWhatItCannotDraw) {
  EXPECT_THROW(curve({1, 2}, {1}).svg(), std::invalid_argument);
  EXPECT_THROW(Figure().svg(10, 10), std::invalid_argument);
  Temporary t;
  curve({1, 2}, {1, 2}).save(t.path("a.svg"));
  EXPECT_EQ(Temporary::contents(t.path("a.svg")), curve({1, 2}, {1, 2}).svg());
  EXPECT_THROW(curve({1}, {1}).save(t.path("no/a.svg")), cartan::IoError);
}

TEST(Figure, MapsAreDrawnInColours) {
  Figure f;
  f.title = "potential";
  f.x_label = "x";
  f.map.rows = 20;
  f.map.columns = 30;
  f.map.x_low = -3, f.map.x_high = 3, f.map.y_low = 10, f.map.y_high = 14;
  f.map.label = "V & more";
  for (int i = 0; i < 600; ++i) f.map.values.push_back(std::sin(0.1 * i));
  f.map.values[7] = std::numeric_limits<double>::quiet_NaN();
  f.map.values[8] = std::numeric_limits<double>::infinity();
  const std::string svg = f.svg();
  expect_well_formed(svg);
  EXPECT_GT(count(svg, "fill=\"#"), 64u);
  EXPECT_NE(svg.find("V &amp; more"), std::string::npos);
  f.map.values.assign(600, 0.0);  // nothing to tell apart
  expect_well_formed(f.svg());
  f.map.values.pop_back();
  EXPECT_THROW(f.svg(), std::invalid_argument);
  f.map.values.push_back(0);
  f.map.x_high = f.map.x_low;
  EXPECT_THROW(f.svg(), std::invalid_argument);
}

// An infinite value has the colour of its end: here it lies in one strip with its neighbour, the largest.
TEST(Figure, InfiniteValuesOfMapsHaveTheColourOfTheirEnd) {
  Figure f;
  f.map.rows = 1;
  f.map.columns = 5;
  f.map.x_high = f.map.y_high = 1;
  const double inf = std::numeric_limits<double>::infinity();
  f.map.values = {-inf, 0, 0.5, 1, inf};
  const std::string ends = f.svg();
  f.map.values = {0, 0, 0.5, 1, 1};
  EXPECT_EQ(count(ends, "h-"), count(f.svg(), "h-"));
  f.map.values = {1, 0, 0.5, 1, 0};
  EXPECT_LT(count(ends, "h-"), count(f.svg(), "h-"));
}

namespace {

// The widest line of text whose anchor is in the middle, against the picture.
void expect_inside(const std::string& svg) {
  const double width = std::stod(svg.substr(svg.find("width=\"") + 7));
  for (std::size_t at = 0; (at = svg.find("<text x=\"", at)) != std::string::npos; ++at) {
    const std::string tag = svg.substr(at, svg.find("</text>", at) - at);
    if (tag.find("\"middle\"") == std::string::npos || tag.find("rotate") != std::string::npos) continue;
    const double x = std::stod(tag.substr(9)), size = std::stod(tag.substr(tag.find("font-size=\"") + 11));
    std::size_t letters = 0;
    for (const char c : tag.substr(tag.find('>') + 1)) letters += (c & 0xc0) != 0x80;
    const double half =
        0.25 * size * static_cast<double>(letters);  // no letter is narrower than half an em on average
    EXPECT_GE(x - half, 0) << tag;
    EXPECT_LE(x + half, width) << tag;
  }
}

double extent(const std::string& svg, const std::string& name) {
  return std::stod(svg.substr(svg.find(name + "=\"") + name.size() + 2));
}

Figure square_map(std::vector<double> values) {
  Figure f;
  f.map.rows = f.map.columns = static_cast<cartan::Index>(std::sqrt(static_cast<double>(values.size())));
  f.map.values = std::move(values);
  f.map.label = "value (eV)";
  return f;
}

}  // namespace

TEST(Figure, ColoursOfOneSignStayOfOneSign) {
  std::vector<double> v(100);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i) / 99;
  v[0] = -1e-17;  // rounding
  const std::string svg = square_map(v).svg();
  expect_well_formed(svg);
  EXPECT_EQ(svg.find("−"), std::string::npos);  // no label below zero
  EXPECT_EQ(has(svg, "value (eV)"), 1u);
  for (double& x : v) x -= 0.6;  // both signs: white is zero
  const std::string both = square_map(v).svg();
  EXPECT_GE(has(both, "−0.4"), 1u);
  EXPECT_GE(has(both, "0.6"), 1u);  // the range is symmetric, -0.6 to 0.6
}

TEST(Figure, EndsOfColoursThatAreCutAreTips) {
  std::vector<double> v(100, 1.0);
  for (std::size_t i = 0; i < 50; ++i) v[i] = 0.02 * static_cast<double>(i);
  Figure f = square_map(v);
  const std::size_t none = count(f.svg(), "H");
  f.map.low = 0.1, f.map.high = 0.5;
  EXPECT_EQ(count(f.svg(), "H"), none + 2);
  f.map.low = 0, f.map.high = 0.5;
  EXPECT_EQ(count(f.svg(), "H"), none + 1);
  f = square_map(v);
  f.map.values[3] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(count(f.svg(), "H"), none + 1);
}

TEST(Figure, TakesNoMoreRoomThanEqualScalesNeed) {
  const std::string square = square_map(std::vector<double>(100, 1.0)).svg();
  EXPECT_LT(extent(square, "width"), 560);
  Figure wide = square_map(std::vector<double>(100, 1.0));
  wide.map.x_high = 10;
  EXPECT_LT(extent(wide.svg(), "height"), 200);
  EXPECT_LE(extent(wide.svg(), "width"), 640);
  Figure parity = curve({0, 1}, {0, 1});
  parity.diagonal = true;
  EXPECT_LT(extent(parity.svg(), "width"), 500);
}

TEST(Figure, LongTextsStayInside) {
  Figure f = square_map(std::vector<double>(100, 1.0));
  f.map.x_high = 0.4;  // narrow
  f.title =
      "/a/very/long/path/of/a/file/that/someone/has/given/to/the/command/function_of_three_variables.h5";
  f.note = "z = 0.123456789012; colours end at -12.3 and 12.3, values at -1234 and 4321 — and so on";
  f.x_label = "a label of the abscissa that is rather long for a narrow picture (Å)";
  const std::string svg = f.svg();
  expect_well_formed(svg);
  expect_inside(svg);
  EXPECT_NE(svg.find("…</text>"), std::string::npos);
  f.title.clear();
  for (int i = 0; i < 60; ++i) f.title += "Å水";
  expect_inside(f.svg());
}

TEST(Figure, TheLegendHidesNothing) {
  const auto legend = [](const std::string& svg) {
    const std::size_t at = svg.find("rx=\"3\"");
    const std::string tag = svg.substr(svg.rfind("<rect", at), 200);
    return std::array<double, 2>{extent(tag, " x"), extent(tag, "width")};
  };
  std::vector<double> x, y;
  for (int i = 0; i < 100; ++i)
    for (int k = 0; k < 100; ++k) x.push_back(i), y.push_back(k);
  Figure f = curve(x, y);
  f.series[0].name = "everywhere";
  f.series[0].line = false;
  const std::string full = f.svg();
  EXPECT_GE(legend(full)[0], 640 - 20);
  EXPECT_GE(extent(full, "width"), legend(full)[0] + legend(full)[1]);
  // a line that crosses a corner without a point in it
  Figure line = curve({0, 1}, {1, 1});
  line.series[0].name = "level";
  line.series.push_back({"rising", {0, 1}, {0, 1}, true});
  line.series.push_back({"falling", {0, 1}, {1, 0}, true});
  line.series.push_back({"low", {0, 1}, {0, 0}, true});
  EXPECT_GE(legend(line.svg())[0], 600);
  Figure free = curve({0, 1, 2}, {0, 1, 2});
  free.series[0].name = "rising";
  EXPECT_LT(legend(free.svg())[0], 600);
}

TEST(Figure, UnitsAsTheyArePrinted) {
  EXPECT_EQ(typeset("meV/A"), "meV/Å");
  EXPECT_EQ(typeset("eV/A^3"), "eV/Å³");
  EXPECT_EQ(typeset("A"), "Å");
  EXPECT_EQ(typeset("mA/mAh, GPa"), "mA/mAh, GPa");
}
