#pragma once
// Memory of arrays: see cartan/core/memory.hpp.

#include <cstddef>

#include "cartan/core/device.hpp"

namespace cartan {

// At least `bytes` of a device, not initialised, aligned to 64 bytes; from the device's pool.
struct Buffer {
  Buffer(std::size_t bytes, Device where);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // Memory comes in classes of sizes, four an octave from 64 bytes: that of `bytes`, and what one holds.
  static std::size_t class_of(std::size_t bytes);
  static std::size_t bytes_of(std::size_t size_class);

  std::size_t size_class;
  Device device;
  void* data;
};

// Between devices, and within one. On CUDA in the order of the device's stream; done on return where
// one side is the host.
void copy_memory(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes);
void clear_memory(void* to, std::size_t bytes, Device device);
// `count` elements of `size` bytes, all like *value.
void fill_memory(void* to, const void* value, std::size_t size, std::size_t count, Device device);

}  // namespace cartan
