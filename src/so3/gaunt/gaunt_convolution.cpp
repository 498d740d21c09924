#include "so3/gaunt/gaunt_convolution.hpp"

#include "autodiff/reads.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/gaunt.hpp"
#include "cartan/so3/spherical_harmonics.hpp"
#include "cartan/so3/tables.hpp"
#include "core/dispatch.hpp"
#include "so3/gaunt/form.hpp"
#include "so3/gaunt/plan.hpp"
#include "so3/harmonics/directions.hpp"
#include "so3/so2/form.hpp"
#include "so3/tables/degrees.hpp"
#include "so3/tables/generators.hpp"

namespace cartan::so3 {
namespace {

// tau[e, a] = <X_a p, q> (e: samples), and sum over a of omega[e, a] X_a p: by turns each other's
// derivatives.
class FeatureTorque : public Primitive, public ReadsInputs {
 public:
  explicit FeatureTorque(int l) : l_(l) {}
  const char* name() const override { return "feature_torque"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int l_;
};

class FeatureGenerator : public Primitive, public ReadsInputs {
 public:
  explicit FeatureGenerator(int l) : l_(l) {}
  const char* name() const override { return "feature_generator"; }
  // in: omega (edges, 3), p
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    return {wanted[0] ? run(std::make_shared<FeatureTorque>(l_), {in[1], c}) : Array(),
            wanted[1] ? -run(std::make_shared<FeatureGenerator>(l_), {in[0], c}) : Array()};
  }

 private:
  int l_;
};

Arrays FeatureTorque::eval_cpu(const Arrays& in) const {
  const Index edges = in[0].dim(0), dim = in[0].dim(1), channels = dim / ((l_ + 1) * (l_ + 1));
  const Generators generators(1, l_);
  Array out = Array::zeros({edges, 3}, in[0].dtype());
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const T *p = in[0].data<T>(), *q = in[1].data<T>();
    T* tau = out.mutable_data<T>();
    parallel_for(edges, 64, [&](Index begin, Index end) {
      for (Index e = begin; e < end; ++e)
        for (int a = 0; a < 3; ++a) {
          double total = 0;
          for (int l = 1; l <= l_; ++l)
            for (const Entry& g : generators(l, a)) {
              const T *x = p + e * dim + (l * l + g.column) * channels,
                      *y = q + e * dim + (l * l + g.row) * channels;
              double dot = 0;
              for (Index c = 0; c < channels; ++c)
                dot += static_cast<double>(x[c]) * static_cast<double>(y[c]);
              total += g.value * dot;
            }
          tau[e * 3 + a] = static_cast<T>(total);
        }
    });
  });
  return {out};
}

Arrays FeatureTorque::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                          const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  const auto generate = std::make_shared<FeatureGenerator>(l_);
  return {wanted[0] ? -run(generate, {c, in[1]}) : Array(), wanted[1] ? run(generate, {c, in[0]}) : Array()};
}

Arrays FeatureGenerator::eval_cpu(const Arrays& in) const {
  const Index edges = in[1].dim(0), dim = in[1].dim(1), channels = dim / ((l_ + 1) * (l_ + 1));
  const Generators generators(1, l_);
  Array out = Array::zeros(in[1].shape(), in[1].dtype());
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const T *omega = in[0].data<T>(), *p = in[1].data<T>();
    T* z = out.mutable_data<T>();
    parallel_for(edges, 64, [&](Index begin, Index end) {
      for (Index e = begin; e < end; ++e)
        for (int l = 1; l <= l_; ++l)
          for (int a = 0; a < 3; ++a)
            for (const Entry& g : generators(l, a)) {
              const T factor = static_cast<T>(g.value) * omega[e * 3 + a];
              const T* x = p + e * dim + (l * l + g.column) * channels;
              T* y = z + e * dim + (l * l + g.row) * channels;
              for (Index c = 0; c < channels; ++c) y[c] += factor * x[c];
            }
    });
  });
  return {out};
}

// < x (s o y) z >: arrays x, y = Y(r), z in this order, weights s.
SphereForm spatial_form(const ConvolutionDegrees& l) {
  return {
      {l.x, l.filter, l.z}, 1, {1}, {l.filter}, {{1, {{0, -1, 0, 1}, {1, 0, 0, 1}, {2, -1, 0, 1}}, false}}};
}

}  // namespace

Arrays ConvolutionSlot::eval_cpu(const Arrays& in) const {
  const Array& r = in.back();
  Array full[3];
  for (int s = 0, k = 0; s < 3; ++s)
    if (s != out_) full[s] = in[k++];
  const Recording off(false);
  if (engine_ == Engine::escn) return {convolve_in_frames(l_, out_, full[X], full[Z], full[S], r)};
  const Array y = spherical_harmonics(r, l_.filter);
  Arrays inputs;
  if (out_ != X) inputs.push_back(full[X]);
  inputs.push_back(y);
  if (out_ != Z) inputs.push_back(full[Z]);
  if (out_ != S) inputs.push_back(full[S]);
  return FormDerivative(spatial_form(l_), out_ == X ? 0 : out_ == Z ? 2 : 3, engine_).eval_cpu(inputs);
}

Array ConvolutionSlot::derivative(int k, const Arrays& full) const {
  return run(std::make_shared<ConvolutionSlot>(l_, static_cast<Slot>(k), engine_), without(full, k));
}

// By r from the torques on x and z, which need the derivatives by these, this member's own among them.
Arrays ConvolutionSlot::derivatives(const Arrays& full, const std::vector<bool>& wanted,
                                    const Arrays&) const {
  Arrays g(4), by(3);
  for (int s = 0; s < 3; ++s)
    if (wanted[s] || (wanted[R] && s != S)) by[s] = derivative(s, full);
  for (int s = 0; s < 3; ++s)
    if (wanted[s]) g[s] = s == S ? sum_to(by[S], full[S].shape()) : by[s];
  if (wanted[R])
    g[R] = gradient_from_torque(-(run(std::make_shared<FeatureTorque>(l_.x), {full[X], by[X]}) +
                                  run(std::make_shared<FeatureTorque>(l_.z), {full[Z], by[Z]})),
                                full[R]);
  return g;
}

GauntConvolution::GauntConvolution(int l1, int l2, int l3, const PlanOptions& options, Index channels)
    : l1_(l1), l2_(l2), l3_(l3) {
  check_degrees("gaunt_convolution", {l1, l2, l3});
  require(channels >= 1, "[gaunt_convolution] ", channels, " channels: there must be one or more");
  plan_ = plan_convolution({l1, l2, l3}, spatial_form({l1, l2, l3}), channels, options);
}

Array GauntConvolution::operator()(const EdgeList& list, const Array& x, const Array& vectors,
                                   const Array& radial) const {
  const char* op = "gaunt_convolution";
  const Index channels = channels_of(op, x, l1_), edges = list.size();
  require(x.ndim() == 2 && x.dim(0) == list.sender_nodes(), "[", op, "] x ", x.shape(), " for ",
          list.sender_nodes(), " nodes: it must be (", list.sender_nodes(), ", rows C)");
  require(vectors.shape() == Shape({edges, 3}) && vectors.dtype() == x.dtype(), "[", op, "] vectors ",
          vectors.dtype(), " ", vectors.shape(), ": they must be (", edges, ", 3), one an edge, of ",
          x.dtype(), " as x");
  check_vectors(op, vectors);
  Shape s = radial.shape();
  if (s.size() == 1) s.insert(s.begin(), 1);
  if (s.size() == 2) s.push_back(1);
  if (s.size() == 3) s.insert(s.begin() + 1, 1);
  require(s.size() == 4 && (s[0] == 1 || s[0] == edges) && s[2] == l2_ + 1 &&
              (s[3] == 1 || s[3] == channels) && radial.dtype() == x.dtype(),
          "[", op, "] radial factors ", radial.dtype(), " ", radial.shape(), " for ", edges,
          " edges, degree ", l2_, ", ", channels, " channels: they must be (", l2_ + 1, "), (", edges, ", ",
          l2_ + 1, ") or (", edges, ", ", l2_ + 1, ", ", channels, ")");
  const Array messages = run(std::make_shared<ConvolutionSlot>(ConvolutionDegrees{l1_, l2_, l3_},
                                                               ConvolutionSlot::Z, engine_of(plan_.engine)),
                             {gather(x, list.senders()), reshape(radial, s), vectors});
  return scatter_add(messages, list.receivers());
}

Array scale_degrees(const Array& x, int l, const Array& w, const Indices& kind) {
  const Index channels = channels_of("scale_degrees", x, l),
              samples = x.size() / std::max<Index>(x.dim(-1), 1);
  Shape s = w.shape();
  require(!s.empty() && s.size() <= 3, "[scale_degrees] weights ", s, ": they must be (", l + 1, "), (",
          l + 1, ", C) or (samples, ", l + 1, ", C)");
  if (s.size() == 1) s.push_back(1);
  if (s.size() == 2) s.insert(s.begin(), 1);
  s.insert(s.begin() + 1, 1);
  const Array weights = form_weights("scale_degrees", reshape(w, s), l, samples, channels, x.dtype(), kind);
  const SphereForm form{{l, l}, 1, {1}, {l}, {{1, {{0, 0, 0, 1}, {1, -1, 0, 1}}, false}}};
  return run(std::make_shared<FormDerivative>(form, 1, Engine::cg, SampleKinds{kind, 1}), {x, weights});
}

}  // namespace cartan::so3
