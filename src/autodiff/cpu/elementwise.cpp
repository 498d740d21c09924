// Values of the elementwise primitives.
#include "autodiff/elementwise.hpp"

#include <Eigen/Core>
#include <cmath>

#include "autodiff/accumulate.hpp"
#include "autodiff/broadcast.hpp"
#include "core/dispatch.hpp"

namespace cartan::primitives {
namespace {

template <class T>
using In = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
template <class T>
using Out = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;

// y = f(x) on blocks; Eigen's packet functions vectorise exp, log, sin, ...
constexpr auto function(Exp) {
  return [](auto x, auto y) { y = x.exp(); };
}
constexpr auto function(Log) {
  return [](auto x, auto y) { y = x.log(); };
}
constexpr auto function(Sin) {
  return [](auto x, auto y) { y = x.sin(); };
}
constexpr auto function(Cos) {
  return [](auto x, auto y) { y = x.cos(); };
}
constexpr auto function(Tanh) {
  return [](auto x, auto y) { y = x.tanh(); };
}
constexpr auto function(Sqrt) {
  return [](auto x, auto y) { y = x.sqrt(); };
}
constexpr auto function(Reciprocal) {
  return [](auto x, auto y) { y = x.inverse(); };
}
constexpr auto function(Square) {
  return [](auto x, auto y) { y = x.square(); };
}
constexpr auto function(Abs) {
  return [](auto x, auto y) { y = x.abs(); };
}
constexpr auto function(Sign) {
  return [](auto x, auto y) { y = x.sign(); };
}
constexpr auto function(Sigmoid) {
  return [](auto x, auto y) { y = (1 + (-x).exp()).inverse(); };
}
constexpr auto function(Softplus) {
  return [](auto x, auto y) { y = x.max(0) + (1 + (-x.abs()).exp()).log(); };
}

constexpr auto function(Add) {
  return [](auto a, auto b) { return a + b; };
}
constexpr auto function(Subtract) {
  return [](auto a, auto b) { return a - b; };
}
constexpr auto function(Multiply) {
  return [](auto a, auto b) { return a * b; };
}
constexpr auto function(Divide) {
  return [](auto a, auto b) { return a / b; };
}
// 1 where it holds; complex numbers are refused by the ops.
template <class Holds>
constexpr auto where_holds(Holds holds) {
  return [holds]<class T>(T a, T b) {
    if constexpr (is_complex_v<T>)
      return T();
    else
      return holds(a, b) ? T(1) : T(0);
  };
}
constexpr auto function(Less) {
  return where_holds([](auto a, auto b) { return a < b; });
}
// Of a or b the first is taken where it is NaN.
constexpr auto function(Above) {
  return where_holds([](auto a, auto b) { return a > b || a != a; });
}
constexpr auto function(Below) {
  return where_holds([](auto a, auto b) { return a < b || a != a; });
}

// f(In<T>, Out<T>) over blocks.
template <class F>
Array map_blocks(const char* op, const Array& a, F f) {
  Array out = Array::uninitialized(a.shape(), a.dtype());
  dispatch_real(op, a.dtype(), [&]<class T>(T) {
    const T* x = a.data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(a.size(), elementwise_grain, [&](Index begin, Index end) {
      f(In<T>(x + begin, end - begin), Out<T>(y + begin, end - begin));
    });
  });
  return out;
}

template <class F>
Array map_field(const char* op, const Array& a, F f) {
  Array out = Array::uninitialized(a.shape(), a.dtype());
  dispatch_field(op, a.dtype(), [&]<class T>(T) {
    const T* x = a.data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(a.size(), elementwise_grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) y[i] = f(x[i]);
    });
  });
  return out;
}

// out = f(a, b) with broadcasting; f is inlined into loops that the compiler vectorises.
template <class T, class F>
Array broadcast_map(const Array& a, const Array& b, const Shape& shape, F f) {
  Array out = Array::uninitialized(shape, a.dtype());
  const T* x = a.data<T>();
  const T* y = b.data<T>();
  T* z = out.mutable_data<T>();
  const BroadcastWalk walk(shape, a.shape(), b.shape());
  const bool step_a = walk.stride_a.back() != 0, step_b = walk.stride_b.back() != 0;
  parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
    walk.pieces(begin, end, [&](Index o, Index i, Index j, Index n) {
      T* __restrict w = z + o;
      const T* u = x + i;
      const T* v = y + j;
      if (step_a && step_b) {
        for (Index k = 0; k < n; ++k) w[k] = f(u[k], v[k]);
      } else if (step_a) {
        const T c = *v;
        for (Index k = 0; k < n; ++k) w[k] = f(u[k], c);
      } else if (step_b) {
        const T c = *u;
        for (Index k = 0; k < n; ++k) w[k] = f(c, v[k]);
      } else {
        std::fill_n(w, n, f(*u, *v));
      }
    });
  });
  return out;
}

}  // namespace

template <class Tag>
Arrays Unary<Tag>::eval_cpu(const Arrays& in) const {
  return {map_blocks(Tag::name, in[0], function(Tag{}))};
}

template <class Tag>
Arrays Binary<Tag>::eval_cpu(const Arrays& in) const {
  Array out;
  dispatch_field(Tag::name, in[0].dtype(),
                 [&]<class T>(T) { out = broadcast_map<T>(in[0], in[1], shape_, function(Tag{})); });
  return {out};
}

#define CARTAN_UNARY(Tag, name) template Arrays Unary<Tag>::eval_cpu(const Arrays&) const;
CARTAN_UNARY_OPS(CARTAN_UNARY)
#define CARTAN_BINARY(Tag, name) template Arrays Binary<Tag>::eval_cpu(const Arrays&) const;
CARTAN_BINARY_OPS(CARTAN_BINARY)

Arrays Scale::eval_cpu(const Arrays& in) const {
  return {map_field("scale", in[0], [factor = factor_]<class T>(T x) {
    if constexpr (is_complex_v<T>)
      return x * static_cast<typename T::value_type>(factor);
    else
      return x * static_cast<T>(factor);
  })};
}

Arrays Shift::eval_cpu(const Arrays& in) const {
  return {map_field("shift", in[0], [offset = offset_]<class T>(T x) { return x + static_cast<T>(offset); })};
}

Arrays Where::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[1].shape(), in[1].dtype());
  dispatch_real("where", out.dtype(), [&]<class T>(T) {
    const T *c = in[0].data<T>(), *a = in[1].data<T>(), *b = in[2].data<T>();
    T* y = out.mutable_data<T>();
    parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) y[i] = c[i] != T(0) ? a[i] : b[i];
    });
  });
  return {out};
}

Arrays Power::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("power", in[0].dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    T* y = out.mutable_data<T>();
    const bool whole = integer();
    const int n = whole ? static_cast<int>(std::abs(exponent_)) : 0;
    parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        if (!whole) {
          y[i] = static_cast<T>(std::pow(x[i], static_cast<T>(exponent_)));
          continue;
        }
        T result = 1, base = x[i];
        for (int e = n; e; e >>= 1, base *= base)
          if (e & 1) result *= base;
        y[i] = exponent_ < 0 ? 1 / result : result;
      }
    });
  });
  return {out};
}

namespace {

// c (x p(s) + q(s)), s = sigmoid(x), by chunks that stay in the first-level cache; without c for nullptr.
template <class T>
void silu_derivative(const T* x, const T* c, T* y, Index begin, Index end, const std::vector<double>& slope,
                     const std::vector<double>& constant) {
  constexpr Index chunk = 256;
  Eigen::Array<T, Eigen::Dynamic, 1, 0, chunk, 1> s, p, q;
  for (Index i = begin; i < end; i += chunk) {
    const Index n = std::min(chunk, end - i);
    const In<T> xi(x + i, n);
    Out<T> yi(y + i, n);
    s = (1 + (-xi).exp()).inverse();
    p.setConstant(n, static_cast<T>(slope.back()));
    for (std::size_t k = slope.size() - 1; k-- > 0;) p = p * s + static_cast<T>(slope[k]);
    q.setConstant(n, static_cast<T>(constant.back()));
    for (std::size_t k = constant.size() - 1; k-- > 0;) q = q * s + static_cast<T>(constant[k]);
    // x p_n(s): s underflows to 0 before x overflows, except where exp(-x) is infinite and s is exactly 0
    if (c)
      yi = In<T>(c + i, n) * (xi * p + q);
    else
      yi = xi * p + q;
  }
}

template <class T>
void silu_value(const T* x, T* y, Index begin, Index end) {
  constexpr Index chunk = 256;
  Eigen::Array<T, Eigen::Dynamic, 1, 0, chunk, 1> s;
  for (Index i = begin; i < end; i += chunk) {
    const Index n = std::min(chunk, end - i);
    const In<T> xi(x + i, n);
    s = (1 + (-xi).exp()).inverse();
    Out<T>(y + i, n) = xi * s;
  }
}

}  // namespace

Arrays Silu::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_real("silu", in[0].dtype(), [&]<class T>(T) {
    const T* x = in[0].data<T>();
    const T* c = in.size() > 1 ? in[1].data<T>() : nullptr;
    T* y = out.mutable_data<T>();
    parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
      if (order_ == 0)
        silu_value(x, y, begin, end);
      else
        silu_derivative(x, c, y, begin, end, slope_, constant_);
    });
  });
  return {out};
}

Arrays Conjugate::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
  dispatch_field("conjugate", out.dtype(), [&]<class T>(T) {
    if constexpr (is_complex_v<T>) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      for (Index i = 0; i < out.size(); ++i) y[i] = std::conj(x[i]);
    }
  });
  return {out};
}

Arrays Part::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype() == DType::c64 ? DType::f32 : DType::f64);
  dispatch_real(name(), out.dtype(), [&]<class T>(T) {
    const std::complex<T>* x = in[0].data<std::complex<T>>();
    T* y = out.mutable_data<T>();
    for (Index i = 0; i < out.size(); ++i) y[i] = part_ ? x[i].imag() : x[i].real();
  });
  return {out};
}

Arrays MakeComplex::eval_cpu(const Arrays& in) const {
  Array out = Array::uninitialized(in[0].shape(), in[0].dtype() == DType::f32 ? DType::c64 : DType::c128);
  dispatch_real("make_complex", in[0].dtype(), [&]<class T>(T) {
    const T *re = in[0].data<T>(), *im = in[1].data<T>();
    std::complex<T>* y = out.mutable_data<std::complex<T>>();
    for (Index i = 0; i < out.size(); ++i) y[i] = {re[i], im[i]};
  });
  return {out};
}

void Accumulate::run_cpu(const std::vector<Array*>& written, const Arrays& read) const {
  dispatch_field(name(), read[0].dtype(), [&]<class T>(T) {
    T* x = written[0]->mutable_data<T>();
    const T* y = read[0].data<T>();
    parallel_for(read[0].size(), elementwise_grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) x[i] += y[i];
    });
  });
}

}  // namespace cartan::primitives
