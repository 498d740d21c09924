#pragma once
// Loops over feature channels in whole vector registers, with a scalar tail: one body for both.

#include <cstring>

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

// body(V{}, f) for every strip of channels: V is a vector of 64 bytes, then T for what is left.
template <class T, class Body>
inline void for_strips(Index channels, Body&& body) {
  using V = typename vector_of<T>::type;
  constexpr Index width = 64 / sizeof(T);
  Index f = 0;
  for (; f + width <= channels; f += width) body(V{}, f);
  for (; f < channels; ++f) body(T{}, f);
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
