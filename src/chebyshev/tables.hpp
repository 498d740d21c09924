#pragma once
// What evaluation at scattered points needs.

#include <vector>

#include "cartan/chebyshev/chebyshev_tucker.hpp"

namespace cartan::chebyshev {

/// Partial derivatives are computed by contracting the core with the factor functions of variable after
/// variable; those that agree in the first variables share the work. `levels[k]` lists the distinct orders of
/// derivative in the variables 0..k: the order in variable k, and the entry of level k-1 it continues.
struct Contraction {
  struct Entry {
    Index parent = 0;
    int order = 0;
  };
  std::vector<std::vector<Entry>> levels;
  /// For every entry of the last level: where its result goes. Order 0: the value; 1: gradient[i]; 2:
  /// hessian[i, j].
  struct Output {
    int order = 0, i = 0, j = 0;
  };
  std::vector<Output> outputs;

  Contraction(int dim, int order);
};

struct ChebyshevTucker::Tables {
  Tables(const Box& box, const linalg::Tucker& tucker);

  /// stacked[k]: m_k x (3 r_k), coefficients of v, v', v'' by x (not by xi).
  std::vector<Array> stacked;
  std::vector<Contraction> contractions;  // for order 0, 1, 2
};

}  // namespace cartan::chebyshev
