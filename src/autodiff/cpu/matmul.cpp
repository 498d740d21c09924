#include "autodiff/matmul.hpp"

#include "core/dispatch.hpp"
#include "core/gemm.hpp"

namespace cartan::primitives {
namespace {

template <class T>
void multiply_batch(const T* a, const T* b, const T* bias, T* c, const MatrixSizes& s, bool ta, bool tb) {
  gemm_batched<T>({s.batch, s.m * s.k, s.k * s.n, s.m * s.n}, s.m, s.n, s.k, {a, ta ? s.m : s.k, ta},
                  {b, tb ? s.k : s.n, tb}, c, s.n, bias);
}

}  // namespace

Arrays MatMul::eval_cpu(const Arrays& in) const {
  if (sizes_.k == 0) return {Array::zeros(shape_, in[0].dtype())};
  Array out = Array::uninitialized(shape_, in[0].dtype());
  if (out.empty()) return {out};
  dispatch_field("matmul", out.dtype(), [&]<class T>(T) {
    multiply_batch<T>(in[0].data<T>(), in[1].data<T>(), nullptr, out.mutable_data<T>(), sizes_, ta_, tb_);
  });
  return {out};
}

Arrays Linear::eval_cpu(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape.back() = in[1].dim(0);
  const Index k = in[1].dim(1);
  Array out = Array::uninitialized(shape, in[0].dtype());
  if (out.empty()) return {out};
  const MatrixSizes sizes{1, in[0].size() / std::max<Index>(k, 1), shape.back(), k};
  dispatch_field("linear", out.dtype(), [&]<class T>(T) {
    multiply_batch<T>(in[0].data<T>(), in[1].data<T>(), in[2].data<T>(), out.mutable_data<T>(), sizes, false,
                      true);
  });
  return {out};
}

}  // namespace cartan::primitives
