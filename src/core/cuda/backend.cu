#include "core/cuda/backend.hpp"

#include <cstring>
#include <map>
#include <mutex>

#include "cartan/core/error.hpp"
#include "core/cuda/loop.hpp"

namespace cartan::cuda {
namespace {

// A handle of cuBLAS serves one thread at a time.
struct Handles {
  ~Handles() {
    for (auto& [device, handle] : blas) cublasDestroy(handle);
  }
  std::map<int, cublasHandle_t> blas;
};

}  // namespace

namespace {
template <class T>
void fill_elements(int device, T* to, T value, Index count) {
  for_each(Device::cuda(device), count, [=] __device__(Index i) { to[i] = value; });
}
}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // must not surface in a later call
  throw DeviceError(text("[cuda] ", what, ": ", cudaGetErrorString(status)));
}

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw DeviceError(text("[cuda] ", what, ": ", cublasGetStatusString(status)));
}

On::On(int device) {
  check(cudaGetDevice(&before_), "cudaGetDevice");
  check(cudaSetDevice(device), "cudaSetDevice");
}
On::~On() {
  cudaSetDevice(before_);
}

// One stream a device for all threads: a block that goes from one array to the next, in whatever threads, is
// used in the order of the stream.
cudaStream_t stream(int device) {
  static auto* mutex = new std::mutex;
  static auto* streams = new std::map<int, cudaStream_t>;  // never destroyed, as arrays in static storage
  std::lock_guard lock(*mutex);
  const auto found = streams->find(device);
  if (found != streams->end()) return found->second;
  const On on(device);
  cudaStream_t fresh = nullptr;
  check(cudaStreamCreateWithFlags(&fresh, cudaStreamNonBlocking), "cudaStreamCreate");
  return (*streams)[device] = fresh;
}

cublasHandle_t blas(int device) {
  thread_local Handles handles;
  const auto found = handles.blas.find(device);
  if (found != handles.blas.end()) return found->second;
  const On on(device);
  cublasHandle_t fresh = nullptr;
  check(cublasCreate(&fresh), "cublasCreate");
  check(cublasSetStream(fresh, stream(device)), "cublasSetStream");
  check(cublasSetMathMode(fresh, CUBLAS_DEFAULT_MATH), "cublasSetMathMode");  // float32 is not TF32
  return handles.blas[device] = fresh;
}

Devices query_devices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return {count, ""};
  cudaGetLastError();  // a failed query must not surface in a later call
  const std::string why = status == cudaSuccess ? "the driver lists none" : cudaGetErrorString(status);
  return {0, "no CUDA device can be used (" + why + "); see `nvidia-smi`, or use the device cpu"};
}

std::string device_name(int index) {
  cudaDeviceProp properties;
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  if (status != cudaSuccess) {
    throw DeviceError(text("[cuda_device_name] device ", index, ": ", cudaGetErrorString(status)));
  }
  return properties.name;
}

void* allocate(int device, std::size_t bytes) {
  const On on(device);
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMalloc");
  return memory;
}

void release(int device, void* memory) noexcept {
  int before = 0;
  cudaGetDevice(&before);
  cudaSetDevice(device);
  cudaFree(memory);  // waits for the device
  cudaSetDevice(before);
}

std::string memory_text(int device) {
  const On on(device);
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  const double gib = 1024.0 * 1024 * 1024;
  return text(static_cast<double>(free) / gib, " of ", static_cast<double>(total) / gib, " GiB free");
}

void copy(int device, void* to, const void* from, std::size_t bytes, Direction direction) {
  if (bytes == 0) return;
  const On on(device);
  const cudaMemcpyKind kind = direction == Direction::to_device ? cudaMemcpyHostToDevice
                              : direction == Direction::to_host ? cudaMemcpyDeviceToHost
                                                                : cudaMemcpyDeviceToDevice;
  check(cudaMemcpyAsync(to, from, bytes, kind, stream(device)), "cudaMemcpy");
  if (direction != Direction::within) check(cudaStreamSynchronize(stream(device)), "a kernel or copy");
}

void copy_between(int to_device, void* to, int from_device, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaStreamSynchronize(stream(from_device)), "a kernel");
  check(cudaMemcpyPeerAsync(to, to_device, from, from_device, bytes, stream(to_device)), "cudaMemcpyPeer");
  check(cudaStreamSynchronize(stream(to_device)), "cudaMemcpyPeer");
}

void clear(int device, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  const On on(device);
  check(cudaMemsetAsync(to, 0, bytes, stream(device)), "cudaMemset");
}

void fill(int device, void* to, const void* value, std::size_t size, std::size_t count) {
  if (count == 0) return;
  unsigned char bytes[16];
  if (size > sizeof bytes) throw DeviceError("[cuda] an element of more than 16 bytes");
  std::memcpy(bytes, value, size);
  const auto pattern = [&]<class T>(T x) {
    std::memcpy(&x, bytes, sizeof x);
    fill_elements(device, static_cast<T*>(to), x, static_cast<Index>(count));
  };
  if (size == 16)
    pattern(ulonglong2{});
  else if (size == 8)
    pattern(std::uint64_t{});
  else if (size == 4)
    pattern(std::uint32_t{});
  else
    pattern(std::uint8_t{});
}

}  // namespace cartan::cuda
