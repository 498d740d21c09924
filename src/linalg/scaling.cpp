#include "linalg/scaling.hpp"

#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "linalg/kernels.hpp"

namespace cartan::linalg {

template <class T>
bool in_range(double square, Index size) {
  // Squares of single numbers are formed in T as well.
  const double mean = square / static_cast<double>(size), wide = sizeof(T) == 4 ? 1e20 : 1e200;
  return mean > 1 / wide && mean < wide;
}

template <class T>
Scaled with_safe_squares(const char* caller, const Array& x) {
  const T* from = x.data<T>();
  const double square = sum_of_squares(from, x.size());
  if (in_range<T>(square, x.size())) return {x, 1.0, square};
  double largest = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const double e = std::abs(static_cast<double>(from[i]));
    require(std::isfinite(e), "[", caller, "] the tensor holds numbers that are not finite");
    largest = std::max(largest, e);
  }
  if (largest == 0) return {x, 0.0, 0.0};
  const int exponent = std::ilogb(largest);
  Array y = Array::uninitialized(x.shape(), x.dtype());
  T* to = y.mutable_data<T>();
  for (Index i = 0; i < x.size(); ++i)
    to[i] = static_cast<T>(std::ldexp(static_cast<double>(from[i]), -exponent));
  return {y, std::ldexp(1.0, exponent), sum_of_squares(to, y.size())};
}

Array multiplied(const Array& x, double factor) {
  if (factor == 1) return x;
  Array y = Array::uninitialized(x.shape(), x.dtype());
  dispatch_real("linalg", x.dtype(), [&]<class T>(T) {
    T* to = y.mutable_data<T>();
    for (Index i = 0; i < x.size(); ++i) to[i] = static_cast<T>(static_cast<double>(x.data<T>()[i]) * factor);
  });
  return y;
}

#define CARTAN_INSTANTIATE(T)               \
  template bool in_range<T>(double, Index); \
  template Scaled with_safe_squares<T>(const char*, const Array&);
CARTAN_INSTANTIATE(float)
CARTAN_INSTANTIATE(double)
#undef CARTAN_INSTANTIATE

}  // namespace cartan::linalg
