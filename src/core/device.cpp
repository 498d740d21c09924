#include "cartan/core/device.hpp"

#include "cartan/core/error.hpp"
#include "core/cuda/query.hpp"

namespace cartan {

int cuda_device_count() {
  return cuda::query_devices().count;
}

bool cuda_available() {
  return cuda_device_count() > 0;
}

std::string cuda_device_name(int index) {
  require_device(Device::cuda);
  const int count = cuda_device_count();
  require(index >= 0 && index < count, "[cuda_device_name] there is no device ", index, "; use 0 to ",
          count - 1);
  return cuda::device_name(index);
}

void require_device(Device device) {
  if (device == Device::cpu) return;
  const cuda::Devices found = cuda::query_devices();
  if (found.count == 0) throw DeviceError("[require_device] " + found.problem);
}

}  // namespace cartan
