// Reading and writing frames: one frame of 200,000 atoms, and 20,000 frames of 27 atoms.
#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>

#include <cartan/core/random.hpp>
#include <cartan/data/readers.hpp>

using namespace cartan;
using namespace cartan::data;

namespace {

// Positions and forces with eight decimals, as most files have them.
std::vector<Frame> frames(Index count, Index atoms) {
  std::vector<Frame> out(static_cast<std::size_t>(count));
  const Random random(1);
  std::uint64_t draw = 0;
  const auto decimal = [&] { return std::round((random.uniform(draw++) - 0.5) * 2e10) / 1e8; };
  for (Frame& f : out) {
    f.cell = {50, 0, 0, 0, 50, 0, 0, 0, 50};
    f.energy = -17660.461737861464;
    f.info["dihedrals"] = std::string("_JSON [209.44, 80.54, 59.96]");
    for (Index i = 0; i < atoms; ++i) f.numbers.push_back(i % 2 ? 6 : 14);
    for (Index i = 0; i < 3 * atoms; ++i) {
      f.positions.push_back(decimal());
      f.forces.push_back(decimal());
    }
  }
  return out;
}

struct File {
  explicit File(const char* extension)
      : path((std::filesystem::temp_directory_path() / "cartan-readers-bench").string() + extension) {}
  ~File() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  std::string path;
};

void read(benchmark::State& state, const char* extension) {
  const File file(extension);
  write_frames(file.path, frames(state.range(0), state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(read_frames(file.path));
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(std::filesystem::file_size(file.path)));
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}

void write(benchmark::State& state, const char* extension) {
  const File file(extension);
  const auto all = frames(state.range(0), state.range(1));
  for (auto _ : state) write_frames(file.path, all);
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(std::filesystem::file_size(file.path)));
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}

}  // namespace

BENCHMARK_CAPTURE(read, extxyz, ".extxyz")
    ->Args({1, 200000})
    ->Args({20000, 27})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(read, hdf5, ".h5")->Args({1, 200000})->Args({20000, 27})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(write, extxyz, ".extxyz")
    ->Args({1, 200000})
    ->Args({20000, 27})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(write, hdf5, ".h5")->Args({1, 200000})->Args({20000, 27})->Unit(benchmark::kMillisecond);
