// Real functions of one array, elementwise.
#include <Eigen/Core>
#include <cmath>

#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

template <class T>
using In = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;
template <class T>
using Out = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;

// f(In<T>, Out<T>) over blocks; Eigen's packet functions vectorise exp, log, sin, ...
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

struct Exp {
  static constexpr const char* name = "exp";
  static constexpr auto f = [](auto x, auto y) { y = x.exp(); };
  static Array d(const Array&, const Array& y, const Array& c) { return c * y; }
};
struct Log {
  static constexpr const char* name = "log";
  static constexpr auto f = [](auto x, auto y) { y = x.log(); };
  static Array d(const Array& x, const Array&, const Array& c) { return c / x; }
};
struct Sin {
  static constexpr const char* name = "sin";
  static constexpr auto f = [](auto x, auto y) { y = x.sin(); };
  static Array d(const Array& x, const Array&, const Array& c) { return c * cos(x); }
};
struct Cos {
  static constexpr const char* name = "cos";
  static constexpr auto f = [](auto x, auto y) { y = x.cos(); };
  static Array d(const Array& x, const Array&, const Array& c) { return negative(c * sin(x)); }
};
struct Tanh {
  static constexpr const char* name = "tanh";
  static constexpr auto f = [](auto x, auto y) { y = x.tanh(); };
  static Array d(const Array&, const Array& y, const Array& c) { return c * (1.0 - square(y)); }
};
struct Sqrt {
  static constexpr const char* name = "sqrt";
  static constexpr auto f = [](auto x, auto y) { y = x.sqrt(); };
  static Array d(const Array&, const Array& y, const Array& c) { return scale(c / y, 0.5); }
};
struct Reciprocal {
  static constexpr const char* name = "reciprocal";
  static constexpr auto f = [](auto x, auto y) { y = x.inverse(); };
  static Array d(const Array&, const Array& y, const Array& c) { return negative(c * square(y)); }
};
struct Square {
  static constexpr const char* name = "square";
  static constexpr auto f = [](auto x, auto y) { y = x.square(); };
  static Array d(const Array& x, const Array&, const Array& c) { return scale(c * x, 2); }
};
struct Abs {
  static constexpr const char* name = "abs";
  static constexpr auto f = [](auto x, auto y) { y = x.abs(); };
  static Array d(const Array& x, const Array&, const Array& c) { return c * sign(x); }
};
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr auto f = [](auto x, auto y) { y = (1 + (-x).exp()).inverse(); };
  static Array d(const Array&, const Array& y, const Array& c) { return c * (y - square(y)); }
};
struct Softplus {
  static constexpr const char* name = "softplus";
  static constexpr auto f = [](auto x, auto y) { y = x.max(0) + (1 + (-x.abs()).exp()).log(); };
  static Array d(const Array& x, const Array&, const Array& c) { return c * sigmoid(x); }
};

template <class Op>
class Unary : public Primitive {
 public:
  const char* name() const override { return Op::name; }
  Arrays eval_cpu(const Arrays& in) const override { return {map_blocks(Op::name, in[0], Op::f)}; }
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    const Array& out = outputs[0];
    return {Op::d(in[0], out, c)};
  }
};

template <class Op>
Array unary(const Array& a) {
  return run(std::make_shared<Unary<Op>>(), {a});
}

class Power : public Primitive {
 public:
  explicit Power(double exponent) : exponent_(exponent) {}
  const char* name() const override { return "power"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
    dispatch_real("power", in[0].dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      T* y = out.mutable_data<T>();
      const bool integer = exponent_ == std::floor(exponent_) && std::abs(exponent_) <= 64;
      const int n = integer ? static_cast<int>(std::abs(exponent_)) : 0;
      parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          if (!integer) {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    if (exponent_ == 0) return {Array::zeros(c.shape(), c.dtype())};
    return {scale(c * power(in[0], exponent_ - 1), exponent_)};
  }

 private:
  double exponent_;
};

// c * d^n/dx^n (x sigmoid(x)), where c is left out for n = 0 in the forward pass. With s = sigmoid(x) the
// derivatives of s are polynomials p_n(s), p_0 = s, p_{n+1} = p_n'(s) (s - s^2), and
// d^n (x s)/dx^n = x p_n(s) + n p_{n-1}(s).
class Silu : public Primitive {
 public:
  explicit Silu(int order) : order_(order), slope_{0, 1}, constant_{0} {
    std::vector<double> p{0, 1};
    for (int n = 1; n <= order; ++n) {
      constant_ = p;
      std::vector<double> q(p.size() + 1, 0.0);
      for (std::size_t k = 1; k < p.size(); ++k) {
        q[k] += static_cast<double>(k) * p[k];
        q[k + 1] -= static_cast<double>(k) * p[k];
      }
      p = q;
    }
    slope_ = p;
    for (double& v : constant_) v *= order;
  }
  const char* name() const override { return "silu"; }

  Arrays eval_cpu(const Arrays& in) const override {
    Array out = Array::uninitialized(in[0].shape(), in[0].dtype());
    dispatch_real("silu", in[0].dtype(), [&]<class T>(T) {
      const T* x = in[0].data<T>();
      const T* c = in.size() > 1 ? in[1].data<T>() : nullptr;
      T* y = out.mutable_data<T>();
      parallel_for(out.size(), elementwise_grain, [&](Index begin, Index end) { run(x, c, y, begin, end); });
    });
    return {out};
  }

  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(in.size());
    if (wanted[0]) g[0] = derivative(in[0], in.size() > 1 ? c * in[1] : c, order_ + 1);
    if (in.size() > 1 && wanted[1]) g[1] = derivative(in[0], c, order_);
    return g;
  }

  static Array derivative(const Array& x, const Array& c, int order) {
    return cartan::run(std::make_shared<Silu>(order), {x, c});
  }

 private:
  template <class T>
  void run(const T* x, const T* c, T* y, Index begin, Index end) const {
    constexpr Index chunk = 256;
    Eigen::Array<T, Eigen::Dynamic, 1, 0, chunk, 1> s, p, q;
    for (Index i = begin; i < end; i += chunk) {
      const Index n = std::min(chunk, end - i);
      const In<T> xi(x + i, n);
      Out<T> yi(y + i, n);
      s = (1 + (-xi).exp()).inverse();
      if (order_ == 0) {
        yi = xi * s;
        continue;
      }
      p.setConstant(n, static_cast<T>(slope_.back()));
      for (std::size_t k = slope_.size() - 1; k-- > 0;) p = p * s + static_cast<T>(slope_[k]);
      q.setConstant(n, static_cast<T>(constant_.back()));
      for (std::size_t k = constant_.size() - 1; k-- > 0;) q = q * s + static_cast<T>(constant_[k]);
      // x p_n(s): s underflows to 0 before x overflows, except where exp(-x) is infinite and s is exactly 0
      if (c)
        yi = In<T>(c + i, n) * (xi * p + q);
      else
        yi = xi * p + q;
    }
  }

  int order_;
  std::vector<double> slope_, constant_;  // coefficients of p_n and n p_{n-1}
};

}  // namespace

Array exp(const Array& a) {
  return unary<Exp>(a);
}
Array log(const Array& a) {
  return unary<Log>(a);
}
Array sin(const Array& a) {
  return unary<Sin>(a);
}
Array cos(const Array& a) {
  return unary<Cos>(a);
}
Array tanh(const Array& a) {
  return unary<Tanh>(a);
}
Array sqrt(const Array& a) {
  return unary<Sqrt>(a);
}
Array reciprocal(const Array& a) {
  return unary<Reciprocal>(a);
}
Array square(const Array& a) {
  return unary<Square>(a);
}
Array power(const Array& a, double exponent) {
  return run(std::make_shared<Power>(exponent), {a});
}
Array abs(const Array& a) {
  return unary<Abs>(a);
}
Array sigmoid(const Array& a) {
  return unary<Sigmoid>(a);
}
Array softplus(const Array& a) {
  return unary<Softplus>(a);
}
Array silu(const Array& a) {
  return run(std::make_shared<Silu>(0), {a});
}

Array sign(const Array& a) {  // piecewise constant: nothing to record
  return map_blocks("sign", a, [](auto x, auto y) { y = x.sign(); });
}

}  // namespace cartan
