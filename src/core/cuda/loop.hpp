#pragma once
// Loops over the elements of arrays of a device. For .cu files alone.

#include <algorithm>
#include <complex>
#include <cuda/std/complex>

#include "cartan/core/array.hpp"
#include "core/cuda/stream.hpp"
#include "core/dispatch.hpp"

namespace cartan::cuda {

inline constexpr int block_size = 256;

// Element types as kernels see them: the same bytes, functions of the device.
template <class T>
struct element_of {
  using type = T;
};
template <class T>
struct element_of<std::complex<T>> {
  using type = ::cuda::std::complex<T>;
};
template <class T>
using element = typename element_of<T>::type;
template <class T>
inline constexpr bool is_complex_element = false;
template <class T>
inline constexpr bool is_complex_element<::cuda::std::complex<T>> = true;

template <class T>
const T* elements(const Array& a) {
  return static_cast<const T*>(a.address());
}
template <class T>
T* mutable_elements(Array& a) {
  return static_cast<T*>(a.mutable_address());
}

template <class F>
__global__ void loop(Index n, F f) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) f(i);
}

// f(i) for i in [0, n), in the order of the device's stream.
template <class F>
void for_each(Device device, Index n, F f) {
  if (n <= 0) return;
  const On on(device.index);
  const auto blocks = static_cast<unsigned>(std::min<Index>((n + block_size - 1) / block_size, 1 << 20));
  loop<<<blocks, block_size, 0, stream(device.index)>>>(n, f);
  check(cudaGetLastError(), "the start of a kernel");
}

// The sum of every thread's x, by a tree that depends on the block size alone; valid in thread 0.
template <class Sum>
__device__ Sum sum_of_block(Sum x) {
  __shared__ Sum part[block_size];
  part[threadIdx.x] = x;
  for (unsigned width = block_size / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) part[threadIdx.x] = part[threadIdx.x] + part[threadIdx.x + width];
  }
  return part[0];
}

}  // namespace cartan::cuda
