#pragma once
// The primitives of <cartan/autodiff/fft.hpp>. Each kind is closed under its adjoint.

#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

/// y = factor F x or factor conj(F) x, complex.
class Fft : public Primitive, public ReadsNothing {
 public:
  Fft(std::vector<int> axes, bool inverse, double factor)
      : axes_(std::move(axes)), factor_(factor), inverse_(inverse) {}
  const char* name() const override { return inverse_ ? "ifft" : "fft"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::vector<int> axes_;
  double factor_;
  bool inverse_;
};

/// Real to half of a spectrum: y = factor C F x; and back: x = factor Re F^H M C y, where M counts an element
/// for its mirror image too: 1 in the planes that are their own, 2 elsewhere. C is M (of the first), its
/// inverse (of the second) or one; (M F)^T is Re F^H M, F^T is Re F^H M M^-1.
class RealFft : public Primitive, public ReadsNothing {
 public:
  /// @param n  real elements along the last axis
  RealFft(std::vector<int> axes, Index n, bool inverse, bool weighted, double factor)
      : axes_(std::move(axes)), n_(n), factor_(factor), inverse_(inverse), weighted_(weighted) {}
  const char* name() const override { return inverse_ ? "irfft" : "rfft"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::vector<int> axes_;
  Index n_;
  double factor_;
  bool inverse_, weighted_;
};

/// y = factor B K A x along each axis, K the cosine transform of a type, A and B diagonal: `before` and
/// `after` for the first element (of type 1 for the last too), 1 elsewhere.
class CosineTransform : public Primitive, public ReadsNothing {
 public:
  CosineTransform(std::vector<int> axes, int type, double before, double after, double factor)
      : axes_(std::move(axes)), type_(type), before_(before), after_(after), factor_(factor) {}
  const char* name() const override { return "dct"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::vector<int> axes_;
  int type_;
  double before_, after_, factor_;
};

}  // namespace cartan::primitives
