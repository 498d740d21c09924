#include "completion/neural/dense.hpp"

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "completion/neural/product.hpp"
#include "core/dispatch.hpp"
#include "core/simd.hpp"

namespace cartan::completion {
namespace primitives {
namespace {

Array product(const Array& a, const Array& b, bool ta, bool tb, Products products) {
  return run(std::make_shared<Product>(ta, tb, products), {a, b});
}

template <class T>
void multiply(Products products, Index m, Index n, Index k, MatrixView<T> a, MatrixView<T> b, T* c,
              const T* bias, bool rectify) {
  if constexpr (std::is_same_v<T, float>) {
    multiply_float(products, m, n, k, a, b, c, bias, rectify);
  } else {
    gemm_batched<T>({}, m, n, k, a, b, c, n, bias);
    if (!rectify) return;
    for (Index i = 0; i < m * n; ++i) c[i] = c[i] < 0 ? 0 : c[i];
  }
}

}  // namespace

Arrays Product::eval_cpu(const Arrays& in) const {
  const Index m = in[0].dim(ta_ ? 1 : 0), k = in[0].dim(ta_ ? 0 : 1), n = in[1].dim(tb_ ? 0 : 1);
  Array out = Array::uninitialized({m, n}, in[0].dtype());
  dispatch_real("product", out.dtype(), [&]<class T>(T) {
    multiply<T>(products_, m, n, k, {in[0].data<T>(), in[0].dim(1), ta_},
                {in[1].data<T>(), in[1].dim(1), tb_}, out.mutable_data<T>(), nullptr, false);
  });
  return {out};
}

Arrays Product::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                    const std::vector<bool>& wanted) const {
  const Array& c = cotangents[0];
  Arrays g(2);
  if (wanted[0])
    g[0] = ta_ ? product(in[1], c, tb_, true, products_) : product(c, in[1], false, !tb_, products_);
  if (wanted[1])
    g[1] = tb_ ? product(c, in[0], true, ta_, products_) : product(in[0], c, !ta_, false, products_);
  return g;
}

Arrays Dense::eval_cpu(const Arrays& in) const {
  const Index m = in[0].dim(0), k = in[0].dim(1), n = in[1].dim(0);
  Array out = Array::uninitialized({m, n}, in[0].dtype());
  dispatch_real("dense", out.dtype(), [&]<class T>(T) {
    multiply<T>(products_, m, n, k, {in[0].data<T>(), k}, {in[1].data<T>(), k, true}, out.mutable_data<T>(),
                in[2].data<T>(), rectify_);
  });
  return {out};
}

Arrays Dense::vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
                  const std::vector<bool>& wanted) const {
  const Array c = rectify_ ? run(std::make_shared<Gate>(), {cotangents[0], out[0]}) : cotangents[0];
  Arrays g(3);
  if (wanted[0]) g[0] = product(c, in[1], false, false, products_);
  if (wanted[1]) g[1] = product(c, in[0], true, false, products_);
  if (wanted[2]) g[2] = sum(c, 0);
  return g;
}

Arrays Gate::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("gate", out.dtype(), [&]<class T>(T) {
    const T *c = in[0].data<T>(), *y = in[1].data<T>();
    T* z = out.mutable_data<T>();
    parallel_for(out.size(), 32768, [&](Index begin, Index end) {
      for_strips<T>(end - begin, [&]<class V>(V, Index f) {
        const Index i = begin + f;
        store(z + i, load<V>(y + i) > 0 ? load<V>(c + i) : V{});
      });
    });
  });
  return {out};
}

Arrays Gate::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
                 const std::vector<bool>& wanted) const {
  Arrays g(2);
  if (wanted[0]) g[0] = run(std::make_shared<Gate>(), {cotangents[0], in[1]});
  if (wanted[1]) g[1] = Array::zeros(in[1].shape(), in[1].dtype(), in[1].device());
  return g;
}

}  // namespace primitives

Array dense(const Array& x, const nn::Linear& layer, bool rectify, Products products) {
  require(x.ndim() == 2 && layer.weight.ndim() == 2 && x.dim(1) == layer.weight.dim(1) &&
              layer.bias.shape() == Shape({layer.weight.dim(0)}),
          "[dense] input ", x.shape(), ", weight ", layer.weight.shape(), " and bias ", layer.bias.shape(),
          "; expected (B, in), (out, in) and (out)");
  require(is_real(x.dtype()) && x.dtype() == layer.weight.dtype() && x.dtype() == layer.bias.dtype(),
          "[dense] types ", x.dtype(), ", ", layer.weight.dtype(), " and ", layer.bias.dtype(),
          " differ or are not real; use cast");
  return run(std::make_shared<primitives::Dense>(rectify, products), {x, layer.weight, layer.bias});
}

}  // namespace cartan::completion
