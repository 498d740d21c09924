#pragma once
/// How long work tells where it is and learns that it should stop. The library itself never prints.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>

namespace cartan {

/// One report of a running task.
struct Progress {
  std::int64_t done = 0;   ///< units finished
  std::int64_t total = 0;  ///< units in all; 0 when unknown
  std::string message;     ///< what to show beside the rate, e.g. "loss 1.2e-3"
};

using ProgressCallback = std::function<void(const Progress&)>;

/// Set from a signal handler or another thread; long work looks at it between steps and ends cleanly,
/// after writing its checkpoint.
using StopFlag = std::atomic<bool>;

/// Thrown by work that was told to stop before it had a result to return.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};
inline void stop_if_set(const StopFlag* stop) {
  if (stop && stop->load(std::memory_order_relaxed)) throw Stopped();
}

}  // namespace cartan
