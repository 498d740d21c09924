#pragma once
// Streams (one a device) and library handles (one a device and thread), made at first use. For .cu files
// alone.

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "cartan/core/device.hpp"

namespace cartan::cuda {

// Throws DeviceError with the text of the runtime, and what was tried.
void check(cudaError_t status, const char* what);
void check(cublasStatus_t status, const char* what);

// Makes `device` current for this thread until the end of the scope.
class On {
 public:
  explicit On(int device);
  ~On();
  On(const On&) = delete;
  On& operator=(const On&) = delete;

 private:
  int before_;
};

cudaStream_t stream(int device);
cublasHandle_t blas(int device);  // bound to stream(device)

}  // namespace cartan::cuda
