#include "operators/activation.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"

namespace cartan::operators {

Gelu::Gelu(int order) : order_(order) {
  if (order < 2) return;
  polynomial_ = {2, 0, -1};
  for (int n = 2; n < order; ++n) {
    std::vector<double> next(polynomial_.size() + 1, 0.0);
    for (std::size_t k = 0; k < polynomial_.size(); ++k) {
      next[k + 1] -= polynomial_[k];
      if (k > 0) next[k - 1] += static_cast<double>(k) * polynomial_[k];
    }
    polynomial_ = next;
  }
}

Arrays Gelu::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                 const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  if (order_ == 0) return {run(std::make_shared<Gelu>(1), {in[0], c})};
  Arrays g(2);
  if (wanted[0]) g[0] = run(std::make_shared<Gelu>(order_ + 1), {in[0], in[1] * c});
  if (wanted[1]) g[1] = run(std::make_shared<Gelu>(order_), {in[0], c});
  return g;
}

Array gelu(const Array& x) {
  require(is_real(x.dtype()), "[gelu] of ", x.dtype(), "; use float32 or float64");
  return run(std::make_shared<Gelu>(0), {x});
}

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names{"gelu", "silu", "relu", "tanh"};
  return names;
}

Array activate(const std::string& name, const Array& x) {
  if (is_complex(x.dtype())) return make_complex(activate(name, real(x)), activate(name, imag(x)));
  if (name == "gelu") return gelu(x);
  if (name == "silu") return silu(x);
  if (name == "tanh") return tanh(x);
  require(name == "relu", "[activation] there is no '", name, "'");
  return maximum(x, Array::zeros(x.shape(), x.dtype(), x.device()));
}

}  // namespace cartan::operators
