#include "autodiff/erf.hpp"

#include <cmath>
#include <numbers>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace primitives {

Arrays Erf::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("erf", out.dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(out.size(), 4096, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) y[i] = std::erf(x[i]);
    });
  });
  return {out};
}

Arrays Erf::vjp(const Arrays& in, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {scale(cotangents[0] * exp(negative(square(in[0]))), 2 / std::sqrt(std::numbers::pi))};
}

}  // namespace primitives

Array erf(const Array& a) {
  return run(std::make_shared<primitives::Erf>(), {a});
}

}  // namespace cartan
