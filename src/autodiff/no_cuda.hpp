#pragma once
// For the no_cuda.cpp of every module: what stands in for a kernel in a build without CUDA.

#include "cartan/autodiff/primitive.hpp"
#include "cartan/autodiff/update.hpp"

namespace cartan {

// Throws DeviceError: "[name] this build has no CUDA backend ...".
[[noreturn]] void refuse_cuda(const char* name);

}  // namespace cartan

#define CARTAN_NO_CUDA(Class)                    \
  Arrays Class::eval_cuda(const Arrays&) const { \
    refuse_cuda(name());                         \
  }                                              \
  static_assert(true)
#define CARTAN_NO_CUDA_UPDATE(Class)                                      \
  void Class::run_cuda(const std::vector<Array*>&, const Arrays&) const { \
    refuse_cuda(name());                                                  \
  }                                                                       \
  static_assert(true)
