#pragma once
/// Deterministic parallel loops: the work is cut into blocks whose borders depend on the problem alone,
/// never on the number of threads, so results have the same bits for any number of threads.

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace cartan {

using Index = std::int64_t;

/// Threads used by parallel loops (default: OMP_NUM_THREADS, or the cores of the machine). The child of a
/// fork() has one thread: its loops are serial.
int threads();
/// Sets it; 0 restores the default.
void set_threads(int count);

namespace detail {
using BlockFunction = void (*)(void* context, Index block);
/// Runs function(context, b) for b in [0, blocks) on up to threads() threads, each with its share of
/// neighbours, or (`in_turn`) with the next whenever it is free. The first exception thrown by a block is
/// rethrown here. A call from inside a block runs serially.
void run_blocks(Index blocks, BlockFunction function, void* context, bool in_turn = false);
}  // namespace detail

/// Calls body(begin, end) over [0, n) cut into blocks of `grain` (the last may be shorter).
template <class Body>
void parallel_for(Index n, Index grain, Body&& body) {
  if (n <= 0) return;
  if (n <= grain) {
    body(Index{0}, n);
    return;
  }
  struct Context {
    std::remove_reference_t<Body>* body;
    Index n, grain;
  } context{&body, n, grain};
  detail::run_blocks((n + grain - 1) / grain,
                     [](void* p, Index block) {
                       auto& c = *static_cast<Context*>(p);
                       (*c.body)(block * c.grain, std::min(c.n, (block + 1) * c.grain));
                     },
                     &context);
}

/// Calls body(k) for k in [0, n): tasks of unequal cost, the dearest best first. Threads take the next one
/// whenever they are free.
template <class Body>
void parallel_tasks(Index n, Body&& body) {
  detail::run_blocks(
      n, [](void* p, Index k) { (*static_cast<std::remove_reference_t<Body>*>(p))(k); }, &body, true);
}

/// Sum in float64 by blocks of 4096 and a fixed pairwise tree: the same bits for any number of threads.
double deterministic_sum(const float* x, Index n);
double deterministic_sum(const double* x, Index n);

}  // namespace cartan
