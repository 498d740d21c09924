#include "cartan/core/parallel.hpp"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "core/team.hpp"

namespace cartan {
namespace {
std::atomic<int> thread_count{0};
std::atomic<bool> forked{false};  // the team of threads stayed in the parent, and OpenMP would wait for it
}  // namespace

int threads() {
  const int n = thread_count.load(std::memory_order_relaxed);
  return n > 0 ? n : omp_get_max_threads();
}

void set_threads(int count) {
  thread_count = count > 0 ? count : 0;
}

int team() {
  return omp_in_parallel() || forked.load(std::memory_order_relaxed) ? 1 : threads();
}

namespace detail {

void run_blocks(Index blocks, BlockFunction function, void* context, bool in_turn) {
  const int count = static_cast<int>(std::min<Index>(team(), blocks));
  if (count <= 1) {
    for (Index b = 0; b < blocks; ++b) function(context, b);
    return;
  }
  static const int watched = pthread_atfork(nullptr, nullptr, [] { forked = true; });
  static_cast<void>(watched);
  std::exception_ptr error;
  std::atomic<bool> failed{false};
  const auto attempt = [&](Index b) {
    if (failed.load(std::memory_order_relaxed)) return;
    try {
      function(context, b);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  };
  if (in_turn) {
#pragma omp parallel for num_threads(count) schedule(dynamic, 1)
    for (Index b = 0; b < blocks; ++b) attempt(b);
  } else {
#pragma omp parallel for num_threads(count) schedule(static)
    for (Index b = 0; b < blocks; ++b) attempt(b);
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace detail

namespace {

constexpr Index sum_block = 4096;

template <class T>
double block_sum(const T* x, Index n) {
  constexpr int lanes = 16;  // fixed, so that the order of additions does not depend on the machine's vectors
  double part[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) part[l] += static_cast<double>(x[i + l]);
  for (int l = 0; i < n; ++i, ++l) part[l] += static_cast<double>(x[i]);
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int l = 0; l < width; ++l) part[l] += part[l + width];
  return part[0];
}

template <class T>
double tree_sum(const T* x, Index n) {
  if (n <= sum_block) return block_sum(x, n);
  std::vector<double> part(static_cast<std::size_t>((n + sum_block - 1) / sum_block));
  const auto sum = [&](Index begin, Index end) {
    part[static_cast<std::size_t>(begin / sum_block)] = block_sum(x + begin, end - begin);
  };
  if (n > 16 * sum_block)
    parallel_for(n, sum_block, sum);
  else  // done before other threads have begun
    for (Index begin = 0; begin < n; begin += sum_block) sum(begin, std::min(n, begin + sum_block));
  return tree_sum(part.data(), static_cast<Index>(part.size()));
}

}  // namespace

double deterministic_sum(const float* x, Index n) {
  return tree_sum(x, n);
}
double deterministic_sum(const double* x, Index n) {
  return tree_sum(x, n);
}

}  // namespace cartan
