// Sums in float64, and broadcasting.
#include "autodiff/reduce.hpp"

#include "autodiff/broadcast.hpp"
#include "core/dispatch.hpp"

namespace cartan::primitives {
namespace {

template <class T>
struct accumulator {
  using type = double;
};
template <class T>
struct accumulator<std::complex<T>> {
  using type = std::complex<double>;
};

// (outer, n, inner) -> (outer, inner)
template <class T>
void sum_middle(const T* x, T* y, Index outer, Index n, Index inner) {
  using Sum = typename accumulator<T>::type;
  if (inner == 1) {
    const Index grain = std::max<Index>(1, elementwise_grain / std::max<Index>(n, 1));
    parallel_for(outer, grain, [&](Index begin, Index end) {
      for (Index o = begin; o < end; ++o) {
        if constexpr (std::is_floating_point_v<T>) {
          y[o] = static_cast<T>(deterministic_sum(x + o * n, n));
        } else {
          Sum total{};
          for (Index k = 0; k < n; ++k) total += Sum(x[o * n + k]);
          y[o] = T(total);
        }
      }
    });
    return;
  }
  constexpr Index width = 64;
  const Index strips = (inner + width - 1) / width;
  const Index grain = std::max<Index>(1, elementwise_grain / std::max<Index>(n * width, 1));
  parallel_for(outer * strips, grain, [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index o = s / strips, first = s % strips * width, count = std::min(width, inner - first);
      const T* p = x + o * n * inner + first;
      Sum total[width] = {};
      if (count == width) {
        for (Index k = 0; k < n; ++k, p += inner)
          for (Index l = 0; l < width; ++l) total[l] += Sum(p[l]);
      } else {
        for (Index k = 0; k < n; ++k, p += inner)
          for (Index l = 0; l < count; ++l) total[l] += Sum(p[l]);
      }
      for (Index l = 0; l < count; ++l) y[o * inner + first + l] = T(total[l]);
    }
  });
}

}  // namespace

Arrays Sum::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(shape_, in[0].dtype());
  const Split s = split(in[0].shape());
  dispatch_field("sum", out.dtype(), [&]<class T>(T) {
    sum_middle(in[0].data<T>(), out.mutable_data<T>(), s.outer, s.n, s.inner);
  });
  return {out};
}

Arrays BroadcastTo::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(shape_, in[0].dtype());
  const BroadcastWalk walk(shape_, in[0].shape(), in[0].shape());
  dispatch_any(out.dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
      walk.pieces(begin, end, [&](Index o, Index i, Index, Index n) {
        if (walk.stride_a.back())
          std::copy_n(x + i, n, y + o);
        else
          std::fill_n(y + o, n, x[i]);
      });
    });
  });
  return {out};
}

}  // namespace cartan::primitives
