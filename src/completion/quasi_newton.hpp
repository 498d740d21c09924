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
  /// @param barrier  the loss grows without bound where the tensor is zero: a step leaves a tenth of every
  /// number, since one that reaches the bound goes so far up that hundreds of cuts bring it back
  QuasiNewton(const RowAls& rows, bool nonnegative, bool barrier)
      : rows_(rows), nonnegative_(nonnegative), least_left_(barrier ? 0.1 : 0) {}
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
  double least_left_;
  double objective_ = INFINITY;
  std::vector<double> gradient_;
  std::deque<Pair> memory_;
};

}  // namespace cartan::completion
