#pragma once
/// Real spherical harmonics of any degree, e3nn's convention: polar axis y, azimuth from z towards x, no
/// Condon-Shortley phase; degree l is at l^2 .. l^2 + 2 l, m = -l .. l; degree 1 is along (x, y, z).

#include <cartan/autodiff/primitive.hpp>

namespace cartan::so3 {

/// Length of the harmonics of degree l at a unit vector.
enum class Normalization {
  component,  ///< sum over m of Y^2 = 2 l + 1: the mean square of every coordinate is 1
  norm,       ///< sum over m of Y^2 = 1
  integral    ///< sum over m of Y^2 = (2 l + 1)/(4 pi): the integral of Y^2 over the sphere is 1
};

struct HarmonicsOptions {
  /// true: Y(v/|v|); for l > 0 both Y and its derivatives are 0 at v = 0.
  /// false: the solid harmonics |v|^l Y(v/|v|), polynomials in v.
  bool normalize = true;
  Normalization normalization = Normalization::component;
};

/// Y_lm of vectors (n, 3), l = 0 .. lmax: (n, (lmax + 1)^2). Derivatives of any order are exact; the first
/// two are fused kernels that store nothing. float32 and float64; lmax <= 200 (beyond about 60 the highest
/// orders underflow near the poles in float32, where they vanish anyway).
/// Solid harmonics of degree l overflow where |v|^l does. A vector that is not finite gives NaN in every
/// degree l > 0 of its row and nowhere else, as functions of numbers do; convolutions along edges refuse such
/// vectors.
Array spherical_harmonics(const Array& vectors, int lmax, HarmonicsOptions options = {});

/// The same without tape or allocation of the result: xyz (n, 3), out (n, (lmax + 1)^2).
void spherical_harmonics(const float* xyz, Index n, int lmax, float* out, HarmonicsOptions options = {});
void spherical_harmonics(const double* xyz, Index n, int lmax, double* out, HarmonicsOptions options = {});

}  // namespace cartan::so3
