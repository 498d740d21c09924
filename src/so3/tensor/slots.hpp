#pragma once
// The four derivatives of the form of a tensor product as one family of primitives: the derivatives of each
// are the others again. Paths without weights are linear in x1, x2 and out alone: they vanish with a
// derivative by the weights, and with all derivatives of that.

#include "autodiff/multilinear.hpp"
#include "so3/tensor/form.hpp"

namespace cartan::so3 {

// What all members of the family share.
struct TensorShapes {
  enum Slot { X1, X2, W, Out, count };

  std::shared_ptr<const TensorForm> form;
  Index samples;
  Indices sender, receiver;
  bool edges;   // or sample e reads and writes rows e
  bool shared;  // weights

  Topology topology() const;
  Shape shape(int slot) const;  // of an array
};
using TensorShapesPtr = std::shared_ptr<const TensorShapes>;

class TensorSlot : public Multilinear {
 public:
  // weighted: of the paths with weights alone
  TensorSlot(TensorShapesPtr shapes, int slot, bool weighted)
      : Multilinear(TensorShapes::count, slot),
        shapes_(std::move(shapes)),
        weighted_(weighted || slot == TensorShapes::W) {}
  const char* name() const override { return "tensor_product"; }
  Arrays eval_cpu(const Arrays& in) const override;

 protected:
  Array derivative(int k, const Arrays& full) const override;
  Arrays derivatives(const Arrays& full, const std::vector<bool>& wanted,
                     const Arrays& outputs) const override;

 private:
  TensorShapesPtr shapes_;
  bool weighted_;
};

// The members that are wanted, in one pass from the arrays of all slots.
class TensorSlots : public Jointly {
 public:
  TensorSlots(TensorShapesPtr shapes, std::vector<bool> wanted, bool weighted);
  const char* name() const override { return "tensor_product"; }
  Arrays eval_cpu(const Arrays& full) const override;
  // Where nobody differentiates once more, in one pass (TensorAgain).
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  static std::vector<Part> parts(const TensorShapesPtr& shapes, const std::vector<bool>& wanted,
                                 bool weighted);

  TensorShapesPtr shapes_;
  std::vector<bool> wanted_;
  bool weighted_;
};

// The derivatives of TensorSlots by the slots that are wanted (not x2), given the cotangents along the slots
// of `along`. Inputs: the arrays of all slots, then those cotangents.
class TensorAgain : public LastDerivatives {
 public:
  TensorAgain(TensorShapesPtr shapes, std::vector<bool> along, std::vector<bool> wanted, bool weighted)
      : shapes_(std::move(shapes)),
        along_(std::move(along)),
        wanted_(std::move(wanted)),
        weighted_(weighted) {}
  const char* name() const override { return "tensor_product_again"; }
  Arrays eval_cpu(const Arrays& in) const override;

 private:
  TensorShapesPtr shapes_;
  std::vector<bool> along_, wanted_;
  bool weighted_;
};

}  // namespace cartan::so3
