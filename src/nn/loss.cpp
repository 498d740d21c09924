#include "cartan/nn/loss.hpp"

#include <cmath>

#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"

namespace cartan::nn {
namespace {

template <class Element>
Array weighted_mean(const char* op, const Array& prediction, const Array& target, const Array& weight,
                    Element element) {
  require(prediction.shape() == target.shape() && prediction.dtype() == target.dtype() &&
              is_real(prediction.dtype()),
          "[", op, "] prediction is ", prediction.dtype(), " of shape ", prediction.shape(), ", target ",
          target.dtype(), " of shape ", target.shape());
  require(!prediction.empty(), "[", op, "] of no elements");
  if (weight.empty()) return mean(element(prediction - target));
  require(weight.dtype() == prediction.dtype(), "[", op, "] weights are ", weight.dtype(),
          ", the prediction ", prediction.dtype());
  const Array w = broadcast_to(detach(weight), prediction.shape());
  const double total = sum(w).item();
  const Array zero = Array::zeros(prediction.shape(), prediction.dtype(), prediction.device());
  // The choice comes before everything nonlinear, so that NaN times 0 is never formed.
  const Array difference = where(w, prediction - target, zero);
  return scale(sum(w * element(difference)), total != 0 ? 1 / total : 0.0);
}

class Present : public Primitive {
 public:
  const char* name() const override { return "present"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array& labels = in[0];
    Array out = Array::uninitialized(labels.shape(), labels.dtype());
    dispatch_real("present", labels.dtype(), [&]<class T>(T) {
      const T* x = labels.data<T>();
      T* y = out.mutable_data<T>();
      for (Index i = 0; i < labels.size(); ++i) y[i] = std::isfinite(x[i]) ? T(1) : T(0);
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays&, const std::vector<bool>&) const override {
    return {Array::zeros(in[0].shape(), in[0].dtype(), in[0].device())};  // piecewise constant
  }
};

}  // namespace

Array mse(const Array& prediction, const Array& target, const Array& weight) {
  return weighted_mean("mse", prediction, target, weight, [](const Array& x) { return square(x); });
}

Array mae(const Array& prediction, const Array& target, const Array& weight) {
  return weighted_mean("mae", prediction, target, weight, [](const Array& x) { return abs(x); });
}

Array huber(const Array& prediction, const Array& target, double delta, const Array& weight) {
  require(delta > 0, "[huber] delta is ", delta, ", must be positive");
  // with c = min(|x|, delta): c (|x| - c/2)
  return weighted_mean("huber", prediction, target, weight, [delta](const Array& x) {
    const Array size = abs(x), c = minimum(size, Array::full(x.shape(), delta, x.dtype(), x.device()));
    return c * (size - 0.5 * c);
  });
}

Array present(const Array& labels) {
  return run(std::make_shared<Present>(), {detach(labels)});
}

}  // namespace cartan::nn
