#pragma once
// All parts of a format at once, by limited-memory quasi-Newton steps.

#include <deque>

#include "completion/row_als.hpp"

namespace cartan::completion {

/// L-BFGS (Nocedal, Math. Comp. 35, 1980) with steps that are cut back until the objective falls. Bounds u >=
/// 0: numbers at the bound that the gradient holds there stand still, steps are projected.
class QuasiNewton {
 public:
  /// `rows`, which knows objective and gradient, must outlive it.
  QuasiNewton(const RowAls& rows, bool nonnegative) : rows_(rows), nonnegative_(nonnegative) {}
  /// Five steps, fewer at a minimum; the objective afterwards, which is not above the one before.
  double iterate(Parts& parts);

 private:
  struct Pair {
    std::vector<double> step, change;  // of the numbers, of the gradient
    double curvature;                  // their product
  };
  bool step(Parts& parts);
  std::vector<double> direction(const std::vector<double>& x) const;

  const RowAls& rows_;
  bool nonnegative_;
  double objective_ = INFINITY;
  std::vector<double> gradient_;
  std::deque<Pair> memory_;
};

}  // namespace cartan::completion
