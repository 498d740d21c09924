#pragma once
// Activations of operators.

#include <string>
#include <vector>

#include "autodiff/reads.hpp"

namespace cartan::operators {

// gelu(x) = x P(x) with the normal distribution P, and (x, c) -> c d^n/dx^n gelu(x): P + x p for n = 1,
// p_n(x) p(x) for n >= 2 with p_2 = 2 - x^2, p_(n+1) = p_n' - x p_n and the density p.
class Gelu : public Primitive, public ReadsInputs {
 public:
  explicit Gelu(int order);
  const char* name() const override { return "gelu"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int order_;
  std::vector<double> polynomial_;
};

Array gelu(const Array& x);
// Names in run files: gelu, silu, relu, tanh.
const std::vector<std::string>& activation_names();
// Of complex x: of its real and imaginary part each.
Array activate(const std::string& name, const Array& x);

}  // namespace cartan::operators
