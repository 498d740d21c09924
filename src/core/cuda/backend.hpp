#pragma once
// What core asks of CUDA: src/core/cuda/backend.cu with the CUDA backend, src/core/no_cuda.cpp without it.

#include <cstddef>
#include <string>

namespace cartan::cuda {

struct Devices {
  int count = 0;
  std::string problem;  // why there is none, and what to do
};

Devices query_devices();
std::string device_name(int index);

// nullptr where the device has no memory left.
void* allocate(int device, std::size_t bytes);
void release(int device, void* memory) noexcept;
// "12.3 of 139.8 GiB free"
std::string memory_text(int device);

enum class Direction { to_device, to_host, within };
// In the order of the device's stream; waits for it unless `within`.
void copy(int device, void* to, const void* from, std::size_t bytes, Direction direction);
void copy_between(int to_device, void* to, int from_device, const void* from, std::size_t bytes);
void clear(int device, void* to, std::size_t bytes);
// `count` elements of `size` bytes (1, 4, 8 or 16), all like *value.
void fill(int device, void* to, const void* value, std::size_t size, std::size_t count);

}  // namespace cartan::cuda
