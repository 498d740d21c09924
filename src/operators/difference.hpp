#pragma once
// The linear map of difference() and its adjoint, which is its own derivative.

#include "autodiff/reads.hpp"

namespace cartan::operators {

class Difference final : public Primitive, public ReadsNothing {
 public:
  Difference(int axis, double h, bool periodic, bool adjoint)
      : axis_(axis), h_(h), periodic_(periodic), adjoint_(adjoint) {}
  const char* name() const override { return "difference"; }
  Arrays eval_cpu(const Arrays& inputs) const override;
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    return {run(std::make_shared<Difference>(axis_, h_, periodic_, !adjoint_), cotangents)};
  }

 private:
  int axis_;
  double h_;
  bool periodic_, adjoint_;
};

}  // namespace cartan::operators
