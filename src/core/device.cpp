#include "cartan/core/device.hpp"

#include <ostream>

#include "cartan/core/error.hpp"
#include "core/cuda/backend.hpp"

namespace cartan {

std::string to_string(Device device) {
  switch (device.kind) {
    case Device::Kind::cpu:
      return "cpu";
    case Device::Kind::cuda:
      return "cuda:" + std::to_string(device.index);
    case Device::Kind::debug:
      return "debug";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, Device device) {
  return out << to_string(device);
}

Device device_from_name(const std::string& name) {
  if (name == "cpu") return Device::cpu;
  if (name == "debug") return Device::debug;
  if (name == "cuda") return Device::cuda();
  if (name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9 &&
      name.find_first_not_of("0123456789", 5) == std::string::npos)
    return Device::cuda(std::stoi(name.substr(5)));
  throw std::invalid_argument("[device] there is no device '" + name +
                              "'; use cpu, cuda, cuda:1, ... or debug");
}

int cuda_device_count() {
  return cuda::query_devices().count;
}

bool cuda_available() {
  return cuda_device_count() > 0;
}

std::string cuda_device_name(int index) {
  require_device(Device::cuda());
  const int count = cuda_device_count();
  require(index >= 0 && index < count, "[cuda_device_name] there is no device ", index, "; use 0 to ",
          count - 1);
  return cuda::device_name(index);
}

void require_device(Device device) {
  if (device.kind != Device::Kind::cuda) return;
  const cuda::Devices found = cuda::query_devices();
  if (found.count == 0) throw DeviceError("[require_device] " + found.problem);
  if (device.index < 0 || device.index >= found.count)
    throw DeviceError(text("[require_device] there is no ", device, " among ", found.count, " CUDA devices"));
}

}  // namespace cartan
