#pragma once
/// Truncated Fourier transforms of fields, and products of spectra with weights: the parts of a spectral
/// convolution, as differentiable ops (any order). Weights lie as neuraloperator's do; transforms are by
/// frequency, nothing is shifted.

#include <cstdint>
#include <vector>

#include <cartan/autodiff/primitive.hpp>

namespace cartan::operators {

/// The frequencies of a grid that are kept, axis by axis: bins[a][i] is where index i stands in the discrete
/// transform along axis a, frequency k in bin k mod n. Of real fields the last axis has bins 0 .. n/2.
struct KeptModes {
  Shape grid;                                   ///< n1 .. nd
  std::vector<std::vector<std::int32_t>> bins;  ///< of each axis; none twice
  bool real = true;                             ///< of the fields

  /// k1 .. kd
  Shape extents() const;
  /// Throws std::invalid_argument for another number of axes, none, or a bin outside of the grid or named
  /// twice.
  void check(const char* caller) const;
};

/// X[b, c, k] = factor sum over the grid of x[b, c, j] exp(-2 pi i sum_a j_a k_a / n_a) for the kept k:
/// (samples, channels, n1 .. nd) -> (samples, channels, k1 .. kd), complex. Only what is kept is computed
/// along the axes that follow.
Array modes_of(const Array& x, const KeptModes& kept, double factor = 1);

/// The inverse, without 1/N: y[b, c, j] = factor sum over kept k of Y[b, c, k] exp(+2 pi i sum_a j_a k_a /
/// n_a). Of a real field it is the real part with the sum over the last axis weighted by 2, but 1 in the
/// planes k_d = 0 and k_d = n_d / 2: complex transforms along the other axes, then a real one along the last,
/// which ignores the imaginary part of those planes.
/// @param nyquist_once  where n_d of the field was larger than that of the spectrum: the plane of this last
/// index
///                      counts once as well (-1: none)
Array field_of(const Array& modes, const KeptModes& kept, double factor = 1, Index nyquist_once = -1);

/// Y[b, o, k] = sum over c of X[b, c, k] R[c, o, k]: (samples, in, K) times (in, out, K), complex.
Array mix_modes(const Array& modes, const Array& weights);

}  // namespace cartan::operators
