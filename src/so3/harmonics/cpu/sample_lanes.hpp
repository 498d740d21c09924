#pragma once
// Eight samples at a time, one a lane, in float64.

#include "core/simd.hpp"

namespace cartan::so3 {

using SampleLanes = vector_of<double>::type;
inline constexpr Index lane_count = 8;

// rows of eight samples, sample s at in + s * stride -> out[k] holds element k of all; lanes beyond `samples`
// repeat the last one.
template <class T>
inline void to_lanes(const T* in, Index stride, Index samples, Index size, SampleLanes* out) {
  const T* row[lane_count];
  for (Index s = 0; s < lane_count; ++s) row[s] = in + std::min(s, samples - 1) * stride;
  for (Index k = 0; k < size; ++k) {
    SampleLanes v;
    for (Index s = 0; s < lane_count; ++s) v[s] = static_cast<double>(row[s][k]);
    out[k] = v;
  }
}

// The way back; lanes beyond `samples` are dropped.
template <class T>
inline void from_lanes(const SampleLanes* in, Index size, T* out, Index stride, Index samples) {
  typedef T Eight __attribute__((vector_size(8 * sizeof(T))));
  typedef typename std::conditional<sizeof(T) == 4, std::int32_t, std::int64_t>::type Int;
  typedef Int Mask __attribute__((vector_size(8 * sizeof(T))));
  Index k = 0;
  for (; k + 8 <= size; k += 8) {
    Eight a[8], b[8];
    for (int i = 0; i < 8; ++i) a[i] = __builtin_convertvector(in[k + i], Eight);
    const Mask low1{0, 8, 2, 10, 4, 12, 6, 14}, high1{1, 9, 3, 11, 5, 13, 7, 15};
    const Mask low2{0, 1, 8, 9, 4, 5, 12, 13}, high2{2, 3, 10, 11, 6, 7, 14, 15};
    const Mask low4{0, 1, 2, 3, 8, 9, 10, 11}, high4{4, 5, 6, 7, 12, 13, 14, 15};
    for (int i = 0; i < 8; i += 2) {
      b[i] = __builtin_shuffle(a[i], a[i + 1], low1);
      b[i + 1] = __builtin_shuffle(a[i], a[i + 1], high1);
    }
    for (int i = 0; i < 8; i += 4)
      for (int j = 0; j < 2; ++j) {
        a[i + j] = __builtin_shuffle(b[i + j], b[i + j + 2], low2);
        a[i + j + 2] = __builtin_shuffle(b[i + j], b[i + j + 2], high2);
      }
    for (int i = 0; i < 4; ++i) {
      b[i] = __builtin_shuffle(a[i], a[i + 4], low4);
      b[i + 4] = __builtin_shuffle(a[i], a[i + 4], high4);
    }
    for (Index s = 0; s < samples; ++s) std::memcpy(out + s * stride + k, &b[s], sizeof(Eight));
  }
  for (; k < size; ++k)
    for (Index s = 0; s < samples; ++s) out[s * stride + k] = static_cast<T>(in[k][s]);
}

}  // namespace cartan::so3
