#pragma once
// L-BFGS for a handful of parameters.

#include <functional>
#include <vector>

namespace cartan::functional {

struct Ascent {
  std::vector<double> x;
  double value = 0;
  int steps = 0;
  bool converged = false;
};
/// Goes uphill from x by L-BFGS with backtracking; no step is longer than 2 in any direction. The value never
/// falls. f returns the value and sets the gradient; it may be -inf.
Ascent ascend(const std::function<double(const std::vector<double>&, std::vector<double>&)>& f,
              std::vector<double> x, int max_steps, double tolerance);

}  // namespace cartan::functional
