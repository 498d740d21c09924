// The four derivatives of the form as one family of primitives: the derivatives of each are the others again.
// Paths without weights are linear in x1, x2 and out alone: they vanish with a derivative by the weights, and
// with all derivatives of that.
#include <optional>
#include <utility>

#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"
#include "so3/tensor/form.hpp"

namespace cartan::so3 {
namespace {

enum Slot { X1, X2, W, Out };
constexpr int slots = 4;

class FormSlot : public Primitive {
 public:
  struct Shapes {
    std::shared_ptr<const TensorForm> form;
    Index samples;
    Indices sender, receiver;
    bool edges;   // or sample e reads and writes rows e
    bool shared;  // weights

    Topology topology() const {
      if (!edges) return {samples, samples, samples, nullptr, nullptr};
      return {samples, sender.extent(), receiver.extent(), &sender, &receiver};
    }
    Shape shape(int slot) const {
      const Topology t = topology();
      switch (slot) {
        case X1:
          return {t.senders, form->dim1};
        case X2:
          return {samples, form->dim2};
        case W:
          return shared ? Shape{form->weight_numel} : Shape{samples, form->weight_numel};
        default:
          return {t.receivers, form->dim_out};
      }
    }
  };

  FormSlot(std::shared_ptr<const Shapes> shapes, int slot, bool weighted, std::optional<Array> known = {})
      : shapes_(std::move(shapes)), slot_(slot), weighted_(weighted || slot == W), known_(std::move(known)) {}
  const char* name() const override { return "tensor_product"; }

  Arrays eval_cpu(const Arrays& in) const override {
    if (known_) return {std::move(*std::exchange(known_, std::nullopt))};
    bool wanted[slots] = {};
    wanted[slot_] = true;
    return {std::move(compute(filled(in, Array()), wanted)[static_cast<std::size_t>(slot_)])};
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    const Arrays full = filled(in, c);
    bool targets[slots] = {};
    for (int s = 0, k = 0; s < slots; ++s)
      if (s != slot_) targets[s] = wanted[k++];
    Arrays known = compute(full, targets);  // in one pass what can be
    Arrays g;
    for (int s = 0; s < slots; ++s) {
      if (s == slot_) continue;
      if (!targets[s]) {
        g.emplace_back();
        continue;
      }
      Arrays others;
      for (int t = 0; t < slots; ++t)
        if (t != s) others.push_back(full[t]);
      g.push_back(run(std::make_shared<FormSlot>(shapes_, s, weighted_, std::move(known[s])), others));
    }
    return g;
  }

 private:
  // Every slot's array, `own` in this primitive's.
  Arrays filled(const Arrays& in, const Array& own) const {
    Arrays full;
    for (int s = 0, k = 0; s < slots; ++s) full.push_back(s == slot_ ? own : in[k++]);
    return full;
  }

  Arrays compute(const Arrays& in, const bool (&wanted)[slots]) const {
    const Shapes& shapes = *shapes_;
    const TensorForm& form = weighted_ ? shapes.form->weighted() : *shapes.form;
    Arrays out(slots);
    const DType dtype = in[wanted[X1] ? X2 : X1].dtype();
    dispatch_real("tensor_product", dtype, [&]<class T>(T) {
      T* to[slots] = {};
      for (int s = 0; s < slots; ++s)
        if (wanted[s]) {
          out[s] = Array::uninitialized(shapes.shape(s), dtype);
          to[s] = out[s].mutable_data<T>();
        }
      // The slot that is computed has no data, and is not read.
      const auto data = [&](int s) { return in[s].dtype() == dtype ? in[s].data<T>() : nullptr; };
      const TensorForm::Rows<T> rows{data(X1), data(X2), data(W), data(Out), shapes.shared};
      const Topology topology = shapes.topology();
      if (wanted[Out]) form.forward(topology, rows, to[Out]);
      if (wanted[X1] || wanted[X2] || wanted[W])
        form.backward(topology, rows, TensorForm::Gradients<T>{to[X1], to[X2], to[W]});
    });
    return out;
  }

  std::shared_ptr<const Shapes> shapes_;
  int slot_;
  bool weighted_;                       // paths with weights alone
  mutable std::optional<Array> known_;  // the value, where it was computed with others
};

}  // namespace

Array tensor_form(std::shared_ptr<const TensorForm> form, const Indices* sender, const Indices* receiver,
                  const Array& x1, const Array& x2, const Array& w) {
  auto shapes = std::make_shared<FormSlot::Shapes>();
  shapes->form = std::move(form);
  shapes->samples = x2.dim(0);
  shapes->edges = sender != nullptr;
  if (shapes->edges) {
    shapes->sender = *sender;
    shapes->receiver = *receiver;
  }
  shapes->shared = w.ndim() == 1;
  return run(std::make_shared<FormSlot>(std::move(shapes), Out, false), {x1, x2, w});
}

}  // namespace cartan::so3
