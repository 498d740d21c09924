#pragma once
// The primitives of <cartan/operators/spectral.hpp>.

#include "autodiff/reads.hpp"
#include "cartan/operators/spectral.hpp"
#include "operators/trilinear.hpp"

namespace cartan::operators {

/// How the indices of the last axis are weighted: as they are, or for the half that is left out of real
/// fields.
enum class Half { once, twice };

/// Field to kept modes, X_k = factor w_k sum_j x_j exp(-..). Its adjoint is SpectrumToField with the same
/// weights, taken as those of a sum over the kept modes alone.
class FieldToSpectrum : public Primitive, public ReadsNothing {
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
class SpectrumToField : public Primitive, public ReadsNothing {
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

/// Y[b, o, k] = sum over c of X[b, c, k] R[c, o, k], elementwise in k: x (samples, in, K), r (in, out, K), y
/// (samples, out, K).
class MixModes : public TrilinearOf<MixModes> {
 public:
  using TrilinearOf::TrilinearOf;
  const char* name() const override { return "mix_modes"; }
  Arrays eval_cpu(const Arrays& in) const override;
};

/// Y[l, n, m] = sum over r of X[l, r, m] U[n, r]: x (left, r, right), r a matrix (n, r), y (left, n, right),
/// all complex.
class AxisProduct : public TrilinearOf<AxisProduct> {
 public:
  using TrilinearOf::TrilinearOf;
  const char* name() const override { return "axis_product"; }
  Arrays eval_cpu(const Arrays& in) const override;
};
/// x (.., r, ..) with the axis replaced by that of u (n, r); recorded.
Array axis_product(const Array& x, const Array& u, int axis);

}  // namespace cartan::operators
