#pragma once
// Vectors of the size of the processor's registers, and loops over channels in them. Longer vectors would be
// right everywhere, but GCC keeps them in memory: sums in them took ten times as long.

#include <cstdint>
#include <cstring>
#include <type_traits>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "cartan/core/array.hpp"

namespace cartan {

// Bytes of a register of the processor.
#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif
// How many of them there are.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int register_count = 32;
#else
inline constexpr int register_count = 16;
#endif

namespace detail {
template <class T>
struct register_of {
  typedef T type __attribute__((vector_size(register_bytes)));
};
}  // namespace detail
template <class T>
using Register = typename detail::register_of<T>::type;
template <class T>
inline constexpr Index register_lanes = register_bytes / static_cast<Index>(sizeof(T));

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

// `lanes` numbers in as many registers as they take, with the operators of a vector.
template <class T, int lanes>
struct Registers {
  static constexpr int pieces = lanes / register_lanes<T>;
  Register<T> piece[pieces];

  T operator[](Index lane) const { return piece[lane / register_lanes<T>][lane % register_lanes<T>]; }
  template <class F>
  static Registers each(F&& f) {
    Registers r;
    for (int k = 0; k < pieces; ++k) r.piece[k] = f(k);
    return r;
  }
  friend Registers operator-(const Registers& a) {
    return each([&](int k) { return -a.piece[k]; });
  }
#define CARTAN_OPERATOR(op)                                              \
  friend Registers operator op(const Registers& a, const Registers& b) { \
    return each([&](int k) { return a.piece[k] op b.piece[k]; });        \
  }                                                                      \
  friend Registers operator op(const Registers& a, T b) {                \
    return each([&](int k) { return a.piece[k] op b; });                 \
  }                                                                      \
  friend Registers operator op(T a, const Registers& b) {                \
    return each([&](int k) { return a op b.piece[k]; });                 \
  }                                                                      \
  Registers& operator op##=(const Registers& b) {                        \
    return *this = *this op b;                                           \
  }                                                                      \
  Registers& operator op##=(T b) {                                       \
    return *this = *this op b;                                           \
  }
  CARTAN_OPERATOR(+)
  CARTAN_OPERATOR(-)
  CARTAN_OPERATOR(*)
  CARTAN_OPERATOR(/)
#undef CARTAN_OPERATOR
};
template <class T, int lanes>
using Pack = std::conditional_t<lanes == register_lanes<T>, Register<T>, Registers<T, lanes>>;
using EightDoubles = Pack<double, 8>;

// The lanes of a and b by number, those of b counted on from those of a: one instruction where the processor
// has it.
template <int... lanes, class V>
inline V shuffle(const V& a, const V& b) {
  return __builtin_shufflevector(a, b, lanes...);
}

// body(V{}, f) for every strip of channels: V is a register, then T for what is left.
template <class T, class Body>
inline void for_strips(Index channels, Body&& body) {
  using V = Register<T>;
  constexpr Index width = register_lanes<T>;
  Index f = 0;
  for (; f + width <= channels; f += width) body(V{}, f);
  for (; f < channels; ++f) body(T{}, f);
}

// Access to a register of channels: all of them, or the first few, the others being zero.
template <class T>
struct Whole {
  using V = Register<T>;
  V load(const T* p) const { return cartan::load<V>(p); }
  void store(T* p, const V& v) const { cartan::store(p, v); }
};
template <class T>
struct Part {
  using V = Register<T>;
  unsigned count;
#if defined(__AVX512F__)
  V load(const T* p) const {
    if constexpr (sizeof(T) == 4)
      return (V)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
    else
      return (V)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
  }
  void store(T* p, const V& v) const {
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), (__m512)v);
    else
      _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), (__m512d)v);
  }
#elif defined(__AVX__)
  V load(const T* p) const {
    if constexpr (sizeof(T) == 4)
      return (V)_mm256_maskload_ps(p, mask());
    else
      return (V)_mm256_maskload_pd(p, mask());
  }
  void store(T* p, const V& v) const {
    if constexpr (sizeof(T) == 4)
      _mm256_maskstore_ps(p, mask(), (__m256)v);
    else
      _mm256_maskstore_pd(p, mask(), (__m256d)v);
  }

 private:
  __m256i mask() const {
    static constexpr std::int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const std::int32_t* first = lanes + 8 - count * (sizeof(T) / 4);
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first));
  }
#else
  V load(const T* p) const {
    V v{};
    std::memcpy(&v, p, count * sizeof(T));
    return v;
  }
  void store(T* p, const V& v) const {
    std::memcpy(p, &v, count * sizeof(T));
  }
#endif
};

// Access to a pack: the first few numbers, the others being zero.
template <class T, int lanes>
struct PartPack {
  using V = Pack<T, lanes>;
  unsigned count;
  V load(const T* p) const {
    if constexpr (lanes == register_lanes<T>)
      return Part<T>{count}.load(p);
    else
      return V::each([&](int k) { return part(k).load(p + k * register_lanes<T>); });
  }
  void store(T* p, const V& v) const {
    if constexpr (lanes == register_lanes<T>)
      Part<T>{count}.store(p, v);
    else
      for (int k = 0; k < V::pieces; ++k) part(k).store(p + k * register_lanes<T>, v.piece[k]);
  }

 private:
  Part<T> part(int k) const {
    constexpr unsigned n = register_lanes<T>;
    const unsigned before = static_cast<unsigned>(k) * n;
    return {count <= before ? 0u : count - before < n ? count - before : n};
  }
};

// body(access, f) for every register of channels, the last one in part: access.load and access.store.
template <class T, class Body>
inline void for_registers(Index channels, Body&& body) {
  constexpr Index width = register_lanes<T>;
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
