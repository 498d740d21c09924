#pragma once
// Memory of arrays: see cartan/core/memory.hpp.

#include <cstddef>

namespace cartan {

// At least `bytes`, not initialised, aligned to 64 bytes.
struct Buffer {
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::size_t size_class;
  void* data;
};

}  // namespace cartan
