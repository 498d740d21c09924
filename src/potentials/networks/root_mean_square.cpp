// y = r x with r = (<x, x> + eps)^(-1/2), <a, b> = sum_k w_k a_k b_k. With W = diag(w) and a . b = sum_k a_k
// b_k
//
//   by x along g:                   B(x, g) = r g - r^3 (x . g) W x
//   a . B(x, g) by g:               r a - r^3 <a, x> x
//   a . B(x, g) by x:               -r^3 ((a . g) W x + (x . g) W a + <a, x> g) + 3 r^5 <a, x> (x . g) W x
#include "potentials/networks/root_mean_square.hpp"

#include <cmath>
#include <memory>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/strands.hpp"

namespace cartan::potentials {
namespace {

struct Rule {
  std::vector<double> weights;
  double eps;

  template <class T>
  double root(const T* x) const {
    const double* w = weights.data();
    const double square = sum_in_strands(static_cast<Index>(weights.size()), [=](Index k) {
      return w[k] * static_cast<double>(x[k]) * static_cast<double>(x[k]);
    });
    return 1 / std::sqrt(square + eps);
  }
  // row(place, T{}) of every row
  template <class Row>
  void each_row(const char* name, const Array& x, Row&& row) const {
    const Index n = x.dim(1);
    dispatch_real(name, x.dtype(), [&]<class T>(T zero) {
      parallel_for(x.dim(0), std::max<Index>(1, 8192 / n), [&](Index begin, Index end) {
        for (Index k = begin; k < end; ++k) row(k * n, zero);
      });
    });
  }
};
using RulePtr = std::shared_ptr<const Rule>;

class Scaled : public Primitive, public ReadsInputs {
 public:
  explicit Scaled(RulePtr rule) : rule_(std::move(rule)) {}
  const char* name() const override { return "root_mean_square"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
    void* to = out.mutable_raw();
    rule_->each_row(name(), out, [&]<class T>(Index at, T) {
      const T* x = in[0].data<T>() + at;
      T* y = static_cast<T*>(to) + at;
      const double r = rule_->root(x);
      for (std::size_t k = 0; k < rule_->weights.size(); ++k)
        y[k] = static_cast<T>(r * static_cast<double>(x[k]));
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override;

 private:
  RulePtr rule_;
};

// B(x, g)
class ScaledBackward : public Primitive, public ReadsInputs {
 public:
  explicit ScaledBackward(RulePtr rule) : rule_(std::move(rule)) {}
  const char* name() const override { return "root_mean_square_backward"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
    void* to = out.mutable_raw();
    rule_->each_row(name(), out, [&]<class T>(Index at, T) {
      const T *x = in[0].data<T>() + at, *g = in[1].data<T>() + at;
      T* y = static_cast<T*>(to) + at;
      const Index n = in[0].dim(1);
      const double* w = rule_->weights.data();
      const auto d = [](T v) { return static_cast<double>(v); };
      const double r = rule_->root(x),
                   xg = r * r * r * sum_in_strands(n, [=](Index k) { return d(x[k]) * d(g[k]); });
      for (Index k = 0; k < n; ++k) y[k] = static_cast<T>(r * d(g[k]) - xg * w[k] * d(x[k]));
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  RulePtr rule_;
};

// a . B(x, g) by x and g; inputs x, g, a.
class ScaledAgain : public LastDerivatives {
 public:
  explicit ScaledAgain(RulePtr rule) : rule_(std::move(rule)) {}
  const char* name() const override { return "root_mean_square_again"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array by_x = Array::uninitialized(in[0].shape(), in[0].dtype()),
          by_g = Array::uninitialized(in[0].shape(), in[0].dtype());
    void *to_x = by_x.mutable_raw(), *to_g = by_g.mutable_raw();
    rule_->each_row(name(), by_x, [&]<class T>(Index at, T) {
      const T *x = in[0].data<T>() + at, *g = in[1].data<T>() + at, *a = in[2].data<T>() + at;
      T *of_x = static_cast<T*>(to_x) + at, *of_g = static_cast<T*>(to_g) + at;
      const Index n = in[0].dim(1);
      const double* w = rule_->weights.data();
      const auto d = [](T v) { return static_cast<double>(v); };
      const double r = rule_->root(x), r3 = r * r * r;
      const double xg = sum_in_strands(n, [=](Index k) { return d(x[k]) * d(g[k]); }),
                   ag = sum_in_strands(n, [=](Index k) { return d(a[k]) * d(g[k]); }),
                   ax = sum_in_strands(n, [=](Index k) { return w[k] * d(a[k]) * d(x[k]); });
      const double along_x = 3 * r * r * ax * xg - ag;
      for (Index k = 0; k < n; ++k) {
        of_x[k] = static_cast<T>(r3 * (w[k] * (along_x * d(x[k]) - xg * d(a[k])) - ax * d(g[k])));
        of_g[k] = static_cast<T>(r * d(a[k]) - r3 * ax * d(x[k]));
      }
    });
    return {by_x, by_g};
  }

 private:
  RulePtr rule_;
};

Arrays Scaled::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                   const std::vector<bool>&) const {
  return run_all(std::make_shared<ScaledBackward>(rule_), {in[0], cotangents[0]});
}

Arrays ScaledBackward::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                           const std::vector<bool>& wanted) const {
  const Array &x = in[0], &g = in[1], &a = cotangents[0];
  if (!recording()) return run_all(std::make_shared<ScaledAgain>(rule_), {x, g, a});
  // Third derivatives are rare: those of the formulas above by ops.
  const Array w = Array::from(rule_->weights).as(x.dtype()).to(x.device());
  const auto sums = [](const Array& p) { return sum(p, 1, true); };
  const Array r = power(shift(sums(w * square(x)), rule_->eps), -0.5), r3 = r * square(r),
              ax = sums(w * a * x);
  Arrays out(2);
  if (wanted[0]) {
    const Array xg = sums(x * g), ag = sums(a * g);
    out[0] = r3 * (w * ((scale(square(r) * ax * xg, 3) - ag) * x - xg * a) - ax * g);
  }
  if (wanted[1]) out[1] = r * a - r3 * ax * x;
  return out;
}

}  // namespace

Array over_root_mean_square(const Array& x, const std::vector<double>& weights, double eps) {
  require(x.ndim() == 2 && is_real(x.dtype()) && x.dim(1) == static_cast<Index>(weights.size()) &&
              !weights.empty() && eps > 0,
          "[root_mean_square] ", x.dtype(), " of shape ", x.shape(), " with ", weights.size(),
          " weights and eps ", eps, ": x must be real, (n, ", weights.size(), "), eps positive");
  return run(std::make_shared<Scaled>(std::make_shared<const Rule>(Rule{weights, eps})), {x});
}

}  // namespace cartan::potentials
