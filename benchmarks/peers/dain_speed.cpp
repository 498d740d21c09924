// DAIN on the entries of dain_torch.py, for a fixed number of epochs:
//
//     g++ -O2 -std=c++20 dain_speed.cpp $(pkg-config --cflags --libs cartan) -o dain_speed
//     OMP_NUM_THREADS=1 ./dain_speed INDICES VALUES EPOCHS f32|bf16
//
// Prints seconds, wall and of all processors, and the RMSE of the test entries.
#include <cartan/completion/neural/dain.hpp>
#include <cartan/completion/splits.hpp>
#include <cartan/core/parallel.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

using namespace cartan;
using namespace cartan::completion;

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: dain_speed INDICES VALUES EPOCHS f32|bf16\n");
    return 2;
  }
  std::ifstream indices(argv[1]), values(argv[2]);
  std::vector<std::vector<std::int32_t>> index(3);
  std::vector<double> value;
  Shape shape(3, 1);
  std::int32_t i[3];
  for (double y; indices >> i[0] >> i[1] >> i[2] && values >> y;) {
    for (std::size_t k = 0; k < 3; ++k) {
      index[k].push_back(i[k]);
      shape[k] = std::max<Index>(shape[k], i[k] + 1);
    }
    value.push_back(y);
  }
  const Split parts = split(SparseTensor(shape, index, value, Duplicates::average), {0.18, 0.1, 0});
  DainOptions options;
  options.training.epochs = std::atoi(argv[3]);
  options.training.patience = 0;
  options.training.products = std::string(argv[4]) == "bf16" ? Products::bf16 : Products::f32;
  const auto wall = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  const DainFit fit = fit_dain(parts.train, parts.validation, options);
  const double wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
  const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  const Array f = fit.model.predict(parts.test.index_array());
  double squares = 0;
  for (Index n = 0; n < f.size(); ++n) squares += std::pow(f.data<double>()[n] - parts.test.values()[n], 2);
  std::printf("cartan %s epochs %s threads %d wall %.2f cpu %.2f rmse %.4f\n", argv[4], argv[3], threads(),
              wall_seconds, cpu_seconds, std::sqrt(squares / static_cast<double>(f.size())));
}
