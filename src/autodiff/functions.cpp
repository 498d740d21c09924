// Functions of one array, elementwise.
#include <cmath>

#include "autodiff/elementwise.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "cartan/core/error.hpp"

namespace cartan {
namespace primitives {

Array Exp::derivative(const Array&, const Array& y, const Array& c) {
  return c * y;
}
Array Log::derivative(const Array& x, const Array&, const Array& c) {
  return c / x;
}
Array Sin::derivative(const Array& x, const Array&, const Array& c) {
  return c * cos(x);
}
Array Cos::derivative(const Array& x, const Array&, const Array& c) {
  return negative(c * sin(x));
}
Array Tanh::derivative(const Array&, const Array& y, const Array& c) {
  return c * (1.0 - square(y));
}
Array Sqrt::derivative(const Array&, const Array& y, const Array& c) {
  return scale(c / y, 0.5);
}
Array Reciprocal::derivative(const Array&, const Array& y, const Array& c) {
  return negative(c * square(y));
}
Array Square::derivative(const Array& x, const Array&, const Array& c) {
  return scale(c * x, 2);
}
Array Abs::derivative(const Array& x, const Array&, const Array& c) {
  return c * sign(x);
}
Array Sign::derivative(const Array&, const Array&, const Array& c) {
  return Array::zeros(c.shape(), c.dtype(), c.device());
}
Array Sigmoid::derivative(const Array&, const Array& y, const Array& c) {
  return c * (y - square(y));
}
Array Softplus::derivative(const Array& x, const Array&, const Array& c) {
  return c * sigmoid(x);
}

bool Power::integer() const {
  return exponent_ == std::floor(exponent_) && std::abs(exponent_) <= 64;
}

Arrays Power::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  const Array& c = cotangents[0];
  if (exponent_ == 0) return {Array::zeros(c.shape(), c.dtype(), c.device())};
  return {scale(c * power(in[0], exponent_ - 1), exponent_)};
}

Silu::Silu(int order) : order_(order), slope_{0, 1}, constant_{0} {
  std::vector<double> p{0, 1};
  for (int n = 1; n <= order; ++n) {
    constant_ = p;
    std::vector<double> q(p.size() + 1, 0.0);
    for (std::size_t k = 1; k < p.size(); ++k) {
      q[k] += static_cast<double>(k) * p[k];
      q[k + 1] -= static_cast<double>(k) * p[k];
    }
    p = q;
  }
  slope_ = p;
  for (double& v : constant_) v *= order;
}

Arrays Silu::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                 const std::vector<bool>& wanted) const {
  const auto derivative = [&](const Array& c, int order) {
    return run(std::make_shared<Silu>(order), {in[0], c});
  };
  const Array& c = cotangents[0];
  Arrays g(in.size());
  if (wanted[0]) g[0] = derivative(in.size() > 1 ? c * in[1] : c, order_ + 1);
  if (in.size() > 1 && wanted[1]) g[1] = derivative(c, order_);
  return g;
}

Arrays Conjugate::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                      const std::vector<bool>&) const {
  return {conjugate(cotangents[0])};
}

Arrays Part::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  const Array& c = cotangents[0];
  const Array zero = Array::zeros(c.shape(), c.dtype(), c.device());
  return {part_ ? make_complex(zero, c) : make_complex(c, zero)};
}

Arrays MakeComplex::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                        const std::vector<bool>&) const {
  return {real(cotangents[0]), imag(cotangents[0])};
}

}  // namespace primitives

namespace {

template <class Tag>
Array unary(const Array& a) {
  return run(std::make_shared<primitives::Unary<Tag>>(), {a});
}

}  // namespace

Array exp(const Array& a) {
  return unary<primitives::Exp>(a);
}
Array log(const Array& a) {
  return unary<primitives::Log>(a);
}
Array sin(const Array& a) {
  return unary<primitives::Sin>(a);
}
Array cos(const Array& a) {
  return unary<primitives::Cos>(a);
}
Array tanh(const Array& a) {
  return unary<primitives::Tanh>(a);
}
Array sqrt(const Array& a) {
  return unary<primitives::Sqrt>(a);
}
Array reciprocal(const Array& a) {
  return unary<primitives::Reciprocal>(a);
}
Array square(const Array& a) {
  return unary<primitives::Square>(a);
}
Array power(const Array& a, double exponent) {
  return run(std::make_shared<primitives::Power>(exponent), {a});
}
Array abs(const Array& a) {
  return unary<primitives::Abs>(a);
}
Array sign(const Array& a) {
  return unary<primitives::Sign>(detach(a));  // piecewise constant: nothing to record
}
Array sigmoid(const Array& a) {
  return unary<primitives::Sigmoid>(a);
}
Array softplus(const Array& a) {
  return unary<primitives::Softplus>(a);
}
Array silu(const Array& a) {
  return run(std::make_shared<primitives::Silu>(0), {a});
}

Array conjugate(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<primitives::Conjugate>(), {a}) : a;
}
Array real(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<primitives::Part>(0), {a}) : a;
}
Array imag(const Array& a) {
  return is_complex(a.dtype()) ? run(std::make_shared<primitives::Part>(1), {a})
                               : Array::zeros(a.shape(), a.dtype(), a.device());
}
Array make_complex(const Array& re, const Array& im) {
  require(re.shape() == im.shape() && re.dtype() == im.dtype(), "[make_complex] parts of shapes ", re.shape(),
          " and ", im.shape());
  return run(std::make_shared<primitives::MakeComplex>(), {re, im});
}

}  // namespace cartan
