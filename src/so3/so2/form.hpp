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

#include "autodiff/multilinear.hpp"
#include "so3/so2/shape.hpp"

namespace cartan::so3 {

template <class T>
struct SO2Arguments;

class SO2Form : public Multilinear {
 public:
  // The argument by which F_n is differentiated; there is no member of R. S is left out where there are no
  // radial factors, omega_1 .. omega_n come last.
  enum Slot : int { G, X, R, W, S };

  SO2Form(std::shared_ptr<const SO2Shape> shape, EdgeList edges, bool radial, int rotations, int slot,
          bool keep = false)
      : Multilinear(first_rotation(radial) + rotations, slot),
        shape_(std::move(shape)),
        edges_(std::move(edges)),
        radial_(radial),
        keep_(keep),
        rotations_(rotations) {}
  static int first_rotation(bool radial) { return radial ? S + 1 : S; }
  // F_0's derivative by g, the convolution itself, of x, r, w and s. Where the vectors are tracked the
  // messages, in the frames of their edges, are a second output and stay on the tape: the receivers' torque
  // needs them; those that stay in their frames have none.
  static Array convolve(std::shared_ptr<const SO2Shape> shape, const EdgeList& edges, bool radial, Arrays in);
  const char* name() const override { return "so2_convolution"; }
  bool reads_output(std::size_t k) const override { return k == 1; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 protected:
  Array derivative(int k, const Arrays& full) const override;
  Arrays derivatives(const Arrays& full, const std::vector<bool>& wanted,
                     const Arrays& outputs) const override;

 private:
  friend class SO2Pullback;
  friend class SO2Fold;
  friend class SO2Again;
  friend class SO2ByMessages;
  bool messages() const { return keep_ && !shape_->to.framed; }
  Array torque(const Arrays& full) const;  // the derivative by one more rotation
  Shape shape_of_slot() const;
  Array zeros(DType dtype) const;
  Array room(DType dtype) const;  // as zeros; where a kernel writes everything, uninitialised
  template <class T>
  SO2Arguments<T> arguments(const Arrays& full, bool all = false) const;  // that of the slot too

  std::shared_ptr<const SO2Shape> shape_;
  EdgeList edges_;
  bool radial_, keep_;
  int rotations_;
};

// The derivatives of F_0 by x, by s and by a rotation (those that are asked for) in one pass over products
// that they share. Inputs: g, x, r, w, s where there are radial factors, and the messages where they were
// kept. With `keep` the products are one more output, for the derivatives of this.
class SO2Pullback : public Jointly {
 public:
  SO2Pullback(const SO2Form& form, bool x, bool s, bool torque, bool keep);
  const char* name() const override { return "so2_pullback"; }
  bool reads_output(std::size_t k) const override {
    return k == (x_is_pulled() ? 0 : std::size_t(x_) + s_ + torque_);
  }
  Arrays eval_cpu(const Arrays& in) const override;
  // Where nobody differentiates once more, in one pass (SO2Again); the messages that were kept are an input
  // then.
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  // What is kept is the derivative by x itself.
  bool x_is_pulled() const { return x_ && !form_.radial_ && form_.shape_->from.dense; }
  static std::vector<Part> parts(const SO2Form& form, bool x, bool s, bool torque);
  SO2Form form_;
  bool x_, s_, torque_, keep_;
};

// F_0's by x, s and w (those that are wanted), given the cotangent of the messages beside that of the result.
// Inputs: g, x, r, w, s where there are radial factors, and that cotangent.
class SO2Fold : public LastDerivatives {
 public:
  SO2Fold(const SO2Form& form, std::vector<bool> wanted) : form_(form), wanted_(std::move(wanted)) {}
  const char* name() const override { return "so2_fold"; }
  Arrays eval_cpu(const Arrays& in) const override;

 private:
  SO2Form form_;
  std::vector<bool> wanted_;
};

// SO2Pullback's: by g, x, w and s (those that are wanted). Inputs: g, x, r, w, s where there
// are radial factors, the messages where they were kept, and the cotangents that there are of x, s and the
// torque.
class SO2Again : public LastDerivatives {
 public:
  SO2Again(const SO2Form& form, bool messages, bool pulled, std::vector<bool> along, std::vector<bool> wanted)
      : form_(form),
        messages_(messages),
        pulled_(pulled),
        along_(std::move(along)),
        wanted_(std::move(wanted)) {}
  const char* name() const override { return "so2_again"; }
  Arrays eval_cpu(const Arrays& in) const override;

 private:
  SO2Form form_;
  bool messages_, pulled_;
  std::vector<bool> along_, wanted_;
};

// And by the messages, of which the torque is a function. Inputs: g, r and the torque's cotangent.
class SO2ByMessages : public LastDerivatives {
 public:
  explicit SO2ByMessages(const SO2Form& form) : form_(form) {}
  const char* name() const override { return "so2_by_messages"; }
  Arrays eval_cpu(const Arrays& in) const override;

 private:
  SO2Form form_;
};

// The derivative of a function of the direction of r (edges, 3) from its torque tau . omega = its change when
// r turns by omega: (tau x r) / |r|^2.
Array gradient_from_torque(const Array& tau, const Array& r);

}  // namespace cartan::so3
