// The picture of nve_direct.sh: the change of the conserved energy per atom against time.
//
//   nve_direct OUT.svg NAME TRAJECTORY.h5 [NAME TRAJECTORY.h5 ...]
//
//   c++ -O2 -std=c++17 -Iinclude benchmarks/accuracy/nve_direct.cpp -Lbuild/release -lcartan
//   -Wl,-rpath,$PWD/build/release -o nve_direct_figure
#include <cstdio>
#include <string>
#include <vector>

#include <cartan/data/figure.hpp>
#include <cartan/data/trajectory.hpp>

using namespace cartan;

int main(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0)
    return std::fprintf(stderr, "usage: nve_direct OUT.svg NAME TRAJECTORY.h5 ...\n"), 2;
  data::Figure figure;
  figure.title = "Energy at constant energy (NVE, 0.5 fs)";
  figure.x_label = "time (ps)", figure.y_label = "conserved energy - start (meV/atom)";
  for (int k = 2; k + 1 < argc; k += 2) {
    const data::TrajectoryReader trajectory(argv[k + 1]);
    const std::vector<double> energy = trajectory.observable("conserved_energy");
    data::Series s{argv[k], {}, {}};
    for (Index i = 0; i < trajectory.frames(); ++i) {
      s.x.push_back(trajectory.time(i) / 1000);
      s.y.push_back(1000 * (energy[static_cast<std::size_t>(i)] - energy[0]) /
                    static_cast<double>(trajectory.atoms()));
    }
    figure.series.push_back(std::move(s));
  }
  figure.save(argv[1]);
}
