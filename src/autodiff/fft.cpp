#include "cartan/autodiff/fft.hpp"

#include <algorithm>
#include <cmath>

#include "autodiff/broadcast.hpp"
#include "autodiff/fft.hpp"
#include "cartan/autodiff/ops.hpp"

namespace cartan {
namespace primitives {

Arrays Fft::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {run(std::make_shared<Fft>(axes_, !inverse_, factor_), cotangents)};
}

Arrays RealFft::vjp(const Arrays&, const Arrays&, const Arrays& cotangents, const std::vector<bool>&) const {
  return {run(std::make_shared<RealFft>(axes_, n_, !inverse_, !weighted_, factor_), cotangents)};
}

// With E = diag(1/2 at the ends, 1): K2^T = K3 E^-1, K3^T = E K2, K1^T = E K1 E^-1.
Arrays CosineTransform::vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
                            const std::vector<bool>&) const {
  const int type = type_ == 1 ? 1 : 5 - type_;
  const double before = type_ == 3 ? after_ : 2 * after_, after = type_ == 2 ? before_ : before_ / 2;
  return {run(std::make_shared<CosineTransform>(axes_, type, before, after, factor_), cotangents)};
}

}  // namespace primitives
namespace {

std::vector<int> checked_axes(const char* op, const Array& x, const std::vector<int>& axes) {
  require(!axes.empty(), "[", op, "] no axes; name one or more");
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(static_cast<int>(axis_of(op, x, axis)));
    require(std::count(out.begin(), out.end(), out.back()) == 1, "[", op, "] axis ", axis,
            " is named twice for an array of shape ", x.shape());
  }
  return out;
}

// x cut or filled up with zeros to extent n along an axis.
Array resized(const char* op, Array x, int axis, Index n) {
  require(n >= 1, "[", op, "] size ", n, " along axis ", axis, " of an array of shape ", x.shape(),
          "; at least 1");
  if (n < x.dim(axis)) return slice(x, axis, 0, n);
  return n > x.dim(axis) ? pad(x, axis, 0, n - x.dim(axis)) : x;
}

double factor_of(FftNorm norm, bool inverse, double n) {
  if (norm == FftNorm::ortho) return 1 / std::sqrt(n);
  return (norm == FftNorm::backward) == inverse ? 1 / n : 1;
}

void check_sizes(const char* op, const std::vector<int>& axes, const Shape& sizes) {
  require(sizes.empty() || sizes.size() == axes.size(), "[", op, "] ", sizes.size(), " sizes for ",
          axes.size(), " axes");
}

Array complex_fft(Array x, const std::vector<int>& named, const Shape& sizes, FftNorm norm, bool inverse) {
  const char* op = inverse ? "ifft" : "fft";
  const std::vector<int> axes = checked_axes(op, x, named);
  check_sizes(op, axes, sizes);
  if (is_real(x.dtype())) x = cast(x, x.dtype() == DType::f32 ? DType::c64 : DType::c128);
  require(is_complex(x.dtype()), "[", op, "] elements are ", x.dtype(), "; use floating or complex ones");
  double n = 1;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    x = resized(op, x, axes[k], sizes.empty() ? x.dim(axes[k]) : sizes[k]);
    n *= static_cast<double>(x.dim(axes[k]));
  }
  return run(std::make_shared<primitives::Fft>(axes, inverse, factor_of(norm, inverse, n)), {x});
}

Array cosine(const Array& x, int type, const std::vector<int>& named, FftNorm norm, bool inverse) {
  const char* op = inverse ? "idct" : "dct";
  require(type >= 1 && type <= 3, "[", op, "] type ", type, "; expected 1, 2 or 3");
  require(is_real(x.dtype()), "[", op, "] elements are ", x.dtype(), "; use float32 or float64");
  const std::vector<int> axes = checked_axes(op, x, named);
  double n = 1;
  for (int axis : axes) {
    const Index extent = x.dim(axis), least = type == 1 ? 2 : 1;
    require(extent >= least, "[", op, "] extent ", extent, " along axis ", axis, " of shape ", x.shape(),
            "; type ", type, " needs ", least, " at least");
    n *= 2 * static_cast<double>(type == 1 ? extent - 1 : extent);
  }
  const int kind = !inverse || type == 1 ? type : 5 - type;  // K2 K3 = 2 n, K1 K1 = 2 (n - 1)
  double before = 1, after = 1;
  if (norm == FftNorm::ortho) {
    const double root = std::sqrt(2.0);
    if (kind != 2) before = root;
    if (kind != 3) after = 1 / root;
  }
  return run(
      std::make_shared<primitives::CosineTransform>(axes, kind, before, after, factor_of(norm, inverse, n)),
      {x});
}

}  // namespace

Array fft(const Array& x, const std::vector<int>& axes, const Shape& sizes, FftNorm norm) {
  return complex_fft(x, axes, sizes, norm, false);
}
Array ifft(const Array& x, const std::vector<int>& axes, const Shape& sizes, FftNorm norm) {
  return complex_fft(x, axes, sizes, norm, true);
}

Array rfft(const Array& a, const std::vector<int>& named, const Shape& sizes, FftNorm norm) {
  require(is_real(a.dtype()), "[rfft] elements are ", a.dtype(), "; use float32 or float64, or fft");
  const std::vector<int> axes = checked_axes("rfft", a, named);
  check_sizes("rfft", axes, sizes);
  Array x = a;
  double n = 1;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    x = resized("rfft", x, axes[k], sizes.empty() ? x.dim(axes[k]) : sizes[k]);
    n *= static_cast<double>(x.dim(axes[k]));
  }
  const Index last = x.dim(axes.back());
  return run(std::make_shared<primitives::RealFft>(axes, last, false, false, factor_of(norm, false, n)), {x});
}

Array irfft(const Array& a, const std::vector<int>& named, const Shape& sizes, FftNorm norm) {
  require(is_complex(a.dtype()), "[irfft] elements are ", a.dtype(), "; use complex ones");
  const std::vector<int> axes = checked_axes("irfft", a, named);
  check_sizes("irfft", axes, sizes);
  const Index last = sizes.empty() ? 2 * (a.dim(axes.back()) - 1) : sizes.back();
  require(last >= 1, "[irfft] size ", last, " along axis ", axes.back(), " of an array of shape ", a.shape(),
          "; name sizes of at least 1");
  Array x = a;
  double n = static_cast<double>(last);
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const bool real = k + 1 == axes.size();
    x = resized("irfft", x, axes[k], real ? last / 2 + 1 : sizes.empty() ? x.dim(axes[k]) : sizes[k]);
    if (!real) n *= static_cast<double>(x.dim(axes[k]));
  }
  return run(std::make_shared<primitives::RealFft>(axes, last, true, false, factor_of(norm, true, n)), {x});
}

Array dct(const Array& x, int type, const std::vector<int>& axes, FftNorm norm) {
  return cosine(x, type, axes, norm, false);
}
Array idct(const Array& x, int type, const std::vector<int>& axes, FftNorm norm) {
  return cosine(x, type, axes, norm, true);
}

}  // namespace cartan
