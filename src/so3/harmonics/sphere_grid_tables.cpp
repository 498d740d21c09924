#include "so3/harmonics/sphere_grid_tables.hpp"

#include <cmath>

namespace cartan::so3 {

std::vector<long double> legendre(int lmax, long double c, long double s, Derivative derivative) {
  using Real = long double;
  std::vector<Real> p(legendre_index(lmax + 1, 0));
  auto at = [&](int l, int m) -> Real& { return p[legendre_index(l, m)]; };
  at(0, 0) = 1;
  for (int m = 0; m <= lmax; ++m) {
    if (m > 0) at(m, m) = std::sqrt((2 * m + 1) / Real(2 * m)) * s * at(m - 1, m - 1);
    if (m < lmax) at(m + 1, m) = std::sqrt(Real(2 * m + 3)) * c * at(m, m);
    for (int l = m + 2; l <= lmax; ++l) {
      const Real a = std::sqrt(Real(4 * l * l - 1) / Real(l * l - m * m));
      const Real b = std::sqrt(Real((l - 1) * (l - 1) - m * m) / Real(4 * (l - 1) * (l - 1) - 1));
      at(l, m) = a * (c * at(l - 1, m) - b * at(l - 2, m));
    }
  }
  if (derivative == Derivative::none) return p;
  std::vector<Real> d(p.size());
  for (int l = 0; l <= lmax; ++l)
    for (int m = 0; m <= l; ++m) {
      Real& out = d[legendre_index(l, m)];
      if (derivative == Derivative::azimuthal) {
        out = m == 0 ? 0 : m * at(l, m) / s;
      } else if (m == 0) {
        out = l == 0 ? 0 : -std::sqrt(Real(l) * (l + 1)) * at(l, 1);
      } else {
        out = std::sqrt(Real(l + m) * (l - m + 1)) * at(l, m - 1);
        if (m < l) out -= std::sqrt(Real(l - m) * (l + m + 1)) * at(l, m + 1);
        out /= 2;
      }
    }
  return d;
}

}  // namespace cartan::so3
