#pragma once
// The primitives of <cartan/operators/spectral.hpp>.

#include "cartan/autodiff/primitive.hpp"
#include "cartan/operators/spectral.hpp"

namespace cartan::operators {

/// How the indices of the last axis are weighted: as they are, or for the half that is left out of real
/// fields.
enum class Half { once, twice };

/// Field to kept modes, X_k = factor w_k sum_j x_j exp(-..). Its adjoint is SpectrumToField with the same
/// weights, taken as those of a sum over the kept modes alone.
class FieldToSpectrum : public Primitive {
 public:
  FieldToSpectrum(KeptModes kept, Half half, Index once, double factor)
      : kept_(std::move(kept)), factor_(factor), once_(once), half_(half) {}
  const char* name() const override { return "modes_of"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  KeptModes kept_;
  double factor_;
  Index once_;
  Half half_;
};

/// Kept modes to field, x_j = factor Re sum over kept k of w_k Y_k exp(+..); complex fields without Re.
class SpectrumToField : public Primitive {
 public:
  SpectrumToField(KeptModes kept, Half half, Index once, double factor)
      : kept_(std::move(kept)), factor_(factor), once_(once), half_(half) {}
  const char* name() const override { return "field_of"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  KeptModes kept_;
  double factor_;
  Index once_;
  Half half_;
};

/// The weight of index i of the last axis.
double half_weight(const KeptModes& kept, Half half, Index once, std::size_t i);

/// out[i, j, k] = sum over l of a[i, l, k] b[l, j, k], elementwise in k, of arrays whose first two axes are
/// named by slots: x (samples, in), r (in, out), y (samples, out). The member of slot y takes (x, r), of x
/// (y, r), of r (x, y); either argument conjugated or not. Closed under derivatives.
class MixModes : public Primitive {
 public:
  enum Slot { x, r, y };
  MixModes(Slot slot, bool conj_a, bool conj_b) : slot_(slot), conj_a_(conj_a), conj_b_(conj_b) {}
  const char* name() const override { return "mix_modes"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Slot slot_;
  bool conj_a_, conj_b_;
};

}  // namespace cartan::operators
