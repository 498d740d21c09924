#include "so3/so2/form.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/autodiff/transforms.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/so2/kernels.hpp"

namespace cartan::so3 {
namespace {

// Column k of a (n, m) array.
Array column(const Array& a, Index k) {
  return slice(a, 1, k, k + 1);
}

}  // namespace

Array gradient_from_torque(const Array& tau, const Array& r) {
  const Array tx = column(tau, 0), ty = column(tau, 1), tz = column(tau, 2);
  const Array scales = unit_scales(r), u = r * scales;
  const Array x = column(u, 0), y = column(u, 1), z = column(u, 2);
  const Array across = concatenate({ty * z - tz * y, tz * x - tx * z, tx * y - ty * x}, 1);
  return across / sum(square(u), 1, true) * scales;
}

Array SO2Form::torque(const Arrays& full) const {
  return run(std::make_shared<SO2Form>(shape_, edges_, radial_, rotations_ + 1, slots()), full);
}

Array SO2Form::derivative(int k, const Arrays& full) const {
  if (k == R) return gradient_from_torque(torque(full), full[R]);
  return run(std::make_shared<SO2Form>(shape_, edges_, radial_, rotations_, k), without(full, k));
}

template <class T>
SO2Arguments<T> SO2Form::arguments(const Arrays& full) const {
  const auto data = [&](int k) { return k != slot() && (k != S || radial_) ? full[k].data<T>() : nullptr; };
  SO2Arguments<T> f{*shape_, edges_, rotations_, data(G), data(X), data(W), data(S), data(R), {}};
  for (int k = first_rotation(radial_); k < slots(); ++k)
    f.omega.push_back(k == slot() ? nullptr : full[k].data<T>());
  return f;
}

Array SO2Form::zeros(DType dtype) const {
  switch (slot()) {
    case G:
      return Array::zeros({edges_.receiver_nodes(), shape_->to.dim}, dtype);
    case X:
      return Array::zeros({edges_.sender_nodes(), shape_->from.dim}, dtype);
    case W:
      return Array::zeros(
          shape_->channelwise ? Shape{edges_.size(), shape_->weight_size} : Shape{shape_->weight_size},
          dtype);
    case S:
      if (radial_) return Array::zeros({edges_.size(), shape_->radial_size}, dtype);
      [[fallthrough]];
    default:
      return Array::zeros({edges_.size(), 3}, dtype);
  }
}

SO2Pullback::SO2Pullback(const SO2Form& form, bool x, bool s, bool torque)
    : Jointly(parts(form, x, s, torque)), form_(form), x_(x), s_(s), torque_(torque) {}

std::vector<Jointly::Part> SO2Pullback::parts(const SO2Form& form, bool x, bool s, bool torque) {
  std::vector<Part> out;
  const auto add = [&](int rotations, int slot) {
    out.push_back({std::make_shared<SO2Form>(form.shape_, form.edges_, form.radial_, rotations, slot), {}});
    for (int k = 0; k < form.slots(); ++k)
      if (k != slot) out.back().inputs.push_back(static_cast<std::size_t>(k));
  };
  if (x) add(0, SO2Form::X);
  if (s) add(0, SO2Form::S);
  if (torque) add(1, form.slots());
  return out;
}

Arrays SO2Pullback::eval_cpu(const Arrays& in) const {
  const DType dtype = in[0].dtype();
  const auto zeros = [&](int slot) {
    return SO2Form(form_.shape_, form_.edges_, form_.radial_, 0, slot).zeros(dtype);
  };
  Arrays out;
  if (x_) out.push_back(zeros(SO2Form::X));
  if (s_) out.push_back(zeros(SO2Form::S));
  if (torque_) out.push_back(zeros(SO2Form::R));
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const auto data = [&](int slot) { return in[slot].data<T>(); };
    const SO2Arguments<T> f{*form_.shape_,
                            form_.edges_,
                            0,
                            data(SO2Form::G),
                            data(SO2Form::X),
                            data(SO2Form::W),
                            form_.radial_ ? data(SO2Form::S) : nullptr,
                            data(SO2Form::R),
                            {}};
    std::size_t next = 0;
    T* x = x_ ? out[next++].mutable_data<T>() : nullptr;
    T* s = s_ ? out[next++].mutable_data<T>() : nullptr;
    T* torque = torque_ ? out[next++].mutable_data<T>() : nullptr;
    const bool kept = in.size() > static_cast<std::size_t>(form_.slots());
    pull_back(f, kept ? in.back().data<T>() : nullptr, x, s, torque);
  });
  return out;
}

Arrays SO2Form::derivatives(const Arrays& full, const std::vector<bool>& wanted,
                            const Arrays& outputs) const {
  const bool x = wanted[X], s = radial_ && wanted[S], r = wanted[R];
  if (slot() != G || rotations_ > 0 || (x + s < 2 && !r) || edges_.size() == 0 || full[X].empty())
    return Multilinear::derivatives(full, wanted, outputs);
  Arrays in = full;
  if (keep_) in.push_back(detach(outputs[1]));
  const Arrays together = run_all(std::make_shared<SO2Pullback>(*this, x, s, r), in);
  Arrays g(full.size());
  std::size_t next = 0;
  if (x) g[X] = together[next++];
  if (s) g[S] = together[next++];
  if (r) g[R] = gradient_from_torque(together[next], full[R]);
  if (wanted[W]) g[W] = derivative(W, full);
  return g;
}

Array SO2Form::convolve(std::shared_ptr<const SO2Shape> shape, const EdgeList& edges, bool radial,
                        Arrays in) {
  const double bytes = static_cast<double>(edges.size()) * static_cast<double>(shape->message_size()) *
                       static_cast<double>(size_of(in[0].dtype()));
  const bool keep = recording() && in[R - 1].tracked() && edges.size() > 0 &&
                    bytes <= static_cast<double>(shape->options.kept_bytes);
  return run_all(std::make_shared<SO2Form>(std::move(shape), edges, radial, 0, G, keep), std::move(in))[0];
}

Arrays SO2Form::eval_cpu(const Arrays& in) const {
  const Arrays full = filled(in, {});
  const DType dtype = in[0].dtype();
  Array out = zeros(dtype);
  Arrays all{out};
  if (keep_) all.push_back(Array::uninitialized({edges_.size(), shape_->message_size()}, dtype));
  if (edges_.size() == 0 || out.empty()) return all;
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const SO2Arguments<T> f = arguments<T>(full);
    T* o = all[0].mutable_data<T>();
    switch (slot()) {
      case G:
        return sum_at_nodes(f, false, o, keep_ ? all[1].mutable_data<T>() : nullptr);
      case X:
        return sum_at_nodes(f, true, o);
      case W:
        return shape_->channelwise ? by_channel_weights(f, o) : by_weights(f, o);
      case S:
        if (radial_) return by_radial(f, o);
        [[fallthrough]];
      default:
        return by_rotation(f, slot() - first_rotation(radial_), o);
    }
  });
  return all;
}

}  // namespace cartan::so3
