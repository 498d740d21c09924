#pragma once
// Normalised associated Legendre functions p_lm(theta), m >= 0: the real harmonics of `component`
// normalisation are p_l0, and sqrt(2) p_lm cos(m phi), sqrt(2) p_lm sin(m phi) for m and -m.

#include <vector>

namespace cartan::so3 {

enum class Derivative {
  none,       // p_lm
  polar,      // d p_lm / d theta
  azimuthal,  // m p_lm / sin(theta)
};

// All p_lm, m <= l <= lmax, at one angle, in extended precision: index l (l + 1) / 2 + m.
std::vector<long double> legendre(int lmax, long double cosine, long double sine,
                                  Derivative derivative = Derivative::none);

inline std::size_t legendre_index(int l, int m) {
  return static_cast<std::size_t>(l * (l + 1) / 2 + m);
}

}  // namespace cartan::so3
