#pragma once
// Maps of complex fields made of two of real ones: f(z) = f0(Re z) - f1(Im z) + i (f0(Im z) + f1(Re z)),
// biases and activations inside, as neuraloperator's ComplexValued.

#include "cartan/autodiff/ops.hpp"

namespace cartan::operators {

// f(part, x); of real fields f(0, x).
template <class F>
Array complex_valued(const Array& z, F&& f) {
  if (!is_complex(z.dtype())) return f(0, z);
  const Array re = real(z), im = imag(z);
  return make_complex(f(0, re) - f(1, im), f(0, im) + f(1, re));
}

}  // namespace cartan::operators
