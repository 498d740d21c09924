// The table and the picture of compression.sh: errors against compression, means over seeds.
//
//   compression OUT.svg COMPRESSION.csv ..
//
//   c++ -O2 -std=c++17 -Iinclude benchmarks/accuracy/compression.cpp -Lbuild/release -lcartan
//   -Wl,-rpath,$PWD/build/release -o compression
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <cartan/data/figure.hpp>
#include <cartan/data/table.hpp>

using namespace cartan;

namespace {

struct Values {
  double sum = 0, low = 1e300, high = 0;
  int count = 0;
  void add(double v) {
    sum += v, low = std::min(low, v), high = std::max(high, v);
    ++count;
  }
  double mean() const { return sum / count; }
};

struct Point {
  Values compression, parameters, errors[2];
  std::string ranks;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: compression OUT.svg COMPRESSION.csv ..\n"), 2;
  std::map<std::string, std::vector<Point>> ways;  // points of a way in the order of the file
  std::vector<std::string> order;
  for (int file = 2; file < argc; ++file) {
    const data::Table table = data::read_table(argv[file]);
    std::map<std::string, std::size_t> seen;
    for (Index i = 0; i < table.rows(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      const auto word = [&](const char* name) { return table.column(name).words[k]; };
      const auto number = [&](const char* name) { return table.column(name).numbers[k]; };
      const std::string how = word("how");
      if (std::find(order.begin(), order.end(), how) == order.end()) order.push_back(how);
      std::vector<Point>& points = ways[how];
      const std::size_t at = seen[how]++;
      if (points.size() <= at) points.resize(at + 1);
      Point& p = points[at];
      p.compression.add(number("compression"));
      p.parameters.add(number("parameters"));
      p.errors[0].add(number("rel_l2_16")), p.errors[1].add(number("rel_l2_32"));
      p.ranks += (p.ranks.empty() || p.ranks == word("ranks") ? "" : " / ") +
                 (p.ranks == word("ranks") ? std::string() : word("ranks"));
    }
  }
  std::printf(
      "| | compression of the spectral weights | parameters in all | ranks | 16² | 32² |\n"
      "|---|---|---|---|---|---|\n");
  std::vector<data::Figure> panels(2);
  for (const std::string& how : order) {
    for (int panel = 0; panel < 2; ++panel) {
      data::Series s{how, {}, {}};
      for (const Point& p : ways[how]) {
        s.x.push_back(p.compression.mean()), s.y.push_back(p.errors[panel].mean());
        if (p.errors[panel].count > 1)
          s.low.push_back(p.errors[panel].low), s.high.push_back(p.errors[panel].high);
      }
      s.line = s.x.size() > 1;
      panels[static_cast<std::size_t>(panel)].series.push_back(s);
    }
    for (const Point& p : ways[how])
      std::printf("| %s | %.1f | %.0f | %s | %.4f | %.4f |\n", how.c_str(), p.compression.mean(),
                  p.parameters.mean(), p.ranks.c_str(), p.errors[0].mean(), p.errors[1].mean());
  }
  for (int panel = 0; panel < 2; ++panel) {
    data::Figure& f = panels[static_cast<std::size_t>(panel)];
    f.title = panel == 0 ? "small Darcy, 16 x 16" : "small Darcy, 32 x 32";
    f.x_label = "compression of the spectral weights", f.y_label = "relative L2 error of the test fields";
    f.log_x = f.log_y = true;
  }
  data::save_panels(panels, 2, argv[1]);
}
