#include "cartan/completion/additive.hpp"

#include <cmath>

#include "cartan/completion/splits.hpp"
#include "cartan/core/error.hpp"
#include "completion/methods.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {

void describe(config::Fields& f, AdditiveOptions& o) {
  f("ridge", o.ridge, "weight of the squared biases; 0: chosen on entries left out").from(0);
}

double Additive::at(const Index* index) const {
  double sum = mean;
  for (std::size_t k = 0; k < bias.size(); ++k) sum += bias[k][static_cast<std::size_t>(index[k])];
  return sum;
}

Array Additive::at(const Array& indices) const {
  Shape shape;
  for (const auto& b : bias) shape.push_back(static_cast<Index>(b.size()));
  check_indices("additive", indices, shape);
  Array out = Array::uninitialized({indices.dim(0)}, DType::f64);
  double* y = out.mutable_data<double>();
  for (Index n = 0; n < out.size(); ++n) y[n] = at(indices.data<Index>() + n * indices.dim(1));
  return out;
}

void Additive::save(data::Group& group) const {
  group.attributes["mean"] = mean;
  for (std::size_t k = 0; k < bias.size(); ++k)
    group.set(text("bias/", k), Array::from(bias[k]), "", "index");
}

Additive Additive::load(const data::Group& group) {
  Additive out;
  out.mean = group.number("mean");
  for (std::size_t k = 0, count = group.group("bias").items().size(); k < count; ++k)
    out.bias.push_back(group.array(text("bias/", k), DType::f64, {-1}).to_vector<double>());
  if (out.bias.empty()) throw FormatError(group.file(), "bias", "is empty");
  return out;
}

namespace {

// Moves constants between the modes, which changes no entry, to where the biases are least.
void share_constants(std::vector<std::vector<double>>& bias) {
  double means = 0, weights = 0;
  std::vector<double> sums;
  for (const auto& b : bias) {
    double sum = 0;
    for (const double v : b) sum += v;
    sums.push_back(sum);
    means += sum / static_cast<double>(b.size()), weights += 1 / static_cast<double>(b.size());
  }
  for (std::size_t k = 0; k < bias.size(); ++k) {
    const double shift = (means / weights - sums[k]) / static_cast<double>(bias[k].size());
    for (double& v : bias[k]) v += shift;
  }
}

// Exact minimisation over the biases of one mode after the other: the objective never rises.
Fitted<Additive> descend(const SparseTensor& x, double ridge, double tolerance = 1e-13) {
  const int d = x.order();
  const Index n = x.size();
  Fitted<Additive> out;
  Additive& a = out.tensor;
  a.mean = mean_of(x);
  std::vector<std::vector<double>> count;
  for (int k = 0; k < d; ++k) {
    const std::vector<Index> c = x.counts(k);
    count.emplace_back(c.begin(), c.end());
    a.bias.emplace_back(c.size(), 0.0);
  }
  std::vector<double> r(x.values().begin(), x.values().end());
  for (double& v : r) v -= a.mean;
  double last = INFINITY;
  out.summary.converged = false;
  while (out.summary.iterations < 500 && !out.summary.converged) {
    for (int k = 0; k < d; ++k) {
      std::vector<double>& b = a.bias[static_cast<std::size_t>(k)];
      const std::int32_t* index = x.index(k).data();
      std::vector<double> sum(b.size(), 0.0);
      for (Index e = 0; e < n; ++e) sum[static_cast<std::size_t>(index[e])] += r[static_cast<std::size_t>(e)];
      for (std::size_t i = 0; i < b.size(); ++i) {  // the change of the bias
        const double m = count[static_cast<std::size_t>(k)][i];
        sum[i] = m + ridge > 0 ? (sum[i] - ridge * b[i]) / (m + ridge) : 0;
        b[i] += sum[i];
      }
      for (Index e = 0; e < n; ++e) r[static_cast<std::size_t>(e)] -= sum[static_cast<std::size_t>(index[e])];
    }
    share_constants(a.bias);
    double square = 0, penalty = 0;
    for (const double v : r) square += v * v;
    for (const auto& b : a.bias)
      for (const double v : b) penalty += v * v;
    out.summary.objective.push_back(square + ridge * penalty);
    out.summary.train_rmse.push_back(std::sqrt(square / static_cast<double>(n)));
    ++out.summary.iterations;
    out.summary.converged = std::isfinite(last) && last - out.summary.objective.back() <= tolerance * last;
    last = out.summary.objective.back();
  }
  return out;
}

}  // namespace

Fitted<Additive> fit_additive(const SparseTensor& train, const SparseTensor& validation,
                              const AdditiveOptions& options, std::uint64_t seed) {
  config::validate("additive", options);
  check_fit("additive", train, validation);
  double ridge = options.ridge;
  if (ridge == 0) {
    SparseTensor fit = train, judge = validation;
    if (judge.empty() && train.size() >= 20) {
      Split s = split(train, {0, 0.1, seed});
      fit = s.train, judge = s.test;
    }
    ridge = 1;
    double best = INFINITY;
    if (!judge.empty())
      for (const double r : {0.1, 0.3, 1.0, 3.0, 10.0, 30.0}) {
        const double e = rmse_of(judge, descend(fit, r, 1e-8).tensor.at(judge.index_array()));
        if (e < best) best = e, ridge = r;
      }
  }
  Fitted<Additive> out = descend(train, ridge);
  finish(out.summary, "additive", train, validation,
         [&](const SparseTensor& x) { return out.tensor.at(x.index_array()); });
  out.summary.message = text("ridge ", ridge);
  return out;
}

namespace {

class AdditiveMethod final : public Method {
 public:
  const char* kind() const override { return "additive"; }
  config::Fields fields() override { return config::fields_of(options_); }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    Fitted<Additive> made = fit_additive(train, validation, options_, c.seed);
    model_ = std::move(made.tensor);
    return made.summary;
  }
  Prediction predict(const Array& indices) const override { return {model_.at(indices), {}}; }
  void save(data::Group& group) const override { model_.save(group); }
  void load(const data::Group& group) override { model_ = Additive::load(group); }

 private:
  AdditiveOptions options_;
  Additive model_;
};

class MeanMethod final : public Method {
 public:
  const char* kind() const override { return "mean"; }
  config::Fields fields() override { return {}; }
  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext&) override {
    check_fit("mean", train, validation);
    mean_ = mean_of(train);
    Summary s;
    finish(s, "mean", train, validation,
           [&](const SparseTensor& x) { return predict(x.index_array()).mean; });
    return s;
  }
  Prediction predict(const Array& indices) const override {
    require(indices.ndim() == 2, "[mean] indices of shape ", indices.shape(), "; expected (N, modes)");
    return {Array::full({indices.dim(0)}, mean_, DType::f64), {}};
  }
  void save(data::Group& group) const override { group.attributes["mean"] = mean_; }
  void load(const data::Group& group) override { mean_ = group.number("mean"); }

 private:
  double mean_ = 0;
};

}  // namespace

std::unique_ptr<Method> make_mean() {
  return std::make_unique<MeanMethod>();
}
std::unique_ptr<Method> make_additive() {
  return std::make_unique<AdditiveMethod>();
}

}  // namespace cartan::completion
