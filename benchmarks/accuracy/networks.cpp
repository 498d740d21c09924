// The table and the picture of networks.sh: means over seeds (and their spread), by set and network.
//
//   networks NETWORKS.csv OUT.svg    prints the table, draws error of forces against time per atom in
//   dynamics
//
//   c++ -O2 -std=c++17 -Iinclude benchmarks/accuracy/networks.cpp -Lbuild/release -lcartan
//   -Wl,-rpath,$PWD/build/release -o networks
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <cartan/data/figure.hpp>
#include <cartan/data/table.hpp>

using namespace cartan;

namespace {

struct Values {
  std::vector<double> v;
  void add(double x) {
    if (std::isfinite(x)) v.push_back(x);
  }
  double mean() const {
    double sum = 0;
    for (const double x : v) sum += x;
    return v.empty() ? std::nan("") : sum / static_cast<double>(v.size());
  }
  /// mean, and the deviation of the seeds where there are several
  std::string text(const char* format, double factor = 1) const {
    if (v.empty()) return "-";
    char out[64];
    std::snprintf(out, sizeof out, format, factor * mean());
    if (v.size() == 1) return out;
    double squares = 0;
    for (const double x : v) squares += (x - mean()) * (x - mean());
    char spread[64];
    std::snprintf(spread, sizeof spread, format,
                  factor * std::sqrt(squares / static_cast<double>(v.size() - 1)));
    return std::string(out) + " ± " + spread;
  }
};

struct Row {
  Values parameters, ms_per_step, steps, us_per_atom, memory, energy, stress;
  std::map<std::string, Values> forces;  // by part of the set
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: networks NETWORKS.csv OUT.svg\n"), 2;
  const data::Table table = data::read_table(argv[1]);
  const auto words = [&](const char* name, Index i) {
    return table.column(name).words[static_cast<std::size_t>(i)];
  };
  const auto number = [&](const char* name, Index i) {
    const data::Column& c = table.column(name);
    return c.numbers.empty() ? std::nan("") : c.numbers[static_cast<std::size_t>(i)];
  };
  std::map<std::string, std::map<std::string, Row>> sets;
  std::map<std::string, std::vector<std::string>> parts;  // of a set, in the order of the file
  for (Index i = 0; i < table.rows(); ++i) {
    auto& known = parts[words("set", i)];
    if (std::find(known.begin(), known.end(), words("part", i)) == known.end())
      known.push_back(words("part", i));
  }
  for (Index i = 0; i < table.rows(); ++i) {
    const std::string set = words("set", i), part = words("part", i);
    Row& row = sets[set][words("network", i)];
    row.forces[part].add(number("forces_rmse", i));
    if (part != parts[set].back()) continue;  // a run has a row for each part; the last is the hardest
    row.parameters.add(number("parameters", i));
    row.steps.add(number("steps", i));
    row.ms_per_step.add(1000 * number("seconds", i) / number("steps", i));
    row.us_per_atom.add(number("us_per_atom", i));
    row.memory.add(number("memory_mb", i));
    row.energy.add(number("energy_per_atom_rmse", i));
    row.stress.add(number("stress_rmse", i));
  }

  std::vector<data::Figure> panels;
  for (const auto& [set, networks] : sets) {
    std::printf("%s\n\n| network | parameters | steps | ms a step |", set.c_str());
    for (const std::string& part : parts[set]) std::printf(" forces %s, meV/A |", part.c_str());
    std::printf(
        " energy, meV an atom | stress, meV/A^3 | us an atom in dynamics | memory of training, MB "
        "|\n|---|---|---|---|");
    for (std::size_t k = 0; k < parts[set].size() + 4; ++k) std::printf("---|");
    std::printf("\n");
    data::Figure figure;
    figure.title = set, figure.x_label = "time of a step of dynamics (µs/atom)";
    figure.y_label = "error of forces (meV/Å)", figure.log_x = figure.log_y = true;
    figure.note = parts[set].size() > 1 ? "test frames of " + parts[set].back() : "test frames";
    for (const auto& [network, row] : networks) {
      std::printf("| %s | %.0f | %s | %s |", network.c_str(), row.parameters.mean(),
                  row.steps.text("%.0f").c_str(), row.ms_per_step.text("%.0f").c_str());
      for (const std::string& part : parts[set])
        std::printf(" %s |", row.forces.count(part) ? row.forces.at(part).text("%.1f", 1000).c_str() : "-");
      std::printf(" %s | %s | %s | %s |\n", row.energy.text("%.2f", 1000).c_str(),
                  row.stress.text("%.2f", 1000).c_str(), row.us_per_atom.text("%.0f").c_str(),
                  row.memory.text("%.0f").c_str());
      const std::string& last = parts[set].back();
      if (!row.forces.count(last)) continue;
      data::Series s{network, {row.us_per_atom.mean()}, {1000 * row.forces.at(last).mean()}};
      s.line = false;
      figure.series.push_back(s);
    }
    std::printf("\n");
    panels.push_back(figure);
  }
  data::save_panels(panels, static_cast<int>(panels.size()), argv[2]);
}
