#pragma once
// Sums and their adjoint, broadcasting.

#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

// Sums the axes first..last of an array of shape `from`; the result has `shape`.
class Sum : public Primitive, public ReadsNothing {
 public:
  Sum(std::size_t first, std::size_t last, Shape from, Shape shape)
      : first_(first), last_(last), from_(std::move(from)), shape_(std::move(shape)) {}
  const char* name() const override { return "sum"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  // The input as (outer, n, inner), of which n is summed.
  struct Split {
    Index outer = 1, n = 1, inner = 1;
  };
  Split split(const Shape& shape) const {
    Split s;
    for (std::size_t k = 0; k < shape.size(); ++k)
      (k < first_ ? s.outer : k <= last_ ? s.n : s.inner) *= shape[k];
    return s;
  }

  std::size_t first_, last_;
  Shape from_, shape_;
};

class BroadcastTo : public Primitive, public ReadsNothing {
 public:
  BroadcastTo(Shape from, Shape shape) : from_(std::move(from)), shape_(std::move(shape)) {}
  const char* name() const override { return "broadcast_to"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Shape from_, shape_;
};

}  // namespace cartan::primitives
