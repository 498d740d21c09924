#pragma once
// Products of matrices.

#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

// c (m x n) = op(a) op(b), an inner extent k, `batch` times.
struct MatrixSizes {
  Index batch = 1, m = 1, n = 1, k = 1;
};

// Both with the same leading axes.
class MatMul : public Primitive, public ReadsInputs {
 public:
  MatMul(MatrixSizes sizes, Shape shape, bool ta, bool tb)
      : sizes_(sizes), shape_(std::move(shape)), ta_(ta), tb_(tb) {}
  const char* name() const override { return "matmul"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  MatrixSizes sizes_;
  Shape shape_;
  bool ta_, tb_;
};

// (x, weight, bias)
class Linear : public Primitive, public Reads {
 public:
  bool reads_input(std::size_t k) const override { return k < 2; }
  bool reads_output(std::size_t) const override { return false; }
  const char* name() const override { return "linear"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

}  // namespace cartan::primitives
