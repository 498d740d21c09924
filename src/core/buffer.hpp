#pragma once
// Memory of arrays. Freed blocks are kept in size classes and handed out again, because the operating
// system's page faults would otherwise cost more than the arithmetic of an eager op.

#include <cstddef>

namespace cartan {

struct Buffer {
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::size_t size_class;
  void* data;
};

}  // namespace cartan
