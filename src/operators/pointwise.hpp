#pragma once
// What a block does point by point, in one pass over memory: for tiles of points all intermediate channels
// stay in the caches, forward and backward. The gradient makes them again, from the inputs and the sum
// u + b + W v, which the tape keeps in place of u.

#include "autodiff/reads.hpp"

namespace cartan::operators {

// Which parts there are. Arrays are given in the order of the members.
struct PointwiseParts {
  bool spectral = false;      // u (B, C, S) and bias b (C): h = gelu(u + b + W v), otherwise h = v
  bool skip = false;          // W (C, in)
  bool gelu_inside = false;   // of h
  bool gate = false;          // gamma (in): + gamma v at the end
  bool gelu_outside = false;  // of the result

  int arrays() const { return 1 + (spectral ? 2 : 0) + (skip ? 1 : 0) + 4 + (gate ? 1 : 0); }
};

// y = gelu?(W2 gelu(W1 h + b1) + b2 + gamma v), h = gelu?(u + b + W v) or v.
// Inputs: v (B, in, S) [, u (B, C, S), b (C)] [, W (C, in)], W1 (H, C), b1 (H), W2 (O, H), b2 (O) [, gamma
// (in)].
// Outputs: y; with `keep` also u + b + W v, for the gradient alone: nothing else may depend on it.
class Pointwise : public Primitive, public Reads {
 public:
  explicit Pointwise(PointwiseParts parts, bool keep = false) : parts_(parts), keep_(keep) {}
  bool reads_input(std::size_t k) const override { return !keep_ || k != 1; }
  bool reads_output(std::size_t k) const override { return k == 1; }
  const char* name() const override { return "pointwise"; }
  Arrays eval_cpu(const Arrays& in) const override;
  // By the fused kernel; by the ops it is made of where the gradient is recorded in turn.
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  PointwiseParts parts_;
  bool keep_;
};

// The gradients of all inputs of Pointwise, in their order, given these with u + b + W v in place of u; the
// cotangent is the last input. Records nothing.
class PointwiseGradient : public Primitive {
 public:
  explicit PointwiseGradient(PointwiseParts parts) : parts_(parts) {}
  const char* name() const override { return "pointwise_gradient"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays&, const Arrays&, const Arrays&, const std::vector<bool>&) const override;

 private:
  PointwiseParts parts_;
};

// The fused pass on the host, the ops elsewhere. Shapes have been checked.
Array pointwise(const PointwiseParts& parts, const Arrays& in);
// The same by ops.
Array pointwise_by_ops(const PointwiseParts& parts, const Arrays& in);

}  // namespace cartan::operators
