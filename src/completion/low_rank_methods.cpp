// CP, Tucker and tensor-train completion as methods of the table.
#include <algorithm>
#include <cmath>

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/error.hpp"
#include "completion/methods.hpp"
#include "completion/statistics.hpp"

namespace cartan::completion {
namespace {

using linalg::Canonical;
using linalg::TensorRing;
using linalg::TensorTrain;
using linalg::Tucker;

struct MethodOptions : LowRankOptions {
  bool additive = false;
};
void describe(config::Fields& f, MethodOptions& o) {
  describe(f, static_cast<LowRankOptions&>(o));
  f("additive", o.additive, "fits what the additive model leaves (gaussian and huber loss)");
}

template <class Format>
class LowRankMethod final : public Method {
 public:
  using Fit = Fitted<Format>(const SparseTensor&, const SparseTensor&, const LowRankOptions&,
                             const FitContext&);
  LowRankMethod(const char* name, Fit* complete, bool additive) : kind_(name), fit_(complete) {
    options_.additive = additive;
  }
  const char* kind() const override { return kind_; }
  config::Fields fields() override { return config::fields_of(options_); }

  Summary fit(const SparseTensor& train, const SparseTensor& validation, const FitContext& c) override {
    check_fit(kind_, train, validation);
    with_bias_ = options_.additive && (options_.loss == Loss::gaussian || options_.loss == Loss::huber) &&
                 !options_.nonnegative;
    require(with_bias_ || !options_.additive, "[", kind_,
            "] the additive model needs the gaussian or huber loss ", "and parts of any sign");
    if (!with_bias_) return take(fit_(train, validation, options_, c));
    bias_ = fit_additive(train, validation, {}, c.seed).tensor;
    const SparseTensor judged = validation.empty() ? validation : rest(validation);
    Summary s = take(fit_(rest(train), judged, options_, c));
    if (!judged.empty()) {  // as much of the low-rank part as validation bears out, perhaps none
      const Array m = tensor_.at(judged.index_array()).as(DType::f64);
      double both = 0, own = 0;
      for (Index n = 0; n < m.size(); ++n)
        both += judged.values()[n] * m.data<double>()[n], own += m.data<double>()[n] * m.data<double>()[n];
      const double share = own > 0 ? std::clamp(both / own, 0.0, 1.0) : 1;
      tensor_ = share * tensor_;
      s.message += text(", ", std::round(100 * share), " % of it kept");
      s.train_rmse = {rmse_of(train, predict(train.index_array()).mean)};
    }
    const double whole = square_of(train);
    if (whole > 0)
      s.relative_error = s.train_rmse.back() * std::sqrt(static_cast<double>(train.size()) / whole);
    return s;
  }

  Prediction predict(const Array& indices) const override {
    check_indices(kind_, indices, tensor_.shape());
    Array mean = tensor_.at(indices).as(DType::f64);
    double* m = mean.mutable_data<double>();
    if (with_bias_) {
      const Array bias = bias_.at(indices);
      for (Index n = 0; n < mean.size(); ++n) m[n] += bias.data<double>()[n];
    }
    if (options_.loss == Loss::bernoulli)
      for (Index n = 0; n < mean.size(); ++n) m[n] = 1 / (1 + std::exp(-m[n]));
    return {mean, {}};
  }

  void save(data::Group& group) const override {
    tensor_.save(group["tensor"]);
    if (with_bias_) bias_.save(group["bias"]);
  }
  void load(const data::Group& group) override {
    tensor_ = Format::load(group.group("tensor"));
    with_bias_ = group.has_group("bias");
    if (with_bias_) bias_ = Additive::load(group.group("bias"));
  }

  std::vector<std::pair<std::string, data::Figure>> figures() const override {
    std::vector<std::pair<std::string, data::Figure>> out;
    if constexpr (!std::is_same_v<Format, TensorTrain> && !std::is_same_v<Format, TensorRing>)
      for (std::size_t k = 0; k < tensor_.factors.size(); ++k) {
        const Array& a = tensor_.factors[k];
        data::Figure f;
        f.title = text("Factor of mode ", k), f.x_label = "index", f.y_label = "";
        if (a.dim(0) <= 2000 && a.dim(1) <= 12) {
          for (Index r = 0; r < a.dim(1); ++r) {
            data::Series s;
            s.name = text("term ", r);
            for (Index i = 0; i < a.dim(0); ++i)
              s.x.push_back(static_cast<double>(i)), s.y.push_back(a(i, r));
            f.series.push_back(std::move(s));
          }
        } else {  // sizes of the columns
          data::Series s;
          for (Index r = 0; r < a.dim(1); ++r) {
            double q = 0;
            for (Index i = 0; i < a.dim(0); ++i) q += a(i, r) * a(i, r);
            s.x.push_back(static_cast<double>(r)), s.y.push_back(std::sqrt(q));
          }
          f.x_label = "term", f.y_label = "norm";
          f.series.push_back(std::move(s));
        }
        out.emplace_back(text("factor_", k), std::move(f));
      }
    return out;
  }

 private:
  Summary take(Fitted<Format> made) {
    tensor_ = std::move(made.tensor);
    return std::move(made.summary);
  }
  SparseTensor rest(const SparseTensor& x) const {
    const Array m = bias_.at(x.index_array());
    std::vector<double> v(x.values().begin(), x.values().end());
    for (std::size_t n = 0; n < v.size(); ++n) v[n] -= m.data<double>()[n];
    return x.with_values(std::move(v));
  }

  const char* kind_;
  Fit* fit_;
  MethodOptions options_;
  Format tensor_;
  Additive bias_;
  bool with_bias_ = false;
};

}  // namespace

std::unique_ptr<Method> make_cp() {
  return std::make_unique<LowRankMethod<Canonical>>("cp", complete_canonical, false);
}
std::unique_ptr<Method> make_additive_cp() {
  return std::make_unique<LowRankMethod<Canonical>>("additive-cp", complete_canonical, true);
}
std::unique_ptr<Method> make_tucker() {
  return std::make_unique<LowRankMethod<Tucker>>("tucker", complete_tucker, false);
}
std::unique_ptr<Method> make_ring() {
  return std::make_unique<LowRankMethod<TensorRing>>("ring", complete_ring, false);
}
std::unique_ptr<Method> make_train() {
  return std::make_unique<LowRankMethod<TensorTrain>>("train", complete_train, false);
}

}  // namespace cartan::completion
