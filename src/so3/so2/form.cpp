#include "so3/so2/form.hpp"

#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/so2/kernels.hpp"

namespace cartan::so3 {
namespace {

// Column k of a (n, m) array.
Array column(const Array& a, Index k) {
  return slice(a, 1, k, k + 1);
}

Array record_one(std::shared_ptr<const Primitive> primitive, Arrays inputs, const Array& value) {
  return record(std::move(primitive), std::move(inputs), {value})[0];
}

}  // namespace

Array gradient_from_torque(const Array& tau, const Array& r) {
  const Array tx = column(tau, 0), ty = column(tau, 1), tz = column(tau, 2);
  const Array scales = unit_scales(r), u = r * scales;
  const Array x = column(u, 0), y = column(u, 1), z = column(u, 2);
  const Array across = concatenate({ty * z - tz * y, tz * x - tx * z, tx * y - ty * x}, 1);
  return across / sum(square(u), 1, true) * scales;
}

Arrays SO2Form::all(const Arrays& in, const Array& c) const {
  Arrays full(slots());
  std::size_t k = 0;
  for (int slot = 0; slot < slots(); ++slot)
    if (has(slot)) full[slot] = in[k++];
  full[slot_] = c;
  return full;
}

Arrays SO2Form::inputs(const Arrays& full) const {
  Arrays in;
  for (int slot = 0; slot < slots(); ++slot)
    if (has(slot)) in.push_back(full[slot]);
  return in;
}

Array SO2Form::derivative(int slot, int rotations, const Arrays& full) const {
  const auto f = std::make_shared<SO2Form>(shape_, edges_, radial_, rotations, slot);
  return run(f, f->inputs(full));
}

Arrays SO2Form::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                    const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  const Arrays full = all(in, c);
  Arrays g = slot_ == G && rotations_ == 0 ? pulled_back(full, wanted) : Arrays(wanted.size());
  std::size_t k = 0;
  for (int slot = 0; slot < slots(); ++slot) {
    if (!has(slot)) continue;
    Array& target = g[k];
    if (wanted[k++] && target.empty())
      target = slot == R ? gradient_from_torque(derivative(slots(), rotations_ + 1, full), full[R])
                         : derivative(slot, rotations_, full);
  }
  return g;
}

template <class T>
Form<T> SO2Form::form(const Arrays& full) const {
  const auto data = [&](int slot) {
    const bool given = slot != slot_ && (slot != S || radial_);
    return given ? full[slot].data<T>() : nullptr;
  };
  Form<T> f{*shape_, edges_, rotations_, data(G), data(X), data(W), data(S), data(R), {}};
  for (int k = 0; k < rotations_; ++k) f.omega.push_back(data(first_rotation + k));
  return f;
}

Array SO2Form::zeros(DType dtype) const {
  switch (slot_) {
    case G:
      return Array::zeros({edges_.receiver_nodes(), shape_->to.dim}, dtype);
    case X:
      return Array::zeros({edges_.sender_nodes(), shape_->from.dim}, dtype);
    case W:
      return Array::zeros(
          shape_->channelwise ? Shape{edges_.size(), shape_->weight_size} : Shape{shape_->weight_size},
          dtype);
    case S:
      return Array::zeros({edges_.size(), shape_->radial_size}, dtype);
    default:
      return Array::zeros({edges_.size(), 3}, dtype);
  }
}

// The derivatives of F_0 that share products, each recorded as the primitive that gives it alone.
Arrays SO2Form::pulled_back(const Arrays& full, const std::vector<bool>& wanted) const {
  const bool x = wanted[0], s = radial_ && wanted[2], r = wanted.back();
  Arrays out(wanted.size());
  if ((x + s < 2 && !r) || edges_.size() == 0) return out;
  const auto form_of = [&](int slot) {
    return std::make_shared<SO2Form>(shape_, edges_, radial_, slot == first_rotation ? 1 : 0, slot);
  };
  const auto by_x = form_of(X), by_s = form_of(S), by_r = form_of(first_rotation);
  const DType dtype = full[X].dtype();
  Array gx = x ? by_x->zeros(dtype) : Array(), gs = s ? by_s->zeros(dtype) : Array(),
        torque = r ? by_r->zeros(dtype) : Array();
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const auto data = [](Array& a) { return a.empty() ? nullptr : a.mutable_data<T>(); };
    Form<T> f = by_r->form<T>(full);
    f.rotations = 0;
    f.omega.clear();
    pull_back(f, messages_.empty() ? nullptr : messages_.data<T>(), data(gx), data(gs), data(torque));
  });
  if (x) out[0] = record_one(by_x, by_x->inputs(full), gx);
  if (s) out[2] = record_one(by_s, by_s->inputs(full), gs);
  if (r) out.back() = gradient_from_torque(record_one(by_r, by_r->inputs(full), torque), full[R]);
  return out;
}

Array SO2Form::convolve(std::shared_ptr<const SO2Shape> shape, const EdgeList& edges, bool radial,
                        Arrays in) {
  const DType dtype = in[0].dtype();
  const Index size = shape->message_size(), n = edges.size();
  const auto form = [&](Array messages) {
    return std::make_shared<SO2Form>(shape, edges, radial, 0, G, std::move(messages));
  };
  const double bytes =
      static_cast<double>(n) * static_cast<double>(size) * static_cast<double>(size_of(dtype));
  const bool keep =
      recording() && in.back().tracked() && n > 0 && bytes <= static_cast<double>(shape->options.kept_bytes);
  if (!keep) return run(form({}), std::move(in));
  const auto f = form({});
  Array messages = Array::uninitialized({n, size}, dtype), out = f->zeros(dtype);
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    sum_at_nodes(f->form<T>(f->all(in, {})), false, out.mutable_data<T>(), messages.mutable_data<T>());
  });
  return record_one(form(std::move(messages)), std::move(in), out);
}

Arrays SO2Form::eval_cpu(const Arrays& in) const {
  const Arrays full = all(in, {});
  Array out = zeros(in[0].dtype());
  if (edges_.size() == 0 || out.empty()) return {out};
  dispatch_real("so2_convolution", out.dtype(), [&]<class T>(T) {
    const Form<T> f = form<T>(full);
    T* o = out.mutable_data<T>();
    switch (slot_) {
      case G:
        return sum_at_nodes(f, false, o);
      case X:
        return sum_at_nodes(f, true, o);
      case W:
        return shape_->channelwise ? by_channel_weights(f, o) : by_weights(f, o);
      case S:
        return by_radial(f, o);
      default:
        return by_rotation(f, slot_ - first_rotation, o);
    }
  });
  return {out};
}

}  // namespace cartan::so3
