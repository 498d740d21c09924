// Sums and their adjoint, broadcasting.
#include "autodiff/reduce.hpp"

#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"

namespace cartan {
namespace primitives {

Arrays Sum::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  Shape kept = from_;
  for (std::size_t k = first_; k <= last_ && k < kept.size(); ++k) kept[k] = 1;
  return {broadcast_to(reshape(cotangents[0], kept), from_)};
}

Arrays BroadcastTo::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                        const std::vector<bool>&) const {
  return {sum_to(cotangents[0], from_)};
}

}  // namespace primitives

Array sum(const Array& a) {
  return run(
      std::make_shared<primitives::Sum>(0, a.shape().empty() ? 0 : a.shape().size() - 1, a.shape(), Shape{}),
      {a});
}

Array sum(const Array& a, int axis, bool keep_axis) {
  const std::size_t k = axis_of("sum", a, axis);
  Shape shape = a.shape();
  if (keep_axis)
    shape[k] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(k));
  return run(std::make_shared<primitives::Sum>(k, k, a.shape(), std::move(shape)), {a});
}

Array mean(const Array& a) {
  return scale(sum(a), 1.0 / static_cast<double>(a.size()));
}
Array mean(const Array& a, int axis, bool keep_axis) {
  return scale(sum(a, axis, keep_axis), 1.0 / static_cast<double>(a.dim(axis)));
}

Array broadcast_to(const Array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  require(broadcast_shape("broadcast_to", a.shape(), shape) == shape, "[broadcast_to] shape ", a.shape(),
          " to ", shape);
  return run(std::make_shared<primitives::BroadcastTo>(a.shape(), shape), {a});
}

Array sum_to(const Array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  require(broadcast_shape("sum_to", shape, a.shape()) == a.shape(), "[sum_to] shape ", a.shape(), " to ",
          shape);
  // Sum runs of broadcast axes, last first; then drop what the target does not have.
  Array out = a;
  const std::size_t missing = a.shape().size() - shape.size();
  auto summed = [&](std::size_t k) { return k < missing || (shape[k - missing] == 1 && a.shape()[k] != 1); };
  for (std::size_t k = a.shape().size(); k-- > 0;) {
    if (!summed(k)) continue;
    std::size_t first = k;
    while (first > 0 && summed(first - 1)) --first;
    Shape kept = out.shape();
    for (std::size_t i = first; i <= k; ++i) kept[i] = 1;
    out = run(std::make_shared<primitives::Sum>(first, k, out.shape(), std::move(kept)), {out});
    k = first;
  }
  return out.shape() == shape ? out : reshape(out, shape);
}

}  // namespace cartan
