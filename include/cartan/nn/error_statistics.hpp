#pragma once
/// Root mean square and mean absolute error of predictions, in one place for training, evaluation and tests.

#include <cmath>
#include <limits>

#include <cartan/core/array.hpp>

namespace cartan::nn {

/// Errors of one quantity, summed in float64 in the order of add().
class ErrorStatistics {
 public:
  void add(double difference) {
    squares_ += difference * difference;
    magnitudes_ += std::abs(difference);
    ++count_;
  }
  /// predicted[i] - target[i] for i < n.
  void add(const double* predicted, const double* target, Index n) {
    for (Index i = 0; i < n; ++i) add(predicted[i] - target[i]);
  }
  Index count() const { return count_; }
  double rmse() const { return count_ > 0 ? std::sqrt(squares_ / static_cast<double>(count_)) : nothing; }
  double mae() const { return count_ > 0 ? magnitudes_ / static_cast<double>(count_) : nothing; }

 private:
  static constexpr double nothing = std::numeric_limits<double>::quiet_NaN();  // of no values at all
  double squares_ = 0, magnitudes_ = 0;
  Index count_ = 0;
};

}  // namespace cartan::nn
