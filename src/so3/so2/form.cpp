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
SO2Arguments<T> SO2Form::arguments(const Arrays& full, bool all) const {
  const auto data = [&](int k) {
    return (all || k != slot()) && (k != S || radial_) ? full[k].data<T>() : nullptr;
  };
  SO2Arguments<T> f{*shape_, edges_, rotations_, data(G), data(X), data(W), data(S), data(R), {}};
  for (int k = first_rotation(radial_); k < slots(); ++k)
    f.omega.push_back(k == slot() ? nullptr : full[k].data<T>());
  return f;
}

Shape SO2Form::shape_of_slot() const {
  switch (slot()) {
    case G:
      return {edges_.receiver_nodes(), shape_->to.dim};
    case X:
      return {edges_.sender_nodes(), shape_->from.dim};
    case W:
      return shape_->channelwise ? Shape{edges_.size(), shape_->weight_size} : Shape{shape_->weight_size};
    case S:
      if (radial_) return {edges_.size(), shape_->radial_size};
      [[fallthrough]];
    default:
      return {edges_.size(), 3};
  }
}

Array SO2Form::zeros(DType dtype) const {
  return Array::zeros(shape_of_slot(), dtype);
}

Array SO2Form::room(DType dtype) const {
  const bool written = edges_.size() > 0 && (slot() == G || slot() == X || (slot() == S && radial_));
  return written ? Array::uninitialized(shape_of_slot(), dtype) : zeros(dtype);
}

SO2Pullback::SO2Pullback(const SO2Form& form, bool x, bool s, bool torque, bool keep)
    : Jointly(parts(form, x, s, torque)), form_(form), x_(x), s_(s), torque_(torque), keep_(keep) {}

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
  const auto room = [&](int slot) {
    return SO2Form(form_.shape_, form_.edges_, form_.radial_, 0, slot).room(dtype);
  };
  Arrays out;
  if (x_) out.push_back(room(SO2Form::X));
  if (s_) out.push_back(room(SO2Form::S));
  if (torque_) out.push_back(room(SO2Form::R));
  const bool apart = keep_ && !x_is_pulled();
  if (apart) out.push_back(Array::uninitialized({form_.edges_.size(), form_.shape_->pulled_size()}, dtype));
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const SO2Arguments<T> f = form_.arguments<T>({in.begin(), in.begin() + form_.slots()}, true);
    std::size_t next = 0;
    T* x = x_ ? out[next++].mutable_data<T>() : nullptr;
    T* s = s_ ? out[next++].mutable_data<T>() : nullptr;
    T* torque = torque_ ? out[next++].mutable_data<T>() : nullptr;
    const bool kept = in.size() > static_cast<std::size_t>(form_.slots());
    pull_back(f, kept ? in.back().data<T>() : nullptr, x, s, torque,
              apart ? out.back().mutable_data<T>() : nullptr);
  });
  return out;
}

Arrays SO2Pullback::vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
                        const std::vector<bool>& wanted) const {
  if (recording() || wanted[SO2Form::R] || form_.shape_->channelwise)
    return Jointly::vjp(in, outputs, cotangents, wanted);
  const auto slots = static_cast<std::size_t>(form_.slots());
  const bool kept = in.size() > slots;
  Arrays all = in;
  if (keep_) all.push_back(x_is_pulled() ? outputs.front() : outputs.back());
  std::vector<bool> along;
  std::size_t next = 0;
  for (const bool there : {x_, s_, torque_}) {
    along.push_back(there && !cotangents[next].empty());
    if (along.back()) all.push_back(cotangents[next]);
    next += there ? 1 : 0;
  }
  std::vector<bool> targets = wanted;
  if (kept) targets[slots] = false;
  // What is given in frames enters linearly, but for the torque of the messages that it gives.
  if (form_.shape_->from.framed && !along[1] && (kept || !along[2])) targets[SO2Form::X] = false;
  const bool messages = kept && wanted[slots] && along.back();
  Arrays found = at_wanted(
      run_all(std::make_shared<SO2Again>(form_, kept, keep_, std::move(along), targets), all), targets);
  if (!messages) return found;
  // As large as the messages, but made of arrays that are there: when the walk comes to the convolution.
  found[slots] = later(std::make_shared<SO2ByMessages>(form_),
                       {in[SO2Form::G], in[SO2Form::R], cotangents[std::size_t{x_} + s_]});
  return found;
}

Arrays SO2ByMessages::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized({form_.edges_.size(), form_.shape_->message_size()}, in[0].dtype());
  dispatch_real("so2_convolution", out.dtype(), [&]<class T>(T) {
    SO2Arguments<T> f{*form_.shape_, form_.edges_,    0, in[0].data<T>(), nullptr, nullptr,
                      nullptr,       in[1].data<T>(), {}};
    by_messages(f, in[2].data<T>(), out.mutable_data<T>());
  });
  return {out};
}

Arrays SO2Again::eval_cpu(const Arrays& in) const {
  const DType dtype = in[0].dtype();
  const auto slots = static_cast<std::size_t>(form_.slots());
  Arrays out;
  for (std::size_t k = 0; k < wanted_.size(); ++k)
    if (wanted_[k])
      out.push_back(SO2Form(form_.shape_, form_.edges_, form_.radial_, 0, static_cast<int>(k)).room(dtype));
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const SO2Arguments<T> f = form_.arguments<T>({in.begin(), in.begin() + form_.slots()}, true);
    std::size_t next = slots;
    const T* messages = messages_ ? in[next++].data<T>() : nullptr;
    const T* pulled = pulled_ ? in[next++].data<T>() : nullptr;
    SO2Directions<T> directions;
    const T** along[] = {&directions.x, &directions.s, &directions.torque};
    for (std::size_t k = 0; k < 3; ++k)
      if (along_[k]) *along[k] = in[next++].data<T>();
    SO2Second<T> second;
    next = 0;
    const auto to = [&](std::size_t k) {
      return k < wanted_.size() && wanted_[k] ? out[next++].mutable_data<T>() : nullptr;
    };
    second.g = to(SO2Form::G);
    second.x = to(SO2Form::X);
    second.w = to(SO2Form::W);
    if (form_.radial_) second.s = to(SO2Form::S);
    pull_back_again(f, directions, messages, pulled, second);
  });
  return out;
}

// The messages have a cotangent only where SO2Pullback gave it: nothing is recorded, and the derivative by
// the directions is not wanted.
Arrays SO2Form::vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
                    const std::vector<bool>& wanted) const {
  if (!messages() || cotangents[1].empty()) return Multilinear::vjp(in, outputs, cotangents, wanted);
  Arrays all = filled(in, cotangents[0].empty() ? zeros(in[0].dtype()).to(in[0].device()) : cotangents[0]);
  all.push_back(cotangents[1]);
  std::vector<bool> targets = wanted;
  targets.insert(targets.begin() + slot(), false);
  return without(at_wanted(run_all(std::make_shared<SO2Fold>(*this, targets), all), targets), slot());
}

Arrays SO2Fold::eval_cpu(const Arrays& in) const {
  const DType dtype = in[0].dtype();
  Arrays out;
  for (std::size_t k = 0; k < wanted_.size(); ++k)
    if (wanted_[k])
      out.push_back(SO2Form(form_.shape_, form_.edges_, form_.radial_, 0, static_cast<int>(k)).room(dtype));
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    SO2Arguments<T> f = form_.arguments<T>({in.begin(), in.end() - 1}, true);
    f.q = in.back().data<T>();
    std::size_t next = 0;
    const auto to = [&](int k) { return wanted_[k] ? out[next++].mutable_data<T>() : nullptr; };
    T *x = to(SO2Form::X), *w = to(SO2Form::W), *s = form_.radial_ ? to(SO2Form::S) : nullptr;
    if (x || s) pull_back<T>(f, nullptr, x, s, nullptr);
    if (w) form_.shape_->channelwise ? by_channel_weights(f, w) : by_weights(f, w);
  });
  return out;
}

Arrays SO2Form::derivatives(const Arrays& full, const std::vector<bool>& wanted,
                            const Arrays& outputs) const {
  const bool x = wanted[X], s = radial_ && wanted[S], r = wanted[R];
  if (slot() != G || rotations_ > 0 || (x + s < 2 && !r) || edges_.size() == 0 || full[X].empty())
    return Multilinear::derivatives(full, wanted, outputs);
  Arrays in = full;
  if (messages()) in.push_back(outputs[1]);
  // What is differentiated again is kept as the messages are.
  const bool again = keep_ && recording() && !shape_->channelwise;
  const Arrays together = run_all(std::make_shared<SO2Pullback>(*this, x, s, r, again), in);
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
  const Index kept = shape->message_size() + (shape->channelwise ? 0 : shape->pulled_size());
  const double bytes = static_cast<double>(edges.size()) * static_cast<double>(kept) *
                       static_cast<double>(size_of(in[0].dtype()));
  const bool keep = recording() && in[R - 1].tracked() && edges.size() > 0 &&
                    bytes <= static_cast<double>(shape->options.kept_bytes);
  return run_all(std::make_shared<SO2Form>(std::move(shape), edges, radial, 0, G, keep), std::move(in))[0];
}

Arrays SO2Form::eval_cpu(const Arrays& in) const {
  const Arrays full = filled(in, {});
  const DType dtype = in[0].dtype();
  Array out = room(dtype);
  Arrays all{out};
  if (messages()) all.push_back(Array::uninitialized({edges_.size(), shape_->message_size()}, dtype));
  if (edges_.size() == 0 || out.empty()) return all;
  dispatch_real("so2_convolution", dtype, [&]<class T>(T) {
    const SO2Arguments<T> f = arguments<T>(full);
    T* o = all[0].mutable_data<T>();
    switch (slot()) {
      case G:
        return sum_at_nodes(f, false, o, messages() ? all[1].mutable_data<T>() : nullptr);
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
