#pragma once
/// What accelerators this build and this machine offer.

#include <string>

#include <cartan/core/array.hpp>

namespace cartan {

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
