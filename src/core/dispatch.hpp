#pragma once
// From an element type known at run time to a template parameter: f is called with a value of the type.

#include <complex>
#include <type_traits>

#include "cartan/core/array.hpp"
#include "cartan/core/error.hpp"

namespace cartan {

template <class T>
inline constexpr bool is_complex_v = false;
template <class T>
inline constexpr bool is_complex_v<std::complex<T>> = true;

template <class F>
void dispatch_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::c64:
      return f(std::complex<float>{});
    case DType::c128:
      return f(std::complex<double>{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::u8:
      return f(std::uint8_t{});
  }
}

template <class F>
void dispatch_real_or_integer(DType dtype, F&& f) {
  dispatch_any(dtype, [&]<class T>(T t) {
    if constexpr (!is_complex_v<T>) f(t);
  });
}

/// f32 and f64 alone; `op` names the caller in the error.
template <class F>
void dispatch_real(const char* op, DType dtype, F&& f) {
  if (dtype == DType::f32) return f(float{});
  if (dtype == DType::f64) return f(double{});
  throw std::invalid_argument(text("[", op, "] is defined for float32 and float64, not ", dtype));
}

/// f32, f64, c64 and c128.
template <class F>
void dispatch_field(const char* op, DType dtype, F&& f) {
  if (dtype == DType::c64) return f(std::complex<float>{});
  if (dtype == DType::c128) return f(std::complex<double>{});
  dispatch_real(op, dtype, f);
}

}  // namespace cartan
