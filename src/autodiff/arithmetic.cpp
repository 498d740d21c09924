// Arithmetic with broadcasting, and choice.
#include "autodiff/broadcast.hpp"
#include "cartan/autodiff/ops.hpp"
#include "core/dispatch.hpp"

namespace cartan {
namespace {

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

Shape common_shape(const char* op, const Array& a, const Array& b) {
  require(a.dtype() == b.dtype(), "[", op, "] types ", a.dtype(), " and ", b.dtype(), " differ; use cast");
  return broadcast_shape(op, a.shape(), b.shape());
}

struct Add {
  static constexpr const char* name = "add";
  static constexpr auto f = [](auto a, auto b) { return a + b; };
  static Array da(const Array&, const Array&, const Array& c) { return c; }
  static Array db(const Array&, const Array&, const Array& c) { return c; }
};
struct Subtract {
  static constexpr const char* name = "subtract";
  static constexpr auto f = [](auto a, auto b) { return a - b; };
  static Array da(const Array&, const Array&, const Array& c) { return c; }
  static Array db(const Array&, const Array&, const Array& c) { return negative(c); }
};
struct Multiply {
  static constexpr const char* name = "multiply";
  static constexpr auto f = [](auto a, auto b) { return a * b; };
  static Array da(const Array&, const Array& b, const Array& c) { return multiply(c, conjugate(b)); }
  static Array db(const Array& a, const Array&, const Array& c) { return multiply(c, conjugate(a)); }
};
struct Divide {
  static constexpr const char* name = "divide";
  static constexpr auto f = [](auto a, auto b) { return a / b; };
  static Array da(const Array&, const Array& b, const Array& c) { return divide(c, conjugate(b)); }
  static Array db(const Array& a, const Array& b, const Array& c) {
    const Array d = conjugate(b);
    return negative(divide(multiply(c, conjugate(a)), multiply(d, d)));
  }
};

template <class Op>
class Binary : public Primitive {
 public:
  explicit Binary(Shape shape) : shape_(std::move(shape)) {}
  const char* name() const override { return Op::name; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out;
    dispatch_field(Op::name, in[0].dtype(),
                   [&]<class T>(T) { out = broadcast_map<T>(in[0], in[1], shape_, Op::f); });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    if (wanted[0]) g[0] = sum_to(Op::da(in[0], in[1], c), in[0].shape());
    if (wanted[1]) g[1] = sum_to(Op::db(in[0], in[1], c), in[1].shape());
    return g;
  }

 private:
  Shape shape_;
};

template <class Op>
Array binary(const Array& a, const Array& b) {
  return run(std::make_shared<Binary<Op>>(common_shape(Op::name, a, b)), {a, b});
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

class Scale : public Primitive {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  const char* name() const override { return "scale"; }
  Arrays eval_cpu(const Arrays& in) const override {
    return {map_field("scale", in[0], [factor = factor_]<class T>(T x) {
      if constexpr (is_complex_v<T>)
        return x * static_cast<typename T::value_type>(factor);
      else
        return x * static_cast<T>(factor);
    })};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {scale(c, factor_)};
  }

 private:
  double factor_;
};

class Shift : public Primitive {
 public:
  explicit Shift(double offset) : offset_(offset) {}
  const char* name() const override { return "shift"; }
  Arrays eval_cpu(const Arrays& in) const override {
    return {
        map_field("shift", in[0], [offset = offset_]<class T>(T x) { return x + static_cast<T>(offset); })};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& c = cotangents[0];
    return {c};
  }

 private:
  double offset_;
};

class Where : public Primitive {
 public:
  const char* name() const override { return "where"; }
  Arrays eval_cpu(const Arrays& in) const override {
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
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    const Array zero = Array::zeros(c.shape(), c.dtype());
    Arrays g(3);
    if (wanted[0]) g[0] = zero;
    if (wanted[1]) g[1] = where(detach_condition(in[0]), c, zero);
    if (wanted[2]) g[2] = where(detach_condition(in[0]), zero, c);
    return g;
  }

 private:
  static Array detach_condition(const Array& a) { return a.with_node(nullptr); }
};

}  // namespace

Array add(const Array& a, const Array& b) {
  return binary<Add>(a, b);
}
Array subtract(const Array& a, const Array& b) {
  return binary<Subtract>(a, b);
}
Array multiply(const Array& a, const Array& b) {
  return binary<Multiply>(a, b);
}
Array divide(const Array& a, const Array& b) {
  return binary<Divide>(a, b);
}
Array scale(const Array& a, double factor) {
  return run(std::make_shared<Scale>(factor), {a});
}
Array shift(const Array& a, double offset) {
  return run(std::make_shared<Shift>(offset), {a});
}
Array negative(const Array& a) {
  return scale(a, -1);
}

Array less(const Array& a, const Array& b) {
  const Shape shape = common_shape("less", a, b);
  Array out;
  dispatch_real("less", a.dtype(), [&]<class T>(T) {
    out = broadcast_map<T>(a, b, shape, [](T x, T y) { return x < y ? T(1) : T(0); });
  });
  return out;  // piecewise constant: nothing to record
}

Array where(const Array& condition, const Array& a, const Array& b) {
  require(condition.shape() == a.shape() && a.shape() == b.shape(), "[where] shapes ", condition.shape(),
          ", ", a.shape(), " and ", b.shape(), " differ");
  require(condition.dtype() == a.dtype() && a.dtype() == b.dtype(), "[where] types ", condition.dtype(), ", ",
          a.dtype(), " and ", b.dtype(), " differ");
  return run(std::make_shared<Where>(), {condition, a, b});
}

Array maximum(const Array& a, const Array& b) {
  const Shape shape = common_shape("maximum", a, b);
  const Array x = broadcast_to(a, shape), y = broadcast_to(b, shape);
  return where(less(y, x), x, y);
}

Array minimum(const Array& a, const Array& b) {
  const Shape shape = common_shape("minimum", a, b);
  const Array x = broadcast_to(a, shape), y = broadcast_to(b, shape);
  return where(less(x, y), x, y);
}

}  // namespace cartan
