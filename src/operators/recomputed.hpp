#pragma once
// A function whose intermediate results are not kept for the gradient, but computed once more for it.

#include <functional>

#include "cartan/autodiff/primitive.hpp"

namespace cartan::operators {

// f(inputs), made of ops; derivatives of any order.
Array recomputed(std::function<Array(const Arrays&)> f, const Arrays& inputs);

}  // namespace cartan::operators
