#include <cuda_runtime.h>

#include "cartan/core/error.hpp"
#include "core/cuda/query.hpp"

namespace cartan::cuda {

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

}  // namespace cartan::cuda
