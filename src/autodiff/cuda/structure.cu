// Moves elements on a CUDA device.
#include "autodiff/structure.hpp"

#include "autodiff/cuda/walk.hpp"
#include "core/cuda/loop.hpp"

namespace cartan::primitives {
namespace {

struct Sixteen {
  std::uint64_t a, b;
};

// f with a type as large as an element.
template <class F>
void dispatch_size(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1:
      return f(std::uint8_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(std::uint64_t{});
    default:
      return f(Sixteen{});
  }
}

template <class T>
void move_by(const Walk& walk, const Array& a, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    Index j, k;
    walk.find(i, j, k);
    y[i] = x[j];
  });
}

// `rows` pieces of `bytes`, at distances of `from_step` and `to_step`.
void copy_rows(Device device, void* to, std::size_t to_step, const void* from, std::size_t from_step,
               std::size_t bytes, Index rows) {
  if (bytes == 0 || rows == 0) return;
  const cuda::On on(device.index);
  cuda::check(cudaMemcpy2DAsync(to, to_step, from, from_step, bytes, static_cast<std::size_t>(rows),
                                cudaMemcpyDeviceToDevice, cuda::stream(device.index)),
              "a copy of rows");
}

template <class T>
void gather_rows(const Array& a, const Array& rows, Index inner, Array& out) {
  const T* x = cuda::elements<T>(a);
  const auto* row = cuda::elements<std::int32_t>(rows);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(),
                 [=] __device__(Index i) { y[i] = x[row[i / inner] * inner + i % inner]; });
}

// A thread adds the sources of its element in ascending order, as on the host: no atomics.
template <class T>
void scatter_rows(const Array& a, const Indices::OnDevice& rows, Index inner, Array& out) {
  const T* x = cuda::elements<T>(a);
  const auto* position = cuda::elements<std::int32_t>(rows.inverse);
  const auto* begin = cuda::elements<Index>(rows.inverse_begin);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    const Index r = i / inner, l = i % inner;
    double total = 0;
    for (Index k = begin[r]; k < begin[r + 1]; ++k) total += static_cast<double>(x[position[k] * inner + l]);
    y[i] = static_cast<T>(total);
  });
}

template <class To, class From>
__device__ To converted(From x) {
  if constexpr (cuda::is_complex_element<From>) {
    using Real = typename To::value_type;
    return To(static_cast<Real>(x.real()), static_cast<Real>(x.imag()));
  } else if constexpr (cuda::is_complex_element<To>) {
    return To(static_cast<typename To::value_type>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void convert(const Array& a, Array& out) {
  const From* x = cuda::elements<From>(a);
  To* y = cuda::mutable_elements<To>(out);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = converted<To>(x[i]); });
}

}  // namespace

Arrays Permute::eval_cuda(const Arrays& in) const {
  const Array& a = in[0];
  const std::size_t n = axes_.size();
  Shape shape(n);
  std::vector<Index> stride(n), source(n, 1);
  for (std::size_t k = n; k-- > 1;) source[k - 1] = source[k] * a.shape()[k];
  for (std::size_t k = 0; k < n; ++k) shape[k] = a.shape()[axes_[k]], stride[k] = source[axes_[k]];
  Array out = Array::uninitialized(shape, a.dtype(), a.device());
  const Walk walk("permute", shape, stride, stride);
  dispatch_size(a.dtype(), [&]<class T>(T) { move_by<T>(walk, a, out); });
  return {out};
}

Arrays Slice::eval_cuda(const Arrays& in) const {
  const Array& a = in[0];
  Shape shape = a.shape();
  shape[axis_] = end_ - begin_;
  Array out = Array::uninitialized(shape, a.dtype(), a.device());
  const std::size_t unit = size_of(a.dtype()) * product(shape, axis_ + 1, shape.size());
  const std::size_t bytes = unit * (end_ - begin_);
  copy_rows(a.device(), out.mutable_address(), bytes, static_cast<const char*>(a.address()) + unit * begin_,
            unit * a.shape()[axis_], bytes, product(shape, 0, axis_));
  return {out};
}

Arrays Concatenate::eval_cuda(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[axis_] = 0;
  for (const Array& a : in) shape[axis_] += a.shape()[axis_];
  Array out = Array::uninitialized(shape, in[0].dtype(), in[0].device());
  const std::size_t unit = size_of(out.dtype()) * product(shape, axis_ + 1, shape.size());
  char* y = static_cast<char*>(out.mutable_address());
  for (const Array& a : in) {
    const std::size_t bytes = unit * a.shape()[axis_];
    copy_rows(out.device(), y, unit * shape[axis_], a.address(), bytes, bytes, product(shape, 0, axis_));
    y += bytes;
  }
  return {out};
}

Arrays Gather::eval_cuda(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[0] = rows_.size();
  Array out = Array::uninitialized(shape, in[0].dtype(), in[0].device());
  const Array& rows = rows_.on(out.device()).rows;
  const Index inner = product(shape, 1, shape.size());
  dispatch_size(out.dtype(), [&]<class T>(T) { gather_rows<T>(in[0], rows, inner, out); });
  return {out};
}

Arrays ScatterAdd::eval_cuda(const Arrays& in) const {
  Shape shape = in[0].shape();
  shape[0] = rows_.extent();
  Array out = Array::uninitialized(shape, in[0].dtype(), in[0].device());
  const Indices::OnDevice& rows = rows_.on(out.device());
  const Index inner = product(shape, 1, shape.size());
  dispatch_real("scatter_add", out.dtype(), [&]<class T>(T) { scatter_rows<T>(in[0], rows, inner, out); });
  return {out};
}

Arrays Cast::eval_cuda(const Arrays& in) const {
  const Array& a = in[0];
  require(!is_complex(a.dtype()) || is_complex(dtype_), "[cast] ", a.dtype(), " to ", dtype_,
          " would lose the imaginary part");
  Array out = Array::uninitialized(a.shape(), dtype_, a.device());
  dispatch_field("cast", a.dtype(), [&]<class From>(From) {
    dispatch_field("cast", dtype_, [&]<class To>(To) {
      if constexpr (!is_complex_v<From> || is_complex_v<To>)
        convert<cuda::element<From>, cuda::element<To>>(a, out);
    });
  });
  return {out};
}

}  // namespace cartan::primitives
