#pragma once
// Forms linear in three arrays x, r, y: sum of x r y over all indices, in which each may be conjugated. A
// member computes its derivative by one of them from the other two.

#include "autodiff/reads.hpp"

namespace cartan::operators {

// Closed under derivatives.
class Trilinear : public Primitive, public ReadsInputs {
 public:
  // The member of slot y takes (x, r), of x (y, r), of r (x, y); either argument conjugated or not.
  enum Slot { x, r, y };
  Trilinear(Slot slot, bool conj_a, bool conj_b) : slot_(slot), conj_a_(conj_a), conj_b_(conj_b) {}
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 protected:
  virtual std::shared_ptr<const Primitive> member(Slot slot, bool conj_a, bool conj_b) const = 0;
  Slot slot_;
  bool conj_a_, conj_b_;
};

// A Trilinear of a family.
template <class Family>
class TrilinearOf : public Trilinear {
 public:
  using Trilinear::Trilinear;

 protected:
  std::shared_ptr<const Primitive> member(Slot slot, bool conj_a, bool conj_b) const override {
    return std::make_shared<Family>(slot, conj_a, conj_b);
  }
};

}  // namespace cartan::operators
