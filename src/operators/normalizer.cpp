#include "cartan/operators/normalizer.hpp"

#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {
namespace {

Array column(const Array& values, const Array& like) {
  Shape shape(static_cast<std::size_t>(like.ndim()), 1);
  shape[1] = values.size();
  return values.as(like.dtype()).to(like.device()).reshaped(shape);
}

}  // namespace

Normalizer::Normalizer(Array mean, Array deviation, double eps)
    : mean_(std::move(mean)), deviation_(std::move(deviation)), eps_(eps) {
  require(mean_.ndim() == 1 && mean_.shape() == deviation_.shape() && mean_.dtype() == DType::f64 &&
              deviation_.dtype() == DType::f64,
          "[Normalizer] mean ", mean_.shape(), " and deviation ", deviation_.shape(),
          " must be (channels), float64");
  require(eps >= 0 && std::isfinite(eps) && all_finite(mean_) && all_finite(deviation_),
          "[Normalizer] eps, means and deviations must be finite numbers; eps is ", eps);
  for (const double s : deviation_.to_vector<double>())
    require(s + eps > 0, "[Normalizer] deviation ", s, " with eps ", eps,
            "; a channel cannot be divided by it");
}

Normalizer Normalizer::of(const Array& fields, double eps) {
  Moments moments;
  moments.add(fields);
  return moments.normalizer(eps);
}

Array Normalizer::normalize(const Array& x) const {
  if (identity()) return x;
  require(x.ndim() >= 2 && x.dim(1) == channels(), "[Normalizer] fields ", x.shape(), " for ", channels(),
          " channels; the second axis is that of channels");
  const Array factor = column(Array::full({channels()}, 1, DType::f64) / (deviation_ + eps_), x);
  return (x - column(mean_, x)) * factor;
}

Array Normalizer::restore(const Array& y) const {
  if (identity()) return y;
  require(y.ndim() >= 2 && y.dim(1) == channels(), "[Normalizer] fields ", y.shape(), " for ", channels(),
          " channels; the second axis is that of channels");
  return y * column(deviation_ + eps_, y) + column(mean_, y);
}

void Normalizer::save(data::Group& group) const {
  group.attributes["eps"] = eps_;
  group.set("mean", mean_, "", "channel");
  group.set("deviation", deviation_, "", "channel");
}

Normalizer Normalizer::load(const data::Group& group) {
  try {
    return Normalizer(group.array("mean", DType::f64, {-1}), group.array("deviation", DType::f64, {-1}),
                      group.number("eps"));
  } catch (const std::invalid_argument& error) {
    throw FormatError(group.file(), "normalizer", error.what());
  }
}

void Moments::add(const Array& fields) {
  require(fields.ndim() >= 2 && is_real(fields.dtype()), "[Normalizer] fields ", fields.shape(), " of ",
          fields.dtype(), " must be (samples, channels, grid) of float32 or float64");
  const Index samples = fields.dim(0), channels = fields.dim(1);
  require(mean_.empty() || static_cast<Index>(mean_.size()) == channels, "[Normalizer] fields of ", channels,
          " channels after some of ", mean_.size());
  if (fields.size() == 0) return;
  mean_.resize(static_cast<std::size_t>(channels)), squares_.resize(static_cast<std::size_t>(channels));
  const Index points = fields.size() / (samples * channels);
  const std::vector<double> x = fields.to_vector<double>();
  const double more = static_cast<double>(samples * points), all = count_ + more;
  for (Index c = 0; c < channels; ++c) {
    double sum = 0;
    for (Index s = 0; s < samples; ++s)
      for (Index p = 0; p < points; ++p) sum += x[(s * channels + c) * points + p];
    const double mean = sum / more, shift = mean - mean_[c];
    double squares = 0;
    for (Index s = 0; s < samples; ++s)
      for (Index p = 0; p < points; ++p) {
        const double e = x[(s * channels + c) * points + p] - mean;
        squares += e * e;
      }
    squares_[c] += squares + shift * shift * count_ * more / all;
    mean_[c] += shift * more / all;
  }
  count_ = all;
}

Normalizer Moments::normalizer(double eps) const {
  require(count_ >= 2, "[Normalizer] ", count_, " numbers a channel; a deviation takes two at least");
  std::vector<double> deviation;
  for (const double s : squares_) deviation.push_back(std::sqrt(s / (count_ - 1)));
  return Normalizer(Array::from(mean_), Array::from(deviation), eps);
}

}  // namespace cartan::operators
