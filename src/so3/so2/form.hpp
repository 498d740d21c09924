#pragma once
// The SO(2) convolution as a form and its partial derivatives, a closed family of primitives.
//
//   F(g, x, w, s; r) = sum over edges e of <D^T g[receiver], W(w) (s * D^T x[sender])>,  D = D(r_e)
//
// is linear in the receivers' cotangent g, the features x, the weights w, the radial factors s. A common
// rotation changes nothing, so turning the direction by a small omega is turning g and x by -omega:
//
//   d/dt F(r -> exp(t omega) r) = -F(X(omega) g, x) - F(g, X(omega) x).
//
// F_n, with rotations omega_1 .. omega_n (edges, 3) applied one after another, omega_1 first, is therefore
// the sum over all ways to give each of them to g or to x, times (-1)^n. Its derivative by the direction is
// F_(n+1)'s torque, the derivative by omega_(n+1); so F_n's partial derivatives are all here, at any order.

#include "so3/so2/shape.hpp"

namespace cartan::so3 {

template <class T>
struct Form;

class SO2Form : public Primitive {
 public:
  // The argument by which F_n is differentiated; `first_rotation + i` for omega_(i+1).
  enum Slot : int { G, X, W, S, R, first_rotation };

  // `messages`: see convolve
  SO2Form(std::shared_ptr<const SO2Shape> shape, EdgeList edges, bool radial, int rotations, int slot,
          Array messages = {})
      : shape_(std::move(shape)),
        edges_(std::move(edges)),
        radial_(radial),
        rotations_(rotations),
        slot_(slot),
        messages_(std::move(messages)) {}
  // F_0's derivative by g: the convolution itself. Where the vectors are tracked the messages, in the frames
  // of their edges, are kept on the tape: the receivers' torque needs them.
  static Array convolve(std::shared_ptr<const SO2Shape> shape, const EdgeList& edges, bool radial, Arrays in);
  const char* name() const override { return "so2_convolution"; }
  // Inputs: those of G, X, W, S (where there are radial factors), R, omega_1 .. that are not the slot.
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int slots() const { return first_rotation + rotations_; }
  bool has(int slot) const { return slot != slot_ && (slot != S || radial_); }
  Arrays all(const Arrays& in, const Array& c) const;
  Arrays inputs(const Arrays& all) const;
  Array derivative(int slot, int rotations, const Arrays& all) const;
  Arrays pulled_back(const Arrays& all, const std::vector<bool>& wanted) const;
  Array zeros(DType dtype) const;
  template <class T>
  Form<T> form(const Arrays& all) const;

  std::shared_ptr<const SO2Shape> shape_;
  EdgeList edges_;
  bool radial_;
  int rotations_, slot_;
  Array messages_;  // (edges, message_size()), or empty
};

// The derivative of a function of the direction of r (edges, 3) from its torque tau . omega = its change when
// r turns by omega: (tau x r) / |r|^2.
Array gradient_from_torque(const Array& tau, const Array& r);

}  // namespace cartan::so3
