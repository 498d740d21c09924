#pragma once
// Harmonics as a closed family of primitives. With F = sum_i w_i Y_i(x):
//   values Y(x), gradient dF/dx, directional (v.d/dx) Y, hessian (v.d/dx) dF/dx
// are each other's derivatives up to the second. Beyond, solid harmonics go on with the trilinear form
//   T(w, v, R) = sum w_i v_k A_k[i, j] R_j,   dR_i/dx_k = sum_j A_k[i, j] R_j,
// and normalised ones are taken apart into ops.

#include "autodiff/multilinear.hpp"
#include "so3/harmonics/harmonics.hpp"

namespace cartan::so3 {

struct HarmonicsKind {
  int lmax;
  HarmonicsOptions options;
  Index outputs() const { return Index{lmax + 1} * (lmax + 1); }
};

// The partial derivative of T by one of its arguments, as a function of the other two.
class LadderForm : public Multilinear {
 public:
  enum Slot { W, V, R };
  LadderForm(const HarmonicsKind& kind, Slot slot) : Multilinear(3, slot), kind_(kind) {}
  const char* name() const override { return "harmonics_ladder"; }
  Arrays eval_cpu(const Arrays& in) const override;
  static Array of(const HarmonicsKind& kind, Slot slot, const Array& first, const Array& second) {
    return run(std::make_shared<LadderForm>(kind, slot), {first, second});
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<LadderForm>(kind_, static_cast<Slot>(k)), without(full, k));
  }

 private:
  HarmonicsKind kind_;
};

// Inputs x, then w and v where `what` has them.
class Harmonics : public Primitive {
 public:
  Harmonics(HarmonicsOf what, const HarmonicsKind& kind) : what_(what), kind_(kind) {}
  const char* name() const override { return "spherical_harmonics"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  HarmonicsOf what_;
  HarmonicsKind kind_;
};

}  // namespace cartan::so3
