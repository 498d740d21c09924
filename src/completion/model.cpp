#include "cartan/completion/model.hpp"

#include <algorithm>
#include <cmath>

#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/score.hpp"
#include "cartan/data/config.hpp"

namespace cartan::completion {

Index Forecast::fallbacks() const {
  return std::count(fallback.begin(), fallback.end(), true);
}

Model Model::fit(std::unique_ptr<Method> method, const SparseTensor& train, const SparseTensor& validation,
                 const FitContext& context, Summary* summary) {
  require(method != nullptr, "[Model] no method");
  check_fit("Model", train, validation);
  Index indices = 0;
  for (const Index n : train.shape()) indices += n;
  require(indices <= 100000000, "[Model] the modes of shape ", train.shape(), " have ", indices,
          " indices together; at most 100000000: number those that occur one after the other");
  Model m;
  m.method_ = std::move(method);
  m.shape_ = train.shape();
  SparseTensor guide = validation, judge;
  if (validation.size() >= 40) {
    const Split halves = split(validation, {0, 0.5, context.seed + 1});
    guide = halves.train, judge = halves.test;
  }
  const Summary s = m.method_->fit(train, guide, context);
  if (summary) *summary = s;
  m.additive_ = fit_additive(train, guide, {}, context.seed).tensor;
  for (int k = 0; k < train.order(); ++k) {
    m.seen_.emplace_back();
    for (const Index c : train.counts(k)) m.seen_.back().push_back(c > 0);
  }
  const auto [low, high] = std::minmax_element(train.values().begin(), train.values().end());
  m.low_ = *low, m.high_ = *high;
  if (judge.empty()) return m;
  const Forecast f = m.means(judge.index_array());
  std::vector<double> scores;
  for (Index n = 0; n < judge.size(); ++n) {
    const double deviation = f.deviation.empty() ? 1 : std::max(f.deviation.data<double>()[n], 1e-300);
    scores.push_back(std::abs(judge.values()[n] - f.mean.data<double>()[n]) / deviation);
  }
  std::sort(scores.begin(), scores.end());
  m.calibrated_ = judge.size();
  for (std::size_t k = 0, count = std::min<std::size_t>(scores.size(), 5000); k < count; ++k)
    m.conformal_.push_back(scores[k * (scores.size() - 1) / std::max<std::size_t>(1, count - 1)]);
  return m;
}

Forecast Model::means(const Array& indices) const {
  const Index d = static_cast<Index>(shape_.size());
  require(indices.ndim() == 2 && indices.dim(1) == d && indices.dtype() == DType::i64,
          "[predict] indices are ", indices.dtype(), " of shape ", indices.shape(), ", expected int64 (N, ",
          d, ")");
  const Index n = indices.dim(0);
  Forecast f;
  f.mean = Array::uninitialized({n}, DType::f64);
  double* mean = f.mean.mutable_data<double>();
  f.fallback.assign(static_cast<std::size_t>(n), false);
  std::vector<Index> known;
  for (Index e = 0; e < n; ++e) {
    const Index* at = indices.data<Index>() + e * d;
    double sum = additive_.mean;
    bool all = true;
    for (Index k = 0; k < d; ++k) {
      const bool seen = at[k] >= 0 && at[k] < shape_[static_cast<std::size_t>(k)] &&
                        seen_[static_cast<std::size_t>(k)][static_cast<std::size_t>(at[k])];
      if (seen)
        sum += additive_.bias[static_cast<std::size_t>(k)][static_cast<std::size_t>(at[k])];
      else
        all = false;
    }
    mean[e] = std::clamp(sum, low_, high_);
    if (all)
      known.push_back(e);
    else
      f.fallback[static_cast<std::size_t>(e)] = true;
  }
  Array some = Array::uninitialized({static_cast<Index>(known.size()), d}, DType::i64);
  for (std::size_t e = 0; e < known.size(); ++e)
    std::copy_n(indices.data<Index>() + known[e] * d, d,
                some.mutable_data<Index>() + static_cast<Index>(e) * d);
  if (known.empty()) return f;
  const Prediction p = method_->predict(some);
  if (!p.deviation.empty()) {
    // an entry that the method cannot speak of is as uncertain as the least certain of its own
    const double* own = p.deviation.data<double>();
    f.deviation = Array::full({n}, *std::max_element(own, own + p.deviation.size()), DType::f64);
    for (std::size_t e = 0; e < known.size(); ++e) f.deviation.mutable_data<double>()[known[e]] = own[e];
  }
  for (std::size_t e = 0; e < known.size(); ++e) mean[known[e]] = p.mean.data<double>()[e];
  return f;
}

Forecast Model::predict(const Array& indices, double coverage) const {
  require(method_ != nullptr, "[predict] nothing has been fitted or loaded");
  require(coverage > 0 && coverage < 1, "[predict] coverage ", coverage, "; expected between 0 and 1");
  Forecast f = means(indices);
  const double factor = conformal_factor(conformal_, coverage, calibrated_);
  f.low = Array::full(f.mean.shape(), NAN, DType::f64), f.high = Array::full(f.mean.shape(), NAN, DType::f64);
  if (!std::isfinite(factor)) return f;
  for (Index n = 0; n < f.mean.size(); ++n) {
    const double half = factor * (f.deviation.empty() ? 1 : f.deviation.data<double>()[n]);
    f.low.mutable_data<double>()[n] = f.mean.data<double>()[n] - half;
    f.high.mutable_data<double>()[n] = f.mean.data<double>()[n] + half;
  }
  return f;
}

void Model::save(data::Group& group) const {
  require(method_ != nullptr, "[save] nothing has been fitted or loaded");
  group.attributes["method"] = std::string(method_->kind());
  group.attributes["shape"] = shape_;
  group.attributes["low"] = low_;
  group.attributes["high"] = high_;
  group.attributes["calibrated"] = calibrated_;
  data::save_fields(group["options"], method_->fields());
  method_->save(group["state"]);
  additive_.save(group["additive"]);
  for (std::size_t k = 0; k < seen_.size(); ++k)
    group.set(text("seen/", k), Array::from(seen_[k]), "", "index");
  group.set("conformal", Array::from(conformal_), "", "entry");
}

Model Model::load(const data::Group& group) {
  Model m;
  try {
    m.method_ = make_method(group.string("method"));
  } catch (const std::invalid_argument& e) {
    throw FormatError(group.file(), "method", e.what());
  }
  m.shape_ = group.integers("shape");
  m.low_ = group.number("low"), m.high_ = group.number("high"), m.calibrated_ = group.integer("calibrated");
  data::load_fields(group.group("options"), m.method_->fields());
  m.method_->load(group.group("state"));
  m.additive_ = Additive::load(group.group("additive"));
  if (m.shape_.empty() || m.additive_.bias.size() != m.shape_.size())
    throw FormatError(group.file(), "additive",
                      text("has ", m.additive_.bias.size(), " modes for the shape ", m.shape_));
  for (std::size_t k = 0; k < m.shape_.size(); ++k) {
    m.seen_.push_back(group.array(text("seen/", k), DType::u8, {m.shape_[k]}).to_vector<std::uint8_t>());
    if (static_cast<Index>(m.additive_.bias[k].size()) != m.shape_[k])
      throw FormatError(group.file(), text("additive/bias/", k),
                        text("has ", m.additive_.bias[k].size(), " numbers for ", m.shape_[k], " indices"));
  }
  m.conformal_ = group.array("conformal", DType::f64, {-1}).to_vector<double>();
  return m;
}

}  // namespace cartan::completion
