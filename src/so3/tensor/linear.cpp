// The linear map between irreps: the form sum over paths of factor w_uv x_um y_vm with its three partial
// derivatives. The channels of one coordinate m of all samples are a matrix with the rows
// irreps.dim() apart, so every path is 2 l + 1 matrix products without a copy.
#include <algorithm>
#include <cmath>

#include "autodiff/multilinear.hpp"
#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/so3/layers.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"

namespace cartan::so3 {

struct Linear::Form {
  Irreps in, out;
  std::vector<Path> paths;
  Index weight_numel = 0;
};

namespace {

constexpr Index tile = 32;  // rows of a weight matrix whose gradient is one task

class LinearForm : public Multilinear {
 public:
  using FormPtr = std::shared_ptr<const Linear::Form>;
  enum Slot { X, W, Y };
  // The derivative by `slot` as a function of the other two, in the order X, W, Y.
  LinearForm(FormPtr form, Slot slot) : Multilinear(3, slot), form_(std::move(form)) {}
  const char* name() const override { return "irreps_linear"; }

  Arrays eval_cpu(const Arrays& in) const override {
    const Array& like = in[slot() == X ? 1 : 0];  // an array of samples
    const Index rows = like.dim(0);
    Shape shape{rows, slot() == X ? form_->in.dim() : form_->out.dim()};
    if (slot() == W) shape = {form_->weight_numel};
    Array out = Array::zeros(shape, like.dtype());
    dispatch_real(name(), out.dtype(), [&]<class T>(T) {
      T* o = out.mutable_data<T>();
      const T *first = in[0].data<T>(), *second = in[1].data<T>();
      if (slot() == W) return by_weight(first, second, o, rows);
      const T* w = slot() == X ? first : second;
      const T* from = slot() == X ? second : first;
      parallel_for(rows, row_grain(), [&](Index b, Index e) { by_sample(from, w, o, b, e - b); });
    });
    return {out};
  }

 protected:
  Array derivative(int k, const Arrays& full) const override {
    return run(std::make_shared<LinearForm>(form_, static_cast<Slot>(k)), without(full, k));
  }

 private:
  // Rows enough for a million operations, and to pay for packing the weights.
  Index row_grain() const {
    double flops = 1;
    for (const auto& p : form_->paths)
      flops += 2.0 * static_cast<double>(form_->in[p.in].dim() * form_->out[p.out].mul);
    return std::clamp<Index>(static_cast<Index>(1e6 / flops), 32, 256);
  }
  template <class T>
  void by_sample(const T* from, const T* weights, T* to, Index first, Index rows) const {
    const Irreps &in = form_->in, &out = form_->out;
    for (const auto& p : form_->paths) {
      const Index u = in[p.in].mul, v = out[p.out].mul;
      const T* w = weights + p.offset;
      const T factor = static_cast<T>(p.factor);
      for (Index m = 0; m < in[p.in].ir.dim(); ++m) {
        const Index xi = first * in.dim() + in.offset(p.in) + m * u,
                    yi = first * out.dim() + out.offset(p.out) + m * v;
        if (slot() == Y)
          gemm_serial<T>(rows, v, u, {from + xi, in.dim()}, {w, v}, to + yi, out.dim(), factor, 1);
        else
          gemm_serial<T>(rows, u, v, {from + yi, out.dim()}, {w, v, true}, to + xi, in.dim(), factor, 1);
      }
    }
  }
  // Each task owns some rows of one path's matrix. Those of high degrees are the longest.
  template <class T>
  void by_weight(const T* x, const T* y, T* weights, Index rows) const {
    struct Task {
      std::size_t path;
      Index begin;
    };
    std::vector<Task> tasks;
    for (std::size_t p = 0; p < form_->paths.size(); ++p)
      for (Index u = 0; u < form_->in[form_->paths[p].in].mul; u += tile) tasks.push_back({p, u});
    const Irreps &in = form_->in, &out = form_->out;
    const auto cost = [&](const Task& t) {
      return in[form_->paths[t.path].in].ir.dim() * out[form_->paths[t.path].out].mul;
    };
    std::stable_sort(tasks.begin(), tasks.end(),
                     [&](const Task& a, const Task& b) { return cost(a) > cost(b); });
    parallel_tasks(static_cast<Index>(tasks.size()), [&](Index k) {
      const Task& task = tasks[static_cast<std::size_t>(k)];
      const auto& p = form_->paths[task.path];
      const Index u = in[p.in].mul, v = out[p.out].mul, count = std::min(tile, u - task.begin);
      T* w = weights + p.offset + task.begin * v;
      for (Index m = 0; m < in[p.in].ir.dim(); ++m)
        gemm_serial<T>(count, v, rows, {x + in.offset(p.in) + m * u + task.begin, in.dim(), true},
                       {y + out.offset(p.out) + m * v, out.dim()}, w, v, 1, 1);
      for (Index n = 0; n < count * v; ++n) w[n] *= static_cast<T>(p.factor);
    });
  }

  FormPtr form_;
};

bool has_bias(const MulIrrep& t) {
  return t.ir == Irrep{0, 1};
}

}  // namespace

Linear::Linear(Irreps in, Irreps out, bool bias, PathNormalization normalization) : bias_(bias) {
  auto form = std::make_shared<Form>();
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t o = 0; o < out.size(); ++o) {
      if (in[i].ir != out[o].ir) continue;
      Index channels = 0;
      for (const auto& t : in)
        if (t.ir == out[o].ir && normalization != PathNormalization::none)
          channels += normalization == PathNormalization::element ? t.mul : in[i].mul;
      form->paths.push_back(
          {i, o, form->weight_numel, channels > 0 ? 1 / std::sqrt(static_cast<double>(channels)) : 1});
      form->weight_numel = size_of(Shape{form->weight_numel + size_of(Shape{in[i].mul, out[o].mul})});
    }
  weight_numel_ = form->weight_numel;
  if (bias)
    for (const auto& t : out) bias_numel_ += has_bias(t) ? t.mul : 0;
  form->in = std::move(in);
  form->out = std::move(out);
  form_ = std::move(form);
}

const Irreps& Linear::irreps_in() const {
  return form_->in;
}
const Irreps& Linear::irreps_out() const {
  return form_->out;
}
const std::vector<Linear::Path>& Linear::paths() const {
  return form_->paths;
}

Array Linear::operator()(const Array& x, const Array& weight, const Array& bias) const {
  const Irreps &in = form_->in, &out = form_->out;
  require(x.ndim() >= 1 && x.dim(-1) == in.dim(), "[so3::Linear] x ", x.shape(), " for ", in,
          ": the last axis must have ", in.dim());
  require(weight.shape() == Shape({weight_numel_}), "[so3::Linear] weight ", weight.shape(), " from ", in,
          " to ", out, ": it must be (", weight_numel_, ")");
  require(bias.empty() ? bias_numel_ == 0 : bias.shape() == Shape({bias_numel_}), "[so3::Linear] bias ",
          bias.shape(), ": it must be (", bias_numel_, ")",
          bias_ ? ", one for every even scalar of the output" : " or empty; this map was made without");
  require(is_real(x.dtype()) && weight.dtype() == x.dtype() && (bias.empty() || bias.dtype() == x.dtype()),
          "[so3::Linear] types of x, weight, bias: ", x.dtype(), ", ", weight.dtype(), ", ",
          bias.empty() ? x.dtype() : bias.dtype(), ": all float32 or all float64; use cast");
  Shape shape = x.shape();
  shape.back() = out.dim();
  const Index rows = size_of(Shape(shape.begin(), shape.end() - 1));
  Array y = run(std::make_shared<LinearForm>(form_, LinearForm::Y), {reshape(x, {rows, in.dim()}), weight});
  if (!bias.empty()) {
    Arrays parts;
    Index at = 0;
    for (const auto& t : out) {
      if (t.mul == 0) continue;
      parts.push_back(has_bias(t) ? slice(bias, 0, at, at + t.mul)
                                  : Array::zeros({t.dim()}, x.dtype(), x.device()));
      at += has_bias(t) ? t.mul : 0;
    }
    y = y + concatenate(parts, 0);
  }
  return reshape(y, shape);
}

}  // namespace cartan::so3
