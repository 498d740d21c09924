#pragma once
// Registers of complex numbers, real and imaginary parts by themselves.

#include <algorithm>
#include <complex>
#include <utility>

#include "core/simd.hpp"

namespace cartan::operators {

// Real and imaginary parts of a register of complex numbers each.
template <class T>
struct Pair {
  Register<T> re, im;
};

template <class V, int... lanes>
inline V evens(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<(2 * lanes)...>(a, b);
}
template <class V, int... lanes>
inline V odds(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<(2 * lanes + 1)...>(a, b);
}
template <class V, int n, int... lanes>
inline V zip_low(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<((lanes % 2 == 0 ? 0 : n) + lanes / 2)...>(a, b);
}
template <class V, int n, int... lanes>
inline V zip_high(const V& a, const V& b, std::integer_sequence<int, lanes...>) {
  return shuffle<((lanes % 2 == 0 ? 0 : n) + n / 2 + lanes / 2)...>(a, b);
}

template <class V, int... lanes>
inline V backwards(const V& a, std::integer_sequence<int, lanes...>) {
  return shuffle<(static_cast<int>(sizeof...(lanes)) - 1 - lanes)...>(a, a);
}
// The last lane first.
template <class V>
inline V backwards(const V& a) {
  return backwards(a, std::make_integer_sequence<int, sizeof(V) / sizeof(a[0])>{});
}

template <class T>
inline Pair<T> load_pair(const std::complex<T>* p) {
  using V = Register<T>;
  constexpr int n = register_lanes<T>;
  const T* t = reinterpret_cast<const T*>(p);
  const V a = load<V>(t), b = load<V>(t + n);
  using All = std::make_integer_sequence<int, n>;
  return {evens(a, b, All{}), odds(a, b, All{})};
}
template <class T>
inline void store_pair(std::complex<T>* p, const Pair<T>& v) {
  using V = Register<T>;
  constexpr int n = register_lanes<T>;
  T* t = reinterpret_cast<T*>(p);
  using All = std::make_integer_sequence<int, n>;
  store(t, zip_low<V, n>(v.re, v.im, All{}));
  store(t + n, zip_high<V, n>(v.re, v.im, All{}));
}

// The first `count` of them; there is at least one.
template <class T>
inline Pair<T> load_some(const std::complex<T>* p, Index count) {
  using V = Register<T>;
  constexpr int n = register_lanes<T>;
  const T* t = reinterpret_cast<const T*>(p);
  const int numbers = static_cast<int>(2 * count);
  const V a = numbers < n ? Part<T>{static_cast<unsigned>(numbers)}.load(t) : load<V>(t);
  const V b = numbers > n ? Part<T>{static_cast<unsigned>(numbers - n)}.load(t + n) : V{};
  using All = std::make_integer_sequence<int, n>;
  return {evens(a, b, All{}), odds(a, b, All{})};
}
template <class T>
inline void store_some(std::complex<T>* p, const Pair<T>& v, Index count) {
  constexpr Index lanes = register_lanes<T>;
  if (count >= lanes) return store_pair(p, v);
  std::complex<T> all[lanes];
  store_pair(all, v);
  std::copy_n(all, count, p);
}

}  // namespace cartan::operators
