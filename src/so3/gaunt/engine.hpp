#pragma once
// The engines of products on the sphere; plans know them by name.

#include <string>

namespace cartan::so3 {

enum class Engine {
  cg,       // sums over the Clebsch-Gordan coefficients that are not zero
  grid,     // products of values on the exact Gauss-Legendre grid of the sphere
  fourier,  // convolution of two-dimensional Fourier coefficients
  escn      // in the frame of the edge
};
const char* name_of(Engine engine);
// Of a plan's engine; throws std::invalid_argument for other names.
Engine engine_of(const std::string& name);

}  // namespace cartan::so3
