#pragma once
// The trilinear form of a convolution along edges, F(x, z, s; r) = sum over edges of < x (s o Y(r)) z >, by
// one of its slots. Turning r by a small omega is turning x and z by -omega, so
//   dF/d omega = - <X(omega) x, dF/dx> - <X(omega) z, dF/dz>.

#include "so3/gaunt/form.hpp"

namespace cartan::so3 {

struct ConvolutionDegrees {
  int x, filter, z;
};

class ConvolutionSlot : public Multilinear {
 public:
  enum Slot : int { X, Z, S, R };  // there is no member of R, the vectors
  ConvolutionSlot(ConvolutionDegrees l, Slot out, Engine engine)
      : Multilinear(4, out), l_(l), out_(out), engine_(engine) {}
  const char* name() const override { return "gaunt_convolution"; }
  // Inputs: the two other slots in their order, then r. x and z (edges, (l + 1)^2 C), s (edges or 1, 1, l +
  // 1, C or 1); the result has s in full.
  Arrays eval_cpu(const Arrays& in) const override;

 protected:
  Array derivative(int k, const Arrays& full) const override;
  Arrays derivatives(const Arrays& full, const std::vector<bool>& wanted,
                     const Arrays& outputs) const override;

 private:
  ConvolutionDegrees l_;
  Slot out_;
  Engine engine_;
};

// In the frames of the edges: see ConvolutionSlot. Inputs that are not given (the slot `out`) are empty.
Array convolve_in_frames(const ConvolutionDegrees& l, ConvolutionSlot::Slot out, const Array& x,
                         const Array& z, const Array& s, const Array& vectors);
FormWork frame_work(const ConvolutionDegrees& l, Index edges, Index channels);

}  // namespace cartan::so3
