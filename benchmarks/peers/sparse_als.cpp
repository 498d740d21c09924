// CP-ALS of a sparse tensor beside SPLATT: the same file, the same sweeps. benchmarks/peers/sparse_als.sh
// runs both.
//
//   sparse_als make FILE.tns ENTRIES I J K     skewed indices, extent * u^3
//   sparse_als fit FILE.tns RANK SWEEPS        seconds a sweep and peak memory
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <cartan/completion/canonical.hpp>
#include <cartan/core/parallel.hpp>
#include <cartan/core/random.hpp>

using namespace cartan;
using namespace cartan::completion;
using Clock = std::chrono::steady_clock;

namespace {
double since(Clock::time_point t) {
  return std::chrono::duration<double>(Clock::now() - t).count();
}
// Of all threads; on a busy machine the fairer number.
double processor_seconds() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
}  // namespace

int main(int argc, char** argv) {
  if (argc >= 7 && !std::strcmp(argv[1], "make")) {
    const Index count = std::atoll(argv[3]);
    const Random random(1);
    Shape shape;
    std::vector<std::vector<std::int32_t>> index(3);
    std::vector<double> values(static_cast<std::size_t>(count));
    for (int k = 0; k < 3; ++k) {
      const double n = std::atof(argv[4 + k]);
      shape.push_back(static_cast<Index>(n));
      for (Index e = 0; e < count; ++e) {
        const double u = random.uniform(static_cast<std::uint64_t>(3 * e + k));
        index[static_cast<std::size_t>(k)].push_back(static_cast<std::int32_t>(n * u * u * u));
      }
    }
    for (Index e = 0; e < count; ++e) values[static_cast<std::size_t>(e)] = 1 + e % 5;
    write_entries(argv[2], SparseTensor(shape, std::move(index), std::move(values), Duplicates::average));
    return 0;
  }
  if (argc < 5) return 2;
  auto t = Clock::now();
  const double c0 = processor_seconds();
  const SparseTensor x = read_entries(argv[2]);
  const double c1 = processor_seconds();
  const double read = since(t);
  t = Clock::now();
  const Fibres f(x);
  const double built = since(t);
  AlsOptions o;
  o.rank = std::atoll(argv[3]), o.max_iterations = std::atoi(argv[4]), o.tolerance = 0;
  std::vector<double> times;
  FitContext c;
  t = Clock::now();
  c.progress = [&](const Progress&) {
    times.push_back(since(t));
    t = Clock::now();
  };
  const double c2 = processor_seconds();
  const auto made = cp_als(f, o, c);
  const double c3 = processor_seconds();
  std::sort(times.begin(), times.end());
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("processor seconds: read %.2f, fibres %.3f, a sweep %.4f\n", c1 - c0, c2 - c1,
              (c3 - c2) / o.max_iterations);
  std::printf(
      "entries %lld nodes %lld read %.2f s fibres %.3f s (%.0f MB beside the entries) sweep median %.4f "
      "least %.4f "
      "s, error %.6f, peak %.0f MB, threads %d\n",
      static_cast<long long>(x.size()), static_cast<long long>(f.nodes(1)), read, built,
      static_cast<double>(f.bytes()) / 1e6, times[times.size() / 2], times[0], made.summary.relative_error,
      static_cast<double>(usage.ru_maxrss) / 1e3, threads());
}
