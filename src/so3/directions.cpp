#include "so3/directions.hpp"

#include <cmath>

#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"

namespace cartan::so3 {

void check_vectors(const char* op, const Array& vectors, bool directions) {
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

}  // namespace cartan::so3
