#pragma once
// Fields on another grid.

#include "cartan/autodiff/primitive.hpp"

namespace cartan::operators {

// Of (samples, channels, grid): the trigonometric polynomial through the points, on a grid of other extents;
// what the smaller grid cannot hold is left out, its Nyquist frequency split between both signs.
Array resample_spectral(const Array& x, const Shape& grid);
// As neuraloperator 2 does: linear (1 axis) and bicubic (2) interpolation with corners aligned; of 3 axes
// truncated spectra, m/2 positive and m - m/2 negative frequencies of m.
Array resample_compat(const Array& x, const Shape& grid);

}  // namespace cartan::operators
