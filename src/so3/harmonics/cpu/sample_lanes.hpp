#pragma once
// Samples side by side, one a lane of a register, in float64.

#include "core/simd.hpp"

namespace cartan::so3 {

using SampleLanes = Register<double>;
inline constexpr Index lane_count = register_lanes<double>;

// rows of so many samples, sample s at in + s * stride -> out[k] holds element k of all; lanes beyond
// `samples` repeat the last one.
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

// Of four or eight vectors of as many numbers; a is used.
template <class V>
inline void transpose(V (&a)[4], V (&b)[4]) {
  const V c[] = {shuffle<0, 4, 2, 6>(a[0], a[1]), shuffle<1, 5, 3, 7>(a[0], a[1]),
                 shuffle<0, 4, 2, 6>(a[2], a[3]), shuffle<1, 5, 3, 7>(a[2], a[3])};
  for (int i = 0; i < 2; ++i) {
    b[i] = shuffle<0, 1, 4, 5>(c[i], c[i + 2]);
    b[i + 2] = shuffle<2, 3, 6, 7>(c[i], c[i + 2]);
  }
}
template <class V>
inline void transpose(V (&a)[8], V (&b)[8]) {
  for (int i = 0; i < 8; i += 2) {
    b[i] = shuffle<0, 8, 2, 10, 4, 12, 6, 14>(a[i], a[i + 1]);
    b[i + 1] = shuffle<1, 9, 3, 11, 5, 13, 7, 15>(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; ++j) {
      a[i + j] = shuffle<0, 1, 8, 9, 4, 5, 12, 13>(b[i + j], b[i + j + 2]);
      a[i + j + 2] = shuffle<2, 3, 10, 11, 6, 7, 14, 15>(b[i + j], b[i + j + 2]);
    }
  for (int i = 0; i < 4; ++i) {
    b[i] = shuffle<0, 1, 2, 3, 8, 9, 10, 11>(a[i], a[i + 4]);
    b[i + 4] = shuffle<4, 5, 6, 7, 12, 13, 14, 15>(a[i], a[i + 4]);
  }
}

// The way back; lanes beyond `samples` are dropped.
template <class T>
inline void from_lanes(const SampleLanes* in, Index size, T* out, Index stride, Index samples) {
  typedef T Piece __attribute__((vector_size(lane_count * sizeof(T))));
  Index k = 0;
  if constexpr (lane_count >= 4)
    for (; k + lane_count <= size; k += lane_count) {
      Piece a[lane_count], b[lane_count];
      for (int i = 0; i < lane_count; ++i) a[i] = __builtin_convertvector(in[k + i], Piece);
      transpose(a, b);
      for (Index s = 0; s < samples; ++s) std::memcpy(out + s * stride + k, &b[s], sizeof(Piece));
    }
  for (; k < size; ++k)
    for (Index s = 0; s < samples; ++s) out[s * stride + k] = static_cast<T>(in[k][s]);
}

}  // namespace cartan::so3
