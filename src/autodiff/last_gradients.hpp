#pragma once
// Derivatives of which nothing is differentiated again, in half of the memory.

#include "cartan/autodiff/transforms.hpp"

namespace cartan {

// gradients(y, x, cotangents), not recorded, of a tape that nobody needs afterwards: what a node keeps is
// given back as soon as its derivative has been made, while the cotangents of the nodes before it grow. A
// second pass over these nodes throws std::logic_error. What y itself holds stays.
Arrays last_gradients(const Arrays& y, const Arrays& x, const Arrays& cotangents = {});

}  // namespace cartan
