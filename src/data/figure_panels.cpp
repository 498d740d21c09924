#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/data/figure.hpp"
#include "data/atomic_file.hpp"

namespace cartan::data {
namespace {

void replace_all(std::string& s, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = s.find(from, at)) != std::string::npos; at += to.size())
    s.replace(at, from.size(), to);
}

}  // namespace

std::string svg_of_panels(const std::vector<Figure>& panels, int columns, int width, int height) {
  require(!panels.empty() && columns >= 1, "[svg_of_panels] ", panels.size(), " figures in ", columns,
          " columns; one at least");
  const int count = static_cast<int>(panels.size()), rows = (count + columns - 1) / columns;
  const int all_width = width * std::min(columns, count), all_height = height * rows;
  std::string out = text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", all_width, "\" height=\"",
                         all_height, "\" viewBox=\"0 0 ", all_width, " ", all_height,
                         "\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  for (int k = 0; k < count; ++k) {
    std::string one = panels[static_cast<std::size_t>(k)].svg(width, height);
    // A legend beside the plot makes a figure wider: it is drawn smaller then.
    const auto size = one.find("width="), view = one.find(" viewBox=");
    if (size < view) one.replace(size, view - size, text("width=\"", width, "\" height=\"", height, "\""));
    one.insert(one.find("<svg ") + 5,
               text("x=\"", k % columns * width, "\" y=\"", k / columns * height, "\" "));
    replace_all(one, "id=\"plot\"", text("id=\"plot", k, "\""));
    replace_all(one, "url(#plot)", text("url(#plot", k, ")"));
    out += one;
  }
  return out + "</svg>\n";
}

void save_panels(const std::vector<Figure>& panels, int columns, const std::string& path, int width,
                 int height) {
  const std::string picture = svg_of_panels(panels, columns, width, height);
  AtomicFile file(path);
  file.write(picture.data(), picture.size());
  file.commit();
}

}  // namespace cartan::data
