// Arithmetic with broadcasting, and choice.
#include "autodiff/broadcast.hpp"
#include "autodiff/elementwise.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"

namespace cartan {
namespace primitives {

Array Add::da(const Array&, const Array&, const Array& c) {
  return c;
}
Array Add::db(const Array&, const Array&, const Array& c) {
  return c;
}
Array Subtract::da(const Array&, const Array&, const Array& c) {
  return c;
}
Array Subtract::db(const Array&, const Array&, const Array& c) {
  return negative(c);
}
Array Multiply::da(const Array&, const Array& b, const Array& c) {
  return multiply(c, conjugate(b));
}
Array Multiply::db(const Array& a, const Array&, const Array& c) {
  return multiply(c, conjugate(a));
}
Array Divide::da(const Array&, const Array& b, const Array& c) {
  return divide(c, conjugate(b));
}
Array Divide::db(const Array& a, const Array& b, const Array& c) {
  const Array d = conjugate(b);
  return negative(divide(multiply(c, conjugate(a)), multiply(d, d)));
}
// Piecewise constant.
#define CARTAN_CONSTANT(Tag)                                  \
  Array Tag::da(const Array& a, const Array&, const Array&) { \
    return Array::zeros(a.shape(), a.dtype(), a.device());    \
  }                                                           \
  Array Tag::db(const Array&, const Array& b, const Array&) { \
    return Array::zeros(b.shape(), b.dtype(), b.device());    \
  }
CARTAN_CONSTANT(Less)
CARTAN_CONSTANT(Above)
CARTAN_CONSTANT(Below)
#undef CARTAN_CONSTANT

template <class Tag>
Arrays Binary<Tag>::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                        const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0]) g[0] = sum_to(Tag::da(in[0], in[1], c), of_a_);
  if (wanted[1]) g[1] = sum_to(Tag::db(in[0], in[1], c), of_b_);
  return g;
}

Arrays Scale::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {scale(cotangents[0], factor_)};
}

Arrays Shift::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {cotangents[0]};
}

Arrays Where::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                  const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  const Array zero = Array::zeros(c.shape(), c.dtype(), c.device());
  Arrays g(3);
  if (wanted[0]) g[0] = zero;
  if (wanted[1]) g[1] = where(detach(in[0]), c, zero);
  if (wanted[2]) g[2] = where(detach(in[0]), zero, c);
  return g;
}

}  // namespace primitives

namespace {

Shape common_shape(const char* op, const Array& a, const Array& b) {
  require(a.dtype() == b.dtype(), "[", op, "] types ", a.dtype(), " and ", b.dtype(), " differ; use cast");
  return broadcast_shape(op, a.shape(), b.shape());
}

template <class Tag>
Array binary(const Array& a, const Array& b) {
  return run(std::make_shared<primitives::Binary<Tag>>(a.shape(), b.shape(), common_shape(Tag::name, a, b)),
             {a, b});
}

template <class Tag>
Array condition(const Array& a, const Array& b) {
  require(is_real(a.dtype()), "[", Tag::name, "] of ", a.dtype(), ", which is not real");
  return binary<Tag>(detach(a), detach(b));  // piecewise constant: nothing to record
}

}  // namespace

Array add(const Array& a, const Array& b) {
  return binary<primitives::Add>(a, b);
}
Array subtract(const Array& a, const Array& b) {
  return binary<primitives::Subtract>(a, b);
}
Array multiply(const Array& a, const Array& b) {
  return binary<primitives::Multiply>(a, b);
}
Array divide(const Array& a, const Array& b) {
  return binary<primitives::Divide>(a, b);
}
Array scale(const Array& a, double factor) {
  return run(std::make_shared<primitives::Scale>(factor), {a});
}
Array shift(const Array& a, double offset) {
  return run(std::make_shared<primitives::Shift>(offset), {a});
}
Array negative(const Array& a) {
  return scale(a, -1);
}

Array less(const Array& a, const Array& b) {
  return condition<primitives::Less>(a, b);
}

Array where(const Array& condition, const Array& a, const Array& b) {
  require(condition.shape() == a.shape() && a.shape() == b.shape(), "[where] shapes ", condition.shape(),
          ", ", a.shape(), " and ", b.shape(), " differ");
  require(condition.dtype() == a.dtype() && a.dtype() == b.dtype(), "[where] types ", condition.dtype(), ", ",
          a.dtype(), " and ", b.dtype(), " differ");
  return run(std::make_shared<primitives::Where>(), {condition, a, b});
}

Array maximum(const Array& a, const Array& b) {
  const Shape shape = common_shape("maximum", a, b);
  const Array x = broadcast_to(a, shape), y = broadcast_to(b, shape);
  return where(condition<primitives::Above>(x, y), x, y);
}

Array minimum(const Array& a, const Array& b) {
  const Shape shape = common_shape("minimum", a, b);
  const Array x = broadcast_to(a, shape), y = broadcast_to(b, shape);
  return where(condition<primitives::Below>(x, y), x, y);
}

}  // namespace cartan
