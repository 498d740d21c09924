#pragma once
// Loops over feature channels in whole vector registers, with a scalar tail: one body for both.

#include <cstring>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "cartan/core/array.hpp"

namespace cartan {

template <class T>
struct vector_of {
  typedef T type __attribute__((vector_size(64)));
};

template <class V, class T>
inline V load(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof(V));
  return v;
}
template <class V, class T>
inline void store(T* p, const V& v) {
  std::memcpy(p, &v, sizeof(V));
}

// The lanes of a and b by number, those of b counted on from those of a: one instruction where the processor
// has it.
template <int... lanes, class V>
inline V shuffle(const V& a, const V& b) {
  return __builtin_shufflevector(a, b, lanes...);
}

// body(V{}, f) for every strip of channels: V is a vector of 64 bytes, then T for what is left.
template <class T, class Body>
inline void for_strips(Index channels, Body&& body) {
  using V = typename vector_of<T>::type;
  constexpr Index width = 64 / sizeof(T);
  Index f = 0;
  for (; f + width <= channels; f += width) body(V{}, f);
  for (; f < channels; ++f) body(T{}, f);
}

// Access to a register of channels: all of them, or the first few, the others being zero.
template <class T>
struct Whole {
  using V = typename vector_of<T>::type;
  V load(const T* p) const { return cartan::load<V>(p); }
  void store(T* p, const V& v) const { cartan::store(p, v); }
};
template <class T>
struct Part {
  using V = typename vector_of<T>::type;
  unsigned count;
  V load(const T* p) const {
#ifdef __AVX512F__
    if constexpr (sizeof(T) == 4)
      return (V)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
    else
      return (V)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
#else
    V v{};
    std::memcpy(&v, p, count * sizeof(T));
    return v;
#endif
  }
  void store(T* p, const V& v) const {
#ifdef __AVX512F__
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), (__m512)v);
    else
      _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), (__m512d)v);
#else
    std::memcpy(p, &v, count * sizeof(T));
#endif
  }
};

// body(access, f) for every register of channels, the last one in part: access.load and access.store.
template <class T, class Body>
inline void for_registers(Index channels, Body&& body) {
  constexpr Index width = 64 / sizeof(T);
  Index f = 0;
  for (; f + width <= channels; f += width) body(Whole<T>{}, f);
  if (f < channels) body(Part<T>{static_cast<unsigned>(channels - f)}, f);
}

template <class T, class V>
inline T horizontal_sum(const V& v) {
  constexpr int width = sizeof(V) / sizeof(T);
  T part[width];
  std::memcpy(part, &v, sizeof(V));
  for (int w = width / 2; w > 0; w /= 2)
    for (int l = 0; l < w; ++l) part[l] += part[l + w];
  return part[0];
}

}  // namespace cartan
