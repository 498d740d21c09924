// Peak memory of a pass for energies and forces, or of a training step on them, of a network on a crystal of
// silicon, 28 neighbours an atom: the table of docs/networks.md, a process for each figure.
//
//   network_memory KIND CELLS MEMORY forces|step [CHANNELS]    KIND esen, equiformer or escn; CELLS of 8
//   atoms along each axis; MEMORY in GiB, what messages may take on the tape; prints MB of arrays and
//   resident
//
//   c++ -O2 -std=c++17 -Iinclude -Isrc benchmarks/accuracy/network_memory.cpp -Lbuild/release -lcartan
//   -lpthread -Wl,-rpath,$PWD/build/release -o network_memory
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <cartan/autodiff/ops.hpp>
#include <cartan/autodiff/transforms.hpp>
#include <cartan/core/config.hpp>
#include <cartan/core/memory.hpp>
#include <cartan/core/random.hpp>
#include <cartan/potentials/model.hpp>
#include <cartan/potentials/neighbor_list.hpp>

#include "autodiff/last_gradients.hpp"

using namespace cartan;
using namespace cartan::potentials;

namespace {

Frame silicon(int cells) {
  const double a = 5.43, corners[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
  const Random random(5);
  Frame f;
  for (int i = 0; i < cells * cells * cells; ++i)
    for (int atom = 0; atom < 8; ++atom) {
      const int cell[] = {i % cells, i / cells % cells, i / cells / cells};
      f.numbers.push_back(14);
      for (int k = 0; k < 3; ++k)
        f.positions.push_back(a * (cell[k] + corners[atom / 2][k] + 0.25 * (atom % 2)) +
                              0.1 * (random.uniform(f.positions.size()) - 0.5));
    }
  f.cell = {a * cells, 0, 0, 0, a * cells, 0, 0, 0, a * cells};
  f.pbc = {true, true, true};
  return f;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6)
    return std::fprintf(stderr, "usage: network_memory KIND CELLS MEMORY forces|step [CHANNELS]\n"), 2;
  const std::unique_ptr<NetworkConfig> config = network_config(argv[1]);
  for (config::Field& f : config::fields_of(*config)) {
    if (f.name() == "lmax") f.set(std::int64_t{4});
    if (f.name() == "channels") f.set(std::int64_t{argc > 5 ? std::atoi(argv[5]) : 32});
    if (f.name() == "cutoff") f.set(5.0);
    if (f.name() == "memory") f.set(std::atof(argv[3]));
    if (f.name() == "species") f.set(std::vector<std::string>{"Si"});
    if (f.name() == "neighbors") f.set(28.0);
  }
  Model model(*config, 3);
  model.reference = {{14, -3.7}};
  const Frame frame = silicon(std::atoi(argv[2]));
  const Graph graph = make_graph(frame, neighbor_list(frame, config->cutoff));

  std::atomic<bool> done{false};
  std::size_t most = 0;
  std::thread watch([&] {
    for (; !done; std::this_thread::sleep_for(std::chrono::microseconds(50)))
      most = std::max(most, memory_use().in_use);
  });
  if (std::string(argv[4]) == "step") {
    const nn::ParameterRefs parameters = model.parameters();
    nn::track_parameters(parameters);
    const auto loss = [&] {
      const Prediction p = model.predict(graph, {true, false, true});
      return sum(square(cast(p.forces, DType::f64))) + sum(square(p.energy));
    };
    last_gradients({loss()}, nn::values_of(parameters));  // as a training does
  } else {
    model.predict(graph, {true, false, false});
  }
  done = true;
  watch.join();
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  std::printf("%s, %lld atoms, %lld edges, memory %s, %s: %.0f MB of arrays, %.0f MB resident\n", argv[1],
              static_cast<long long>(graph.atoms()), static_cast<long long>(graph.edges.size()), argv[3],
              argv[4], static_cast<double>(most) / 1048576, static_cast<double>(use.ru_maxrss) / 1024);
}
