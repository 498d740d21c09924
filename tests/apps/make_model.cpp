// make_model OUT.h5 [CHANNELS LAYERS DTYPE RADIAL Z...]: a TensorNet with random weights for H, C, N, O,
// whose forces are those of a soft molecule: a model file for tests and timings that need no training.

#include <cartan/potentials/model.hpp>
#include <cartan/potentials/networks/tensornet.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  using namespace cartan;
  if (argc < 2) return 2;
  potentials::TensorNetConfig config;
  config.channels = argc > 2 ? std::stol(argv[2]) : 8;
  config.layers = argc > 3 ? std::stol(argv[3]) : 1;
  config.dtype = dtype_from_name(argc > 4 ? argv[4] : "float64");
  config.radial = argc > 5 ? std::stol(argv[5]) : argc > 2 ? 32 : 8;
  config.cutoff = 4.5;
  potentials::Model model(config, 7);
  model.energy_scale = 0.2;
  std::vector<int> numbers{1, 6, 7, 8};
  if (argc > 6) numbers.clear();
  for (int k = 6; k < argc; ++k) numbers.push_back(std::stoi(argv[k]));
  for (const int z : numbers) model.reference[z] = -10.0 * z;
  model.save(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "make_model: %s\n", error.what());
  return 1;
}
