// Moves elements.
#include "autodiff/structure.hpp"

#include <cstring>

#include "autodiff/broadcast.hpp"
#include "core/dispatch.hpp"

namespace cartan::primitives {

Arrays Permute::eval_cpu(const Arrays& in) const {
  const Array& a = in[0];
  const std::size_t n = axes_.size();
  Shape shape(n);
  std::vector<Index> stride(n), source(n, 1);
  for (std::size_t k = n; k-- > 1;) source[k - 1] = source[k] * a.shape()[k];
  for (std::size_t k = 0; k < n; ++k) {
    shape[k] = a.shape()[static_cast<std::size_t>(axes_[k])];
    stride[k] = source[static_cast<std::size_t>(axes_[k])];
  }
  Array out = Array::uninitialized(shape, a.dtype());
  if (out.empty()) return {out};
  const Index row = n ? shape[n - 1] : 1, step = n ? stride[n - 1] : 1;
  dispatch_any(a.dtype(), [&]<class T>(T) {
    const T* x = a.data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(out.size() / row, std::max<Index>(1, elementwise_grain / row), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        Index rest = r, from = 0;
        for (std::size_t k = n > 0 ? n - 1 : 0; k-- > 0;) {
          from += rest % shape[k] * stride[k];
          rest /= shape[k];
        }
        for (Index i = 0; i < row; ++i) y[r * row + i] = x[from + i * step];
      }
    });
  });
  return {out};
}

Arrays Slice::eval_cpu(const Arrays& in) const {
  const Array& a = in[0];
  Shape shape = a.shape();
  shape[axis_] = end_ - begin_;
  Array out = Array::uninitialized(shape, a.dtype());
  const Index outer = product(shape, 0, axis_), inner = product(shape, axis_ + 1, shape.size());
  const std::size_t unit = size_of(a.dtype()) * static_cast<std::size_t>(inner);
  const Index from = a.shape()[axis_], count = end_ - begin_;
  const char* x = static_cast<const char*>(a.raw());
  char* y = static_cast<char*>(out.mutable_raw());
  parallel_for(outer, std::max<Index>(1, elementwise_grain / std::max<Index>(1, count * inner)),
               [&](Index b, Index e) {
                 for (Index o = b; o < e; ++o)
                   std::memcpy(y + static_cast<std::size_t>(o * count) * unit,
                               x + static_cast<std::size_t>(o * from + begin_) * unit,
                               static_cast<std::size_t>(count) * unit);
               });
  return {out};
}

Arrays Concatenate::eval_cpu(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[axis_] = 0;
  for (const Array& a : in) shape[axis_] += a.shape()[axis_];
  Array out = Array::uninitialized(shape, in[0].dtype());
  const Index outer = product(shape, 0, axis_), inner = product(shape, axis_ + 1, shape.size());
  const std::size_t unit = size_of(out.dtype()) * static_cast<std::size_t>(inner);
  char* y = static_cast<char*>(out.mutable_raw());
  Index first = 0;
  for (const Array& a : in) {
    const Index count = a.shape()[axis_];
    const char* x = static_cast<const char*>(a.raw());
    const Index start = first;
    parallel_for(outer, std::max<Index>(1, elementwise_grain / std::max<Index>(1, count * inner)),
                 [&](Index b, Index e) {
                   for (Index o = b; o < e; ++o)
                     std::memcpy(y + static_cast<std::size_t>(o * shape[axis_] + start) * unit,
                                 x + static_cast<std::size_t>(o * count) * unit,
                                 static_cast<std::size_t>(count) * unit);
                 });
    first += count;
  }
  return {out};
}

Arrays Gather::eval_cpu(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[0] = rows_.size();
  Array out = Array::uninitialized(shape, in[0].dtype());
  const Index inner = product(shape, 1, shape.size());
  const std::size_t unit = size_of(out.dtype()) * static_cast<std::size_t>(inner);
  const char* x = static_cast<const char*>(in[0].raw());
  char* y = static_cast<char*>(out.mutable_raw());
  parallel_for(rows_.size(), std::max<Index>(1, elementwise_grain / std::max<Index>(1, inner)),
               [&](Index b, Index e) {
                 for (Index k = b; k < e; ++k)
                   std::memcpy(y + static_cast<std::size_t>(k) * unit,
                               x + static_cast<std::size_t>(rows_[k]) * unit, unit);
               });
  return {out};
}

Arrays ScatterAdd::eval_cpu(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[0] = rows_.extent();
  Array out = Array::zeros(shape, in[0].dtype());
  const Index inner = product(shape, 1, shape.size());
  const auto& begin = rows_.inverse_begin();
  const auto& position = rows_.inverse();
  // Each output row sums its sources in ascending order: no atomics, the same bits for any threads.
  dispatch_real("scatter_add", out.dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    T* y = out.mutable_data<T>();
    const Index per_row = std::max<Index>(1, inner * (rows_.size() / std::max<Index>(1, shape[0]) + 1));
    parallel_for(shape[0], std::max<Index>(1, elementwise_grain / per_row), [&](Index b, Index e) {
      std::vector<double> total(static_cast<std::size_t>(inner));
      for (Index r = b; r < e; ++r) {
        std::fill(total.begin(), total.end(), 0.0);
        for (Index k = begin[static_cast<std::size_t>(r)]; k < begin[static_cast<std::size_t>(r) + 1]; ++k) {
          const T* from = x + position[static_cast<std::size_t>(k)] * inner;
          for (Index i = 0; i < inner; ++i)
            total[static_cast<std::size_t>(i)] += static_cast<double>(from[i]);
        }
        for (Index i = 0; i < inner; ++i)
          y[r * inner + i] = static_cast<T>(total[static_cast<std::size_t>(i)]);
      }
    });
  });
  return {out};
}

Arrays Cast::eval_cpu(const Arrays& in) const {
  return {in[0].as(dtype_)};
}

}  // namespace cartan::primitives
