#pragma once
// FFTW's planner is not thread-safe: whoever makes or destroys a plan holds this lock, whatever the module.

#include <mutex>

namespace cartan {

inline std::mutex& fftw_planner() {
  static std::mutex instance;
  return instance;
}

}  // namespace cartan
