#include "operators/difference.hpp"

#include <algorithm>

#include "cartan/core/parallel.hpp"

namespace cartan::operators {
namespace {

// Rows of `inner` numbers, n of them: out[i] += w in[j].
template <class T>
struct Rows {
  const T* in;
  T* out;
  Index inner;
  void add(Index i, Index j, T w) const {
    T* o = out + i * inner;
    const T* v = in + j * inner;
    for (Index k = 0; k < inner; ++k) o[k] += w * v[k];
  }
};

template <class T>
void differentiate(const Array& u, Array& result, int axis, double h, bool periodic, bool adjoint) {
  const Index n = u.dim(axis);
  Index outer = 1, inner = 1;
  for (int k = 0; k < u.ndim(); ++k) (k < axis ? outer : inner) *= k == axis ? 1 : u.dim(k);
  const T* in = u.data<T>();
  T* out = result.mutable_data<T>();
  const T half = static_cast<T>(0.5 / h), sixth = static_cast<T>(1 / (6 * h));
  static constexpr int edge[4] = {-11, 18, -9, 2};
  parallel_for(outer, std::max<Index>(1, 16384 / (n * inner)), [&](Index begin, Index end) {
    for (Index o = begin; o < end; ++o) {
      const Rows<T> rows{in + o * n * inner, out + o * n * inner, inner};
      std::fill(rows.out, rows.out + n * inner, T(0));
      const auto entry = [&](Index i, Index j, T w) { adjoint ? rows.add(j, i, w) : rows.add(i, j, w); };
      if (inner == 1 && n > 2) {  // along the last axis: the same, without calls for each
        const T sign = adjoint ? -half : half;
        if (periodic || !adjoint)
          for (Index i = 1; i + 1 < n; ++i) rows.out[i] = sign * (rows.in[i + 1] - rows.in[i - 1]);
        else
          for (Index i = 1; i + 1 < n; ++i) {
            rows.out[i - 1] -= half * rows.in[i];
            rows.out[i + 1] += half * rows.in[i];
          }
        if (periodic && adjoint) {
          rows.out[0] = sign * (rows.in[1] - rows.in[n - 1]);
          rows.out[n - 1] = sign * (rows.in[0] - rows.in[n - 2]);
          continue;
        }
      } else {
        for (Index i = 1; i + 1 < n; ++i) {
          entry(i, i + 1, half);
          entry(i, i - 1, -half);
        }
      }
      if (periodic) {
        entry(0, 1 % n, half);
        entry(0, n - 1, -half);
        entry(n - 1, 0, half);
        entry(n - 1, n - 2, -half);
      } else {
        for (Index k = 0; k < 4; ++k) {
          entry(0, k, static_cast<T>(edge[k]) * sixth);
          entry(n - 1, n - 1 - k, -static_cast<T>(edge[k]) * sixth);
        }
      }
    }
  });
}

}  // namespace

Arrays Difference::eval_cpu(const Arrays& inputs) const {
  const Array& u = inputs[0];
  Array out = Array::uninitialized(u.shape(), u.dtype());
  if (u.dtype() == DType::f32)
    differentiate<float>(u, out, axis_, h_, periodic_, adjoint_);
  else
    differentiate<double>(u, out, axis_, h_, periodic_, adjoint_);
  return {out};
}

}  // namespace cartan::operators
