#include "so3/harmonics/directions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"

namespace cartan::so3 {

void check_vectors(const char* op, const Array& on_device, bool directions) {
  const Array vectors = on_device.to(Device::cpu);
  dispatch_real(op, vectors.dtype(), [&]<class T>(T) {
    const T* r = vectors.data<T>();
    for (Index e = 0; e < vectors.size() / 3; ++e, r += 3) {
      const double x = static_cast<double>(r[0]), y = static_cast<double>(r[1]),
                   z = static_cast<double>(r[2]);
      const double size = std::abs(x) + std::abs(y) + std::abs(z);
      require(std::isfinite(size), "[", op, "] the vector of edge ", e, " is (", x, ", ", y, ", ", z,
              "): not finite");
      require(size > 0 || !directions, "[", op, "] the vector of edge ", e,
              " is zero and has no direction: leave out edges from an atom to itself");
    }
  });
}

Array unit_scales(const Array& on_device) {
  const Array rows = on_device.to(Device::cpu);
  Array scales = Array::uninitialized({rows.dim(0), 1}, rows.dtype());
  dispatch_real("unit_scales", rows.dtype(), [&]<class T>(T) {
    constexpr int limit = std::numeric_limits<T>::max_exponent - 2;
    const T* p = rows.data<T>();
    T* s = scales.mutable_data<T>();
    for (Index i = 0; i < scales.size(); ++i) {
      T size = 0;
      for (Index k = 0; k < rows.dim(1); ++k) size = std::max(size, std::abs(*p++));
      s[i] = size > 0 && std::isfinite(size) ? std::ldexp(T(1), std::min(-std::ilogb(size), limit)) : T(1);
    }
  });
  return scales.to(on_device.device());
}

}  // namespace cartan::so3
