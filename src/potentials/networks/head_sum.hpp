#pragma once

#include "cartan/autodiff/indices.hpp"
#include "cartan/core/array.hpp"

namespace cartan::potentials {

/// What atoms receive from attention, sum over their edges e of share[e, h] y[e, r, h, c], added in
/// float64: y (edges, rows, heads, channels), share (edges, heads). (receivers.extent(), rows heads
/// channels). Nothing of the size of y is kept beside y and the cotangents.
Array head_sum(const Array& y, const Array& share, const Indices& receivers);

}  // namespace cartan::potentials
