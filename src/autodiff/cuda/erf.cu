#include "autodiff/erf.hpp"

#include "core/cuda/loop.hpp"

namespace cartan::primitives {
namespace {

template <class T>
void erf_of(const Array& a, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = ::erf(x[i]); });
}

}  // namespace

Arrays Erf::eval_cuda(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype(), in[0].device());
  dispatch_real("erf", out.dtype(), [&]<class T>(T) { erf_of<T>(in[0], out); });
  return {out};
}

}  // namespace cartan::primitives
