#pragma once
/// What a planned product says of itself. A product (Clebsch-Gordan, Gaunt, convolution along edges) can be
/// computed by several engines that give the same numbers; its plan lists those that can express it with
/// their cost, and which one was chosen. The choice can be forced.

#include <string>
#include <vector>

namespace cartan::so3 {

enum class Engine {
  automatic,  ///< the one expected to be fastest
  cg,         ///< sums over the non-zero Clebsch-Gordan coefficients
  grid,       ///< products of values on the exact Gauss-Legendre grid of the sphere
  fourier,    ///< convolution of two-dimensional Fourier coefficients
  escn        ///< SO(2) convolution in the frame of the edge
};
const char* name_of(Engine engine);

struct PlanOptions {
  Engine engine = Engine::automatic;
  bool measure = false;  ///< time the engines on random data instead of trusting the cost model
  long batch = 1000;     ///< samples or edges that the choice is made for, at least 1

  void validate() const;  ///< throws std::invalid_argument
};

/// One engine's cost for the planned batch.
struct Candidate {
  Engine engine = Engine::cg;
  bool possible = true;
  std::string why_not;  ///< where it cannot express the product
  double flops = 0;     ///< additions and multiplications of one forward pass
  double bytes = 0;     ///< least traffic with memory
  double seconds = 0;   ///< expected, or measured
  bool measured = false;
};

/// The choice and what it was made from.
struct Plan {
  Engine engine = Engine::cg;
  bool forced = false;
  std::vector<Candidate> candidates;

  std::string text() const;  ///< a table to read
};

/// The possible candidate of least `seconds`, or the forced one; throws std::invalid_argument, saying why,
/// where the forced engine cannot express the product.
Plan choose(std::vector<Candidate> candidates, Engine forced);

}  // namespace cartan::so3
