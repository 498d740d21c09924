#pragma once
/// A fitted method with what any use of it needs: intervals, and predictions where nothing is known of an
/// index.

#include <memory>
#include <string>
#include <vector>

#include <cartan/completion/additive.hpp>
#include <cartan/completion/method.hpp>

namespace cartan::completion {

/// Predictions of N entries.
struct Forecast {
  Array mean;       ///< (N)
  Array deviation;  ///< (N), empty for a method that knows none
  Array low, high;  ///< (N) ends of intervals that hold the value with the probability asked for; NaN where
                    ///< there were too few entries to calibrate them
  /// Where an index of the entry has no known entry, the additive model of the other ones speaks instead of
  /// the method, within the range of the known values.
  std::vector<bool> fallback;
  Index fallbacks() const;
};

/// A value, may be used by several threads.
class Model {
 public:
  /// Fits `method` to train, guided by one half of the validation entries (all of them where there are fewer
  /// than 40); the residuals of the other half, which no fit sees, give the intervals (split conformal).
  static Model fit(std::unique_ptr<Method> method, const SparseTensor& train, const SparseTensor& validation,
                   const FitContext& context = {}, Summary* summary = nullptr);

  const Method& method() const { return *method_; }
  Method& method() { return *method_; }
  const Shape& shape() const { return shape_; }
  /// Entries that the intervals are calibrated by.
  Index calibrated() const { return calibrated_; }

  /// At multi-indices (N, d) int64. Indices outside of [0, shape) are like those without entries.
  Forecast predict(const Array& indices, double coverage = 0.9) const;

  void save(data::Group& group) const;
  static Model load(const data::Group& group);  ///< throws FormatError

 private:
  Forecast means(const Array& indices) const;

  std::shared_ptr<Method> method_;
  Shape shape_;
  std::vector<std::vector<std::uint8_t>> seen_;  // of every mode: whether an index has entries
  Additive additive_;
  double low_ = 0, high_ = 0;      // of the values
  std::vector<double> conformal_;  // rising |residual| over deviation, at most 5000 of them
  Index calibrated_ = 0;
};

}  // namespace cartan::completion
