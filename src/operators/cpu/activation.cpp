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
      const Index n = end - begin;
      if (order_ == 0)
        return for_numbers(x + begin, n, [&](auto v, auto access, Index i) {
          access.store(y + begin + i, v * normal(v).below);
        });
      for_numbers(x + begin, n, [&](auto v, auto access, Index i) {
        const auto d = normal(v);
        auto factor = slope_of_gelu(v, d);
        if (order_ > 1) {
          factor = decltype(factor){};
          for (std::size_t k = p.size(); k-- > 0;) factor = factor * v + p[k];
          // the density goes to zero faster than any power; that of NaN is NaN
          factor = d.density == 0 ? decltype(factor){} : factor * d.density;
        }
        access.store(y + begin + i, access.load(c + begin + i) * factor);
      });
    });
  });
  return {out};
}

}  // namespace cartan::operators
