#include "autodiff/fft.hpp"

#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/fft.hpp"
#include "core/workspace.hpp"

namespace cartan::primitives {
namespace {

// x (left, n, right) times `factor` at the given places along the middle axis.
template <class T, class U, class Here>
void scale_places(T* x, const Shape& shape, int axis, U factor, Here&& here) {
  Index left = 1, right = 1;
  for (int k = 0; k < axis; ++k) left *= shape[k];
  for (int k = axis + 1; k < static_cast<int>(shape.size()); ++k) right *= shape[k];
  const Index n = shape[axis];
  parallel_for(left, std::max<Index>(1, 65536 / std::max<Index>(1, n * right)), [&](Index begin, Index end) {
    for (Index l = begin; l < end; ++l)
      for (Index k = 0; k < n; ++k)
        if (here(k))
          for (Index r = 0; r < right; ++r) x[(l * n + k) * right + r] *= factor;
  });
}

}  // namespace

Arrays Fft::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_field(name(), out.dtype(), [&]<class T>(T) {
    if constexpr (is_complex_v<T>)
      fft_along(inverse_ ? FftKind::backward : FftKind::forward, in[0].data<T>(), in[0].shape(),
                out.mutable_data<T>(), out.shape(), axes_, factor_);
  });
  return {out};
}

Arrays RealFft::eval_cpu(const Arrays& in) const {
  const Array& x = in[0];
  const int last = axes_.back();
  Shape shape = x.shape();
  shape[last] = inverse_ ? n_ : n_ / 2 + 1;
  const DType type = inverse_ ? (x.dtype() == DType::c64 ? DType::f32 : DType::f64)
                              : (x.dtype() == DType::f32 ? DType::c64 : DType::c128);
  Array out = Array::uninitialized(shape, type);
  const auto twice = [&](Index k) { return k > 0 && 2 * k < n_; };  // elements that stand for two
  dispatch_real(name(), inverse_ ? type : x.dtype(), [&]<class T>(T) {
    using C = std::complex<T>;
    if (!inverse_) {
      C* y = out.mutable_data<C>();
      fft_along(FftKind::real_forward, x.data<T>(), x.shape(), y, shape, axes_, factor_);
      if (weighted_) scale_places(y, shape, last, T(2), twice);
      return;
    }
    Array copy = Array::uninitialized(x.shape(), x.dtype());  // which FFTW changes
    C* y = copy.mutable_data<C>();
    const C* from = x.data<C>();
    parallel_for(x.size(), 65536, [&](Index b, Index e) { std::copy(from + b, from + e, y + b); });
    if (weighted_) scale_places(y, x.shape(), last, T(0.5), twice);
    fft_along(FftKind::real_backward, y, x.shape(), out.mutable_data<T>(), shape, axes_, factor_);
  });
  return {out};
}

Arrays CosineTransform::eval_cpu(const Arrays& in) const {
  const Array& x = in[0];
  const FftKind kind = type_ == 1 ? FftKind::dct1 : type_ == 2 ? FftKind::dct2 : FftKind::dct3;
  Array out = Array::uninitialized(x.shape(), x.dtype());
  dispatch_real(name(), x.dtype(), [&]<class T>(T) {
    T* y = out.mutable_data<T>();
    const auto weigh = [&](double factor) {
      if (factor == 1) return;
      for (int axis : axes_) {
        const Index n = x.dim(axis);
        scale_places(y, x.shape(), axis, static_cast<T>(factor),
                     [&](Index k) { return k == 0 || (type_ == 1 && k == n - 1); });
      }
    };
    const T* from = x.data<T>();
    if (before_ != 1) {
      std::copy_n(from, x.size(), y);
      weigh(before_);
      from = y;
    }
    fft_along(kind, from, x.shape(), y, x.shape(), axes_, factor_);
    weigh(after_);
  });
  return {out};
}

}  // namespace cartan::primitives
