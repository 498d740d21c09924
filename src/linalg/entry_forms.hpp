#pragma once
// sum over entries n of g[n] X[i_n] with X linear in each of its parts (factors, a core): a form in (g,
// parts) whose partial derivatives are one another's derivatives.

#include <memory>

#include "autodiff/multilinear.hpp"
#include "cartan/linalg/ops.hpp"

namespace cartan::linalg {

class EntryForm : public Multilinear {
 public:
  /// The derivative by argument `slot`: 0 is g, so the entries themselves; k + 1 is part k. Inputs are the
  /// other arguments in order.
  /// @param shapes  of the parts
  EntryForm(Entries entries, std::vector<Shape> shapes, int slot)
      : Multilinear(static_cast<int>(shapes.size()) + 1, slot),
        entries_(std::move(entries)),
        shapes_(std::move(shapes)) {}
  Arrays eval_cpu(const Arrays& in) const override;

 protected:
  /// The part of the slot, or for slot 0 g, is nullptr.
  template <class T>
  struct Arguments {
    const T* g;
    std::vector<const T*> parts;
  };
  virtual void evaluate(const Arguments<float>& in, float* out) const = 0;
  virtual void evaluate(const Arguments<double>& in, double* out) const = 0;
  virtual std::shared_ptr<const Primitive> by(int k) const = 0;
  Array derivative(int k, const Arrays& full) const override { return run(by(k), without(full, k)); }

  /// body(i, entries, count) for every row i of mode k, with the entries that lie in it.
  template <class Body>
  void for_rows(int k, const Body& body) const;

  Entries entries_;
  std::vector<Shape> shapes_;
};

}  // namespace cartan::linalg
