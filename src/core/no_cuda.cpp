#include "cartan/core/error.hpp"
#include "core/cuda/backend.hpp"

namespace cartan::cuda {
namespace {
[[noreturn]] void refuse() {
  throw DeviceError("[cuda] " + query_devices().problem);
}
}  // namespace

Devices query_devices() {
  return {0,
          "this build of Cartan has no CUDA backend; configure with -DCARTAN_CUDA=ON, or use the device cpu"};
}

std::string device_name(int) {
  refuse();
}
void* allocate(int, std::size_t) {
  refuse();
}
void release(int, void*) noexcept {}
std::string memory_text(int) {
  refuse();
}
void copy(int, void*, const void*, std::size_t, Direction) {
  refuse();
}
void copy_between(int, void*, int, const void*, std::size_t) {
  refuse();
}
void clear(int, void*, std::size_t) {
  refuse();
}
void fill(int, void*, const void*, std::size_t, std::size_t) {
  refuse();
}

}  // namespace cartan::cuda
