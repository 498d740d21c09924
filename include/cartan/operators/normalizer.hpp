#pragma once
/// Fields of mean 0 and deviation 1, channel by channel.

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>

namespace cartan::operators {

/// y = (x - mean) / (deviation + eps), per channel over samples and grid; neuraloperator's
/// UnitGaussianNormalizer with `dim` all but the channels. Without channels it is the identity.
class Normalizer {
 public:
  Normalizer() = default;
  /// @param mean, deviation  (channels), float64
  Normalizer(Array mean, Array deviation, double eps = 1e-7);
  /// Of fields (samples, channels, grid): means and unbiased deviations, in float64.
  static Normalizer of(const Array& fields, double eps = 1e-7);

  bool identity() const { return mean_.empty(); }
  Index channels() const { return mean_.size(); }
  const Array& mean() const { return mean_; }
  const Array& deviation() const { return deviation_; }
  double eps() const { return eps_; }

  /// To mean 0 and deviation 1; recorded where x is tracked. x (samples, channels, grid), float32 or float64.
  /// Throws std::invalid_argument for another number of channels.
  Array normalize(const Array& x) const;
  /// The inverse.
  Array restore(const Array& y) const;

  void save(data::Group& group) const;
  static Normalizer load(const data::Group& group);

 private:
  Array mean_, deviation_;
  double eps_ = 1e-7;
};

/// Mean and deviation of fields that come piece by piece (Welford, Chan): what Normalizer::of gives of all.
class Moments {
 public:
  void add(const Array& fields);  ///< (samples, channels, grid)
  Normalizer normalizer(double eps = 1e-7) const;
  double count() const { return count_; }  ///< numbers a channel so far

 private:
  double count_ = 0;
  std::vector<double> mean_, squares_;
};

}  // namespace cartan::operators
