#pragma once

#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

class Erf : public Primitive, public ReadsInputs {
 public:
  const char* name() const override { return "erf"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

}  // namespace cartan::primitives
