#include "cartan/core/error.hpp"
#include "core/cuda/query.hpp"

namespace cartan::cuda {

Devices query_devices() {
  return {0,
          "this build of Cartan has no CUDA backend; configure with -DCARTAN_CUDA=ON, or use the device cpu"};
}

std::string device_name(int) {
  throw DeviceError("[cuda_device_name] " + query_devices().problem);
}

}  // namespace cartan::cuda
