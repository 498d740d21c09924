// Ops that move elements.
#include "autodiff/structure.hpp"

#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"

namespace cartan {
namespace primitives {

Arrays Reshape::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {reshape(cotangents[0], from_)};
}

Arrays Rows::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {pad(cotangents[0], 0, begin_, extent_ - end_)};
}

Arrays To::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {to(cotangents[0], from_)};
}

Arrays Permute::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  std::vector<int> back(axes_.size());
  for (std::size_t k = 0; k < axes_.size(); ++k) back[axes_[k]] = static_cast<int>(k);
  return {permute(cotangents[0], back)};
}

Arrays Slice::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {pad(cotangents[0], static_cast<int>(axis_), begin_, extent_ - end_)};
}

Arrays Concatenate::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                        const std::vector<bool>& wanted) const {
  Arrays g(extents_.size());
  Index first = 0;
  for (std::size_t k = 0; k < extents_.size(); ++k) {
    const Index count = extents_[k];
    if (wanted[k]) g[k] = slice(cotangents[0], static_cast<int>(axis_), first, first + count);
    first += count;
  }
  return g;
}

Arrays Gather::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {scatter_add(cotangents[0], rows_)};
}

Arrays ScatterAdd::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                       const std::vector<bool>&) const {
  return {gather(cotangents[0], rows_)};
}

Arrays Cast::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  const Array& c = cotangents[0];
  const Array r = is_complex(dtype_) && !is_complex(from_) ? real(c) : c;
  return {cast(r, from_)};
}

}  // namespace primitives

Array reshape(const Array& a, const Shape& shape) {
  const Shape full = a.reshaped(shape).shape();  // checks, and resolves -1
  return full == a.shape() ? a : run(std::make_shared<primitives::Reshape>(a.shape(), full), {a});
}

Array permute(const Array& a, const std::vector<int>& axes) {
  std::vector<bool> seen(axes.size(), false);
  bool valid = axes.size() == a.shape().size();
  for (std::size_t k = 0; valid && k < axes.size(); ++k) {
    valid = axes[k] >= 0 && axes[k] < a.ndim() && !seen[static_cast<std::size_t>(axes[k])];
    if (valid) seen[static_cast<std::size_t>(axes[k])] = true;
  }
  require(valid, "[permute] the axes are no permutation of those of shape ", a.shape());
  return run(std::make_shared<primitives::Permute>(axes), {a});
}

Array transpose(const Array& a) {
  require(a.ndim() >= 2, "[transpose] of an array of shape ", a.shape());
  std::vector<int> axes(a.shape().size());
  for (std::size_t k = 0; k < axes.size(); ++k) axes[k] = static_cast<int>(k);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return permute(a, axes);
}

Array slice(const Array& a, int axis, Index begin, Index end) {
  const std::size_t k = axis_of("slice", a, axis);
  require(0 <= begin && begin <= end && end <= a.shape()[k], "[slice] [", begin, ", ", end, ") of axis ",
          axis, " of shape ", a.shape());
  if (begin == 0 && end == a.shape()[k]) return a;
  if (k == 0) return run(std::make_shared<primitives::Rows>(begin, end, a.shape()[k]), {a});
  return run(std::make_shared<primitives::Slice>(k, begin, end, a.shape()[k]), {a});
}

Array pad(const Array& a, int axis, Index before, Index after) {
  const std::size_t k = axis_of("pad", a, axis);
  require(before >= 0 && after >= 0, "[pad] by ", before, " and ", after);
  Shape lead = a.shape(), trail = a.shape();
  lead[k] = before;
  trail[k] = after;
  Arrays parts;
  if (before) parts.push_back(Array::zeros(lead, a.dtype(), a.device()));
  parts.push_back(a);
  if (after) parts.push_back(Array::zeros(trail, a.dtype(), a.device()));
  return concatenate(parts, axis);
}

Array concatenate(const Arrays& parts, int axis) {
  require(!parts.empty(), "[concatenate] of nothing");
  const std::size_t k = axis_of("concatenate", parts[0], axis);
  std::vector<Index> extents;
  for (const Array& a : parts) {
    Shape shape = a.shape();
    if (shape.size() == parts[0].shape().size()) shape[k] = parts[0].shape()[k];
    require(shape == parts[0].shape() && a.dtype() == parts[0].dtype(), "[concatenate] ", a.shape(), " (",
            a.dtype(), ") and ", parts[0].shape(), " (", parts[0].dtype(), ") along axis ", axis);
    extents.push_back(a.shape()[k]);
  }
  return parts.size() == 1 ? parts[0]
                           : run(std::make_shared<primitives::Concatenate>(k, std::move(extents)), parts);
}

Array gather(const Array& a, const Indices& rows) {
  require(a.ndim() >= 1 && a.dim(0) == rows.extent(), "[gather] rows of ", rows.extent(), " from shape ",
          a.shape());
  return run(std::make_shared<primitives::Gather>(rows), {a});
}

Array scatter_add(const Array& a, const Indices& rows) {
  require(a.ndim() >= 1 && a.dim(0) == rows.size(), "[scatter_add] ", rows.size(), " indices for shape ",
          a.shape());
  return run(std::make_shared<primitives::ScatterAdd>(rows), {a});
}

Array cast(const Array& a, DType dtype) {
  return a.dtype() == dtype ? a : run(std::make_shared<primitives::Cast>(a.dtype(), dtype), {a});
}

Array to(const Array& a, Device device) {
  return a.device() == device ? a : run(std::make_shared<primitives::To>(a.device(), device), {a});
}

}  // namespace cartan
