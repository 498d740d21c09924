#pragma once
/// Devices: where arrays lie and ops run.

#include <cstdint>
#include <iosfwd>
#include <string>

namespace cartan {

/// The host, a CUDA device, or `debug`: host memory that faults when it is touched other than by the ops,
/// which tests without an accelerator that nothing looks at the elements of a device's array.
struct Device {
  enum class Kind : std::uint8_t { cpu, cuda, debug };
  Kind kind = Kind::cpu;
  int index = 0;

  static const Device cpu, debug;
  static constexpr Device cuda(int index = 0) { return {Kind::cuda, index}; }
  friend constexpr bool operator==(Device a, Device b) { return a.kind == b.kind && a.index == b.index; }
  friend constexpr bool operator!=(Device a, Device b) { return !(a == b); }
};
inline constexpr Device Device::cpu{};
inline constexpr Device Device::debug{Device::Kind::debug, 0};

/// "cpu", "debug", "cuda:0"
std::string to_string(Device device);
std::ostream& operator<<(std::ostream& out, Device device);
/// The same names, and "cuda" for the first; throws std::invalid_argument for others.
Device device_from_name(const std::string& name);

/// True when this build holds the CUDA backend and a CUDA device can be used.
bool cuda_available();

/// Number of usable CUDA devices; 0 without the backend, without a driver or without a device.
int cuda_device_count();

/// Name of a device, such as "NVIDIA H100 PCIe".
/// Throws DeviceError without CUDA, std::invalid_argument when `index` is not in [0, cuda_device_count()).
std::string cuda_device_name(int index);

/// Throws DeviceError, with what is missing and what to do, unless `device` can be used.
void require_device(Device device);

}  // namespace cartan
