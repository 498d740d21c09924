#include "operators/activation.hpp"

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "operators/cpu/normal.hpp"

namespace cartan::operators {

Arrays Gelu::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    const T* c = order_ > 0 ? in[1].data<T>() : nullptr;
    T* y = out.mutable_data<T>();
    const std::vector<T> p(polynomial_.begin(), polynomial_.end());
    parallel_for(out.size(), 8192, [&](Index begin, Index end) {
      if (order_ == 0) {
        for (Index i = begin; i < end; ++i) y[i] = x[i] * normal(x[i]).below;
      } else if (order_ == 1) {
        for (Index i = begin; i < end; ++i) {
          const Normal<T> n = normal(x[i]);
          y[i] = c[i] * (n.below + x[i] * n.density);
        }
      } else {
        for (Index i = begin; i < end; ++i) {
          T s = 0;
          for (std::size_t k = p.size(); k-- > 0;) s = s * x[i] + p[k];
          y[i] = c[i] * s * normal(x[i]).density;
        }
      }
    });
  });
  return {out};
}

}  // namespace cartan::operators
