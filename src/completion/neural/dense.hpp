#pragma once
// Dense layers in one pass: the product with bias and rectifier, and what its derivatives are made of.

#include "cartan/autodiff/primitive.hpp"
#include "cartan/completion/neural/network.hpp"

namespace cartan::completion::primitives {

// op(a) op(b) of two matrices.
class Product : public Primitive {
 public:
  Product(bool ta, bool tb, Products products) : ta_(ta), tb_(tb), products_(products) {}
  const char* name() const override { return "product"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  bool ta_, tb_;
  Products products_;
};

// (x, weight, bias)
class Dense : public Primitive {
 public:
  Dense(bool rectify, Products products) : rectify_(rectify), products_(products) {}
  const char* name() const override { return "dense"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  bool rectify_;
  Products products_;
};

// (c, y): c where y > 0, else 0.
class Gate : public Primitive {
 public:
  const char* name() const override { return "gate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

}  // namespace cartan::completion::primitives
