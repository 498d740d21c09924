#pragma once
// Device query: src/core/cuda/device.cu with the CUDA backend, src/core/no_cuda.cpp without it.

#include <string>

namespace cartan::cuda {

struct Devices {
  int count = 0;
  std::string problem;  // why there is none, and what to do
};

Devices query_devices();
std::string device_name(int index);

}  // namespace cartan::cuda
