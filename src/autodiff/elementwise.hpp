#pragma once
// Elementwise primitives. Their values stand in cpu/elementwise.cpp and cuda/elementwise.cu, their
// derivatives in functions.cpp (of one array) and arithmetic.cpp.

#include <type_traits>

#include "autodiff/reads.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

// op(Tag, name) for every function of one real array.
#define CARTAN_UNARY_OPS(op)                                                                         \
  op(Exp, exp) op(Log, log) op(Sin, sin) op(Cos, cos) op(Tanh, tanh) op(Sqrt, sqrt)                  \
      op(Reciprocal, reciprocal) op(Square, square) op(Abs, abs) op(Sign, sign) op(Sigmoid, sigmoid) \
          op(Softplus, softplus)

// op(Tag, name) for every function of two arrays that broadcast.
#define CARTAN_BINARY_OPS(op)                                                                  \
  op(Add, add) op(Subtract, subtract) op(Multiply, multiply) op(Divide, divide) op(Less, less) \
      op(Above, maximum) op(Below, minimum)

// What a function is called, and c dy/dx of y = f(x).
#define CARTAN_TAG(Tag, function)                                            \
  struct Tag {                                                               \
    static constexpr const char* name = #function;                           \
    static Array derivative(const Array& x, const Array& y, const Array& c); \
  };
CARTAN_UNARY_OPS(CARTAN_TAG)
#undef CARTAN_TAG

// The same of f(a, b), by each of the two.
#define CARTAN_TAG(Tag, function)                                    \
  struct Tag {                                                       \
    static constexpr const char* name = #function;                   \
    static Array da(const Array& a, const Array& b, const Array& c); \
    static Array db(const Array& a, const Array& b, const Array& c); \
  };
CARTAN_BINARY_OPS(CARTAN_TAG)
#undef CARTAN_TAG

// Those whose derivatives are functions of their values; the others' are of their arguments, but for signs.
template <class Tag>
inline constexpr bool by_value =
    std::disjunction_v<std::is_same<Tag, Exp>, std::is_same<Tag, Tanh>, std::is_same<Tag, Sqrt>,
                       std::is_same<Tag, Reciprocal>, std::is_same<Tag, Sigmoid>>;

template <class Tag>
class Unary : public Primitive, public Reads {
 public:
  bool reads_input(std::size_t) const override { return !by_value<Tag> && !std::is_same_v<Tag, Sign>; }
  bool reads_output(std::size_t) const override { return by_value<Tag>; }
  const char* name() const override { return Tag::name; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& c, const std::vector<bool>&) const override {
    return {Tag::derivative(in[0], out[0], c[0])};
  }
};

template <class Tag>
class Binary : public Primitive, public Reads {
 public:
  Binary(Shape a, Shape b, Shape shape)
      : of_a_(std::move(a)), of_b_(std::move(b)), shape_(std::move(shape)) {}
  bool reads_input(std::size_t) const override {
    return !std::is_same_v<Tag, Add> && !std::is_same_v<Tag, Subtract>;
  }
  bool reads_output(std::size_t) const override { return false; }
  const char* name() const override { return Tag::name; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Shape of_a_, of_b_, shape_;  // of the arguments and the result
};

class Scale : public Primitive, public ReadsNothing {
 public:
  explicit Scale(double factor) : factor_(factor) {}
  const char* name() const override { return "scale"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  double factor_;
};

class Shift : public Primitive, public ReadsNothing {
 public:
  explicit Shift(double offset) : offset_(offset) {}
  const char* name() const override { return "shift"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  double offset_;
};

// (condition, a, b)
class Where : public Primitive, public Reads {
 public:
  bool reads_input(std::size_t k) const override { return k == 0; }
  bool reads_output(std::size_t) const override { return false; }
  const char* name() const override { return "where"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

class Power : public Primitive, public ReadsInputs {
 public:
  explicit Power(double exponent) : exponent_(exponent) {}
  const char* name() const override { return "power"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  bool integer() const;  // small: by repeated squaring
  double exponent_;
};

// (x) -> silu(x), and (x, c) -> c * d^n/dx^n silu(x). With s = sigmoid(x) the derivatives of s are
// polynomials p_n(s), p_0 = s, p_{n+1} = p_n'(s) (s - s^2), and d^n (x s)/dx^n = x p_n(s) + n p_{n-1}(s).
class Silu : public Primitive, public ReadsInputs {
 public:
  explicit Silu(int order);
  const char* name() const override { return "silu"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int order_;
  std::vector<double> slope_, constant_;  // coefficients of p_n and n p_{n-1}
};

class Conjugate : public Primitive, public ReadsNothing {
 public:
  const char* name() const override { return "conjugate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

// The real (part 0) or imaginary (part 1) part.
class Part : public Primitive, public ReadsNothing {
 public:
  explicit Part(int part) : part_(part) {}
  const char* name() const override { return part_ ? "imag" : "real"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  int part_;
};

class MakeComplex : public Primitive, public ReadsNothing {
 public:
  const char* name() const override { return "make_complex"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;
};

}  // namespace cartan::primitives
