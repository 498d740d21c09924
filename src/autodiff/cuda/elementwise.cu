// Values of the elementwise primitives on a CUDA device.
#include "autodiff/elementwise.hpp"

#include <cmath>

#include "autodiff/accumulate.hpp"
#include "autodiff/broadcast.hpp"
#include "autodiff/cuda/walk.hpp"
#include "core/cuda/loop.hpp"

namespace cartan::primitives {
namespace {

template <class T>
__device__ T value(Exp, T x) {
  return ::exp(x);
}
template <class T>
__device__ T value(Log, T x) {
  return ::log(x);
}
template <class T>
__device__ T value(Sin, T x) {
  return ::sin(x);
}
template <class T>
__device__ T value(Cos, T x) {
  return ::cos(x);
}
template <class T>
__device__ T value(Tanh, T x) {
  return ::tanh(x);
}
template <class T>
__device__ T value(Sqrt, T x) {
  return ::sqrt(x);
}
template <class T>
__device__ T value(Reciprocal, T x) {
  return 1 / x;
}
template <class T>
__device__ T value(Square, T x) {
  return x * x;
}
template <class T>
__device__ T value(Abs, T x) {
  return ::fabs(x);
}
template <class T>
__device__ T value(Sign, T x) {
  return static_cast<T>((x > 0) - (x < 0));
}
template <class T>
__device__ T value(Sigmoid, T x) {
  return 1 / (1 + ::exp(-x));
}
template <class T>
__device__ T value(Softplus, T x) {
  return ::fmax(x, T(0)) + ::log(1 + ::exp(-::fabs(x)));
}

template <class T>
__device__ T value(Add, T a, T b) {
  return a + b;
}
template <class T>
__device__ T value(Subtract, T a, T b) {
  return a - b;
}
template <class T>
__device__ T value(Multiply, T a, T b) {
  return a * b;
}
template <class T>
__device__ T value(Divide, T a, T b) {
  return a / b;
}
// Complex numbers are refused by the ops.
#define CARTAN_CONDITION(Tag, holds)           \
  template <class T>                           \
  __device__ T value(Tag, T a, T b) {          \
    if constexpr (cuda::is_complex_element<T>) \
      return T();                              \
    else                                       \
      return (holds) ? T(1) : T(0);            \
  }
CARTAN_CONDITION(Less, a < b)
CARTAN_CONDITION(Above, a > b || a != a)
CARTAN_CONDITION(Below, a < b || a != a)
#undef CARTAN_CONDITION

Array like(const Array& a) {
  return Array::uninitialized(a.shape(), a.dtype(), a.device());
}

template <class Tag, class T>
void unary(const Array& a, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = value(Tag(), x[i]); });
}

template <class Tag, class T>
void binary(const Array& a, const Array& b, Array& out) {
  const T *x = cuda::elements<T>(a), *y = cuda::elements<T>(b);
  T* z = cuda::mutable_elements<T>(out);
  const BroadcastWalk axes(out.shape(), a.shape(), b.shape());
  const Walk walk(Tag::name, axes.extent, axes.stride_a, axes.stride_b);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    Index j, k;
    walk.find(i, j, k);
    z[i] = value(Tag(), x[j], y[k]);
  });
}

template <class T>
struct real_of {
  using type = T;
};
template <class T>
struct real_of<::cuda::std::complex<T>> {
  using type = T;
};

template <class T>
void scaled(const Array& a, double factor, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  const auto f = static_cast<typename real_of<T>::type>(factor);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = x[i] * f; });
}

template <class T>
void shifted(const Array& a, double offset, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  const T f(static_cast<T>(offset));
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = x[i] + f; });
}

template <class T>
void chosen(const Arrays& in, Array& out) {
  const T *c = cuda::elements<T>(in[0]), *a = cuda::elements<T>(in[1]), *b = cuda::elements<T>(in[2]);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) { y[i] = c[i] != T(0) ? a[i] : b[i]; });
}

template <class T>
void raised(const Array& a, double exponent, bool whole, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  const int n = whole ? static_cast<int>(std::abs(exponent)) : 0;
  const T p = static_cast<T>(exponent);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) {
    if (!whole) {
      y[i] = ::pow(x[i], p);
      return;
    }
    T result = 1, base = x[i];
    for (int e = n; e; e >>= 1, base *= base)
      if (e & 1) result *= base;
    y[i] = p < 0 ? 1 / result : result;
  });
}

// Polynomials of the sigmoid, as a kernel's argument.
struct SiluTerms {
  static constexpr int most = 16;
  int slope_count = 0, constant_count = 0;
  double slope[most], constant[most];
};

template <class T>
void silu_derivative(const Arrays& in, const SiluTerms& terms, Array& out) {
  const T* x = cuda::elements<T>(in[0]);
  const T* c = in.size() > 1 ? cuda::elements<T>(in[1]) : nullptr;
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    const T s = 1 / (1 + ::exp(-x[i]));
    T p = static_cast<T>(terms.slope[terms.slope_count - 1]), q = 0;
    for (int k = terms.slope_count - 1; k-- > 0;) p = p * s + static_cast<T>(terms.slope[k]);
    for (int k = terms.constant_count; k-- > 0;) q = q * s + static_cast<T>(terms.constant[k]);
    y[i] = (c ? c[i] : T(1)) * (x[i] * p + q);
  });
}

template <class T>
void conjugated(const Array& a, Array& out) {
  using Complex = ::cuda::std::complex<T>;
  const Complex* x = cuda::elements<Complex>(a);
  Complex* y = cuda::mutable_elements<Complex>(out);
  cuda::for_each(a.device(), a.size(),
                 [=] __device__(Index i) { y[i] = Complex(x[i].real(), -x[i].imag()); });
}

// Real and imaginary parts stand side by side.
template <class T>
void part_of(const Array& a, int part, Array& out) {
  const T* x = cuda::elements<T>(a);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { y[i] = x[2 * i + part]; });
}

template <class T>
void combined(const Arrays& parts, Array& out) {
  const T *re = cuda::elements<T>(parts[0]), *im = cuda::elements<T>(parts[1]);
  T* y = cuda::mutable_elements<T>(out);
  cuda::for_each(out.device(), out.size(), [=] __device__(Index i) {
    y[2 * i] = re[i];
    y[2 * i + 1] = im[i];
  });
}

template <class T>
void accumulate(Array& a, const Array& b) {
  T* x = cuda::mutable_elements<T>(a);
  const T* y = cuda::elements<T>(b);
  cuda::for_each(a.device(), a.size(), [=] __device__(Index i) { x[i] = x[i] + y[i]; });
}

}  // namespace

template <class Tag>
Arrays Unary<Tag>::eval_cuda(const Arrays& in) const {
  Array out = like(in[0]);
  dispatch_real(Tag::name, out.dtype(), [&]<class T>(T) { unary<Tag, T>(in[0], out); });
  return {out};
}

template <class Tag>
Arrays Binary<Tag>::eval_cuda(const Arrays& in) const {
  Array out = Array::uninitialized(shape_, in[0].dtype(), in[0].device());
  dispatch_field(Tag::name, out.dtype(),
                 [&]<class T>(T) { binary<Tag, cuda::element<T>>(in[0], in[1], out); });
  return {out};
}

#define CARTAN_UNARY(Tag, name) template Arrays Unary<Tag>::eval_cuda(const Arrays&) const;
CARTAN_UNARY_OPS(CARTAN_UNARY)
#define CARTAN_BINARY(Tag, name) template Arrays Binary<Tag>::eval_cuda(const Arrays&) const;
CARTAN_BINARY_OPS(CARTAN_BINARY)

Arrays Scale::eval_cuda(const Arrays& in) const {
  Array out = like(in[0]);
  dispatch_field("scale", out.dtype(), [&]<class T>(T) { scaled<cuda::element<T>>(in[0], factor_, out); });
  return {out};
}

Arrays Shift::eval_cuda(const Arrays& in) const {
  Array out = like(in[0]);
  dispatch_field("shift", out.dtype(), [&]<class T>(T) { shifted<cuda::element<T>>(in[0], offset_, out); });
  return {out};
}

Arrays Where::eval_cuda(const Arrays& in) const {
  Array out = like(in[1]);
  dispatch_real("where", out.dtype(), [&]<class T>(T) { chosen<T>(in, out); });
  return {out};
}

Arrays Power::eval_cuda(const Arrays& in) const {
  Array out = like(in[0]);
  dispatch_real("power", out.dtype(), [&]<class T>(T) { raised<T>(in[0], exponent_, integer(), out); });
  return {out};
}

Arrays Silu::eval_cuda(const Arrays& in) const {
  SiluTerms terms;
  if (slope_.size() > terms.most)
    throw DeviceError(text("[silu] the CUDA kernel has no derivatives beyond order ", terms.most - 2));
  terms.slope_count = static_cast<int>(slope_.size());
  terms.constant_count = static_cast<int>(constant_.size());
  std::copy(slope_.begin(), slope_.end(), terms.slope);
  std::copy(constant_.begin(), constant_.end(), terms.constant);
  Array out = like(in[0]);
  dispatch_real("silu", out.dtype(), [&]<class T>(T) { silu_derivative<T>(in, terms, out); });
  return {out};
}

Arrays Conjugate::eval_cuda(const Arrays& in) const {
  Array out = like(in[0]);
  out.dtype() == DType::c64 ? conjugated<float>(in[0], out) : conjugated<double>(in[0], out);
  return {out};
}

Arrays Part::eval_cuda(const Arrays& in) const {
  const Array& a = in[0];
  Array out = Array::uninitialized(a.shape(), a.dtype() == DType::c64 ? DType::f32 : DType::f64, a.device());
  dispatch_real(name(), out.dtype(), [&]<class T>(T) { part_of<T>(a, part_, out); });
  return {out};
}

Arrays MakeComplex::eval_cuda(const Arrays& in) const {
  const Array& re = in[0];
  Array out =
      Array::uninitialized(re.shape(), re.dtype() == DType::f32 ? DType::c64 : DType::c128, re.device());
  dispatch_real(name(), re.dtype(), [&]<class T>(T) { combined<T>(in, out); });
  return {out};
}

void Accumulate::run_cuda(const std::vector<Array*>& written, const Arrays& read) const {
  dispatch_field(name(), read[0].dtype(),
                 [&]<class T>(T) { accumulate<cuda::element<T>>(*written[0], read[0]); });
}

}  // namespace cartan::primitives
