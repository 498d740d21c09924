#pragma once
// Forms that are linear in each of their arguments, by their partial derivatives.
//
// A form F(a_0, .., a_(n-1)) gives a closed family of primitives: the member of slot k takes the arrays of
// the other slots, in their order, and returns dF/da_k, which has the shape of a_k. Since <c, dF/da_k> is F
// with c in slot k, the vjp of a member is made of other members, and derivatives of any order stay in the
// family. A family says how it computes one member (eval_cpu, eval_cuda) and how to call another
// (derivative).

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"

namespace cartan {

class Multilinear : public Primitive, public ReadsInputs {
 public:
  // The member of `slot` in a form of `slots` arguments. Slots in which the form is not linear may be among
  // them: there is no member of those, but derivative() may know better.
  Multilinear(int slots, int slot) : slots_(slots), slot_(slot) {}

  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Arrays full = filled(in, cotangents[0]);
    std::vector<bool> targets = wanted;
    targets.insert(targets.begin() + slot_, false);
    return without(derivatives(full, targets, outputs), slot_);
  }

 protected:
  int slots() const { return slots_; }
  int slot() const { return slot_; }

  // dF/da_k by ops from the arrays of all slots.
  virtual Array derivative(int k, const Arrays& full) const = 0;
  // Those that are wanted, empty arrays for the others. Families that share work between members override it;
  // `outputs` are this member's.
  virtual Arrays derivatives(const Arrays& full, const std::vector<bool>& wanted,
                             const Arrays& outputs) const {
    static_cast<void>(outputs);
    Arrays g(full.size());
    for (std::size_t k = 0; k < full.size(); ++k)
      if (wanted[k]) g[k] = derivative(static_cast<int>(k), full);
    return g;
  }

  // The arrays of all slots: the inputs, and `own` in this member's slot.
  Arrays filled(Arrays inputs, const Array& own) const {
    inputs.insert(inputs.begin() + slot_, own);
    return inputs;
  }
  // The inputs of the member of slot k.
  static Arrays without(Arrays full, int k) {
    full.erase(full.begin() + k);
    return full;
  }

 private:
  int slots_, slot_;
};

// Derivatives in one pass where nobody differentiates once more: made where recording() is off alone.
class LastDerivatives : public Primitive, public ReadsNothing {
 public:
  Arrays vjp(const Arrays&, const Arrays&, const Arrays&, const std::vector<bool>&) const override {
    throw std::logic_error(std::string("[") + name() + "] these derivatives are not differentiated again");
  }
};

// The arrays of `found` at the places that are wanted, empty ones elsewhere.
inline Arrays at_wanted(const Arrays& found, const std::vector<bool>& wanted) {
  Arrays all(wanted.size());
  std::size_t next = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k)
    if (wanted[k]) all[k] = found[next++];
  return all;
}

// Several primitives of one output, which they do not read, computed in one pass, each an output here. Its
// vjp is theirs.
class Jointly : public Primitive, public ReadsInputs {
 public:
  struct Part {
    std::shared_ptr<const Primitive> primitive;
    std::vector<std::size_t> inputs;  // which of the inputs here it takes
  };
  explicit Jointly(std::vector<Part> parts) : parts_(std::move(parts)) {}

  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    Arrays g(in.size());
    for (std::size_t part = parts_.size(); part-- > 0;) {  // as a tape of the parts would
      if (cotangents[part].empty()) continue;
      Arrays own;
      std::vector<bool> own_wanted;
      for (const std::size_t k : parts_[part].inputs) {
        own.push_back(in[k]);
        own_wanted.push_back(wanted[k]);
      }
      const Arrays own_g = parts_[part].primitive->vjp(own, {outputs[part]}, {cotangents[part]}, own_wanted);
      for (std::size_t k = 0; k < own_g.size(); ++k) {
        Array& sum = g[parts_[part].inputs[k]];
        if (!own_g[k].empty()) sum = sum.empty() ? own_g[k] : sum + own_g[k];
      }
    }
    for (std::size_t k = 0; k < in.size(); ++k)
      if (wanted[k] && in[k].empty()) g[k] = Array::zeros(in[k].shape(), in[k].dtype(), in[k].device());
    return g;
  }

 private:
  std::vector<Part> parts_;
};

}  // namespace cartan
