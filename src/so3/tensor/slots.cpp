#include "so3/tensor/slots.hpp"

#include <algorithm>

#include "core/dispatch.hpp"

namespace cartan::so3 {
namespace {

constexpr auto X1 = TensorShapes::X1, X2 = TensorShapes::X2, W = TensorShapes::W, Out = TensorShapes::Out,
               count = TensorShapes::count;

// The derivatives that are wanted, from the arrays of all slots; one that is computed alone may be empty
// there.
Arrays compute(const TensorShapes& shapes, const Arrays& full, const std::vector<bool>& wanted,
               bool weighted) {
  const TensorForm& f = weighted ? shapes.form->weighted() : *shapes.form;
  Arrays out(count);
  const DType dtype = full[wanted[X1] ? X2 : X1].dtype();
  dispatch_real("tensor_product", dtype, [&]<class T>(T) {
    T* to[count] = {};
    for (int s = 0; s < count; ++s)
      if (wanted[s]) {
        out[s] = Array::uninitialized(shapes.shape(s), dtype);
        to[s] = out[s].mutable_data<T>();
      }
    // The slot that is computed has no data, and is not read.
    const auto data = [&](int s) { return full[s].dtype() == dtype ? full[s].data<T>() : nullptr; };
    const TensorForm::Rows<T> rows{data(X1), data(X2), data(W), data(Out), shapes.shared};
    const Topology t = shapes.topology();
    if (wanted[Out]) f.forward(t, rows, to[Out]);
    if (wanted[X1] || wanted[X2] || wanted[W])
      f.backward(t, rows, TensorForm::Gradients<T>{to[X1], to[X2], to[W]});
  });
  return out;
}

}  // namespace

Topology TensorShapes::topology() const {
  if (!edges) return {samples, samples, samples, nullptr, nullptr};
  return {samples, sender.extent(), receiver.extent(), &sender, &receiver};
}

Shape TensorShapes::shape(int slot) const {
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

Arrays TensorSlot::eval_cpu(const Arrays& in) const {
  std::vector<bool> wanted(count, false);
  wanted[slot()] = true;
  return {std::move(compute(*shapes_, filled(in, Array()), wanted, weighted_)[slot()])};
}

Array TensorSlot::derivative(int k, const Arrays& full) const {
  return run(std::make_shared<TensorSlot>(shapes_, k, weighted_), without(full, k));
}

Arrays TensorSlot::derivatives(const Arrays& full, const std::vector<bool>& wanted,
                               const Arrays& outputs) const {
  if (std::count(wanted.begin(), wanted.end(), true) < 2)
    return Multilinear::derivatives(full, wanted, outputs);
  return at_wanted(run_all(std::make_shared<TensorSlots>(shapes_, wanted, weighted_), full), wanted);
}

TensorSlots::TensorSlots(TensorShapesPtr shapes, std::vector<bool> wanted, bool weighted)
    : Jointly(parts(shapes, wanted, weighted)),
      shapes_(std::move(shapes)),
      wanted_(std::move(wanted)),
      weighted_(weighted) {}

std::vector<Jointly::Part> TensorSlots::parts(const TensorShapesPtr& shapes, const std::vector<bool>& wanted,
                                              bool weighted) {
  std::vector<Part> out;
  for (int s = 0; s < count; ++s) {
    if (!wanted[s]) continue;
    out.push_back({std::make_shared<TensorSlot>(shapes, s, weighted), {}});
    for (int t = 0; t < count; ++t)
      if (t != s) out.back().inputs.push_back(t);
  }
  return out;
}

Arrays TensorSlots::eval_cpu(const Arrays& full) const {
  Arrays all = compute(*shapes_, full, wanted_, weighted_), out;
  for (int s = 0; s < count; ++s)
    if (wanted_[s]) out.push_back(std::move(all[s]));
  return out;
}

Arrays TensorSlots::vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
                        const std::vector<bool>& wanted) const {
  if (recording() || wanted[X2] || wanted_[Out] || shapes_->shared || !shapes_->form->channelwise())
    return Jointly::vjp(in, outputs, cotangents, wanted);
  Arrays all = in;
  std::vector<bool> along(count, false);
  for (int s = 0, k = 0; s < count; ++s)
    if (wanted_[s]) {
      along[s] = !cotangents[k].empty();
      if (along[s]) all.push_back(cotangents[k]);
      ++k;
    }
  return at_wanted(run_all(std::make_shared<TensorAgain>(shapes_, along, wanted, weighted_), all), wanted);
}

Arrays TensorAgain::eval_cpu(const Arrays& in) const {
  const TensorForm& f = weighted_ ? shapes_->form->weighted() : *shapes_->form;
  const DType dtype = in[X1].dtype();
  Arrays out;
  for (int s = 0; s < count; ++s)
    if (wanted_[s]) out.push_back(Array::uninitialized(shapes_->shape(s), dtype));
  dispatch_real("tensor_product", dtype, [&]<class T>(T) {
    const TensorForm::Rows<T> rows{in[X1].data<T>(), in[X2].data<T>(), in[W].data<T>(), in[Out].data<T>(),
                                   false};
    TensorForm::Rows<T> along;
    const T** directions[] = {&along.x1, &along.x2, &along.w};
    std::size_t next = count;
    for (int s = 0; s < Out; ++s)
      if (along_[s]) *directions[s] = in[next++].data<T>();
    TensorForm::Again<T> to;
    T** results[] = {&to.x1, nullptr, &to.w, &to.out};
    next = 0;
    for (int s = 0; s < count; ++s)
      if (wanted_[s]) *results[s] = out[next++].mutable_data<T>();
    f.again(shapes_->topology(), rows, along, to);
  });
  return out;
}

Array tensor_form(std::shared_ptr<const TensorForm> form, const Indices* sender, const Indices* receiver,
                  const Array& x1, const Array& x2, const Array& w) {
  auto shapes = std::make_shared<TensorShapes>();
  shapes->form = std::move(form);
  shapes->samples = x2.dim(0);
  shapes->edges = sender != nullptr;
  if (shapes->edges) {
    shapes->sender = *sender;
    shapes->receiver = *receiver;
  }
  shapes->shared = w.ndim() == 1;
  return run(std::make_shared<TensorSlot>(std::move(shapes), Out, false), {x1, x2, w});
}

}  // namespace cartan::so3
