#pragma once
/// How long work tells where it is and learns that it should stop. The library itself never prints.

#include <atomic>
#include <cstdint>
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

}  // namespace cartan
