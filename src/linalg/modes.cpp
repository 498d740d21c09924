#include "cartan/linalg/modes.hpp"

#include <algorithm>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/linalg/ops.hpp"
#include "core/dispatch.hpp"
#include "core/gemm.hpp"
#include "linalg/kernels.hpp"

namespace cartan::linalg {
namespace {

int checked_mode(const char* caller, const Shape& shape, int mode) {
  const int d = static_cast<int>(shape.size());
  require(d >= 1 && mode >= -d && mode < d, "[", caller, "] mode ", mode, " of a tensor of shape ", shape);
  return mode < 0 ? mode + d : mode;
}

// y = x x_mode m, and its derivatives; shapes have been checked.
class ModeProductForm : public Primitive {
 public:
  ModeProductForm(int mode, bool transposed) : mode_(mode), transposed_(transposed) {}
  const char* name() const override { return "mode_product"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array &x = in[0], &m = in[1];
    const Index rows = m.dim(transposed_ ? 1 : 0);
    Shape shape = x.shape();
    shape[static_cast<std::size_t>(mode_)] = rows;
    if (x.dim(mode_) == 0) return {Array::zeros(shape, x.dtype())};
    Array y = Array::uninitialized(std::move(shape), x.dtype());
    if (y.empty()) return {y};
    dispatch_real(name(), x.dtype(), [&]<class T>(T) {
      mode_product<T>(x.data<T>(), view_of(x.shape(), mode_), {m.data<T>(), m.dim(1), transposed_}, rows,
                      y.mutable_data<T>());
    });
    return {y};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array& c = cotangents[0];
    Arrays g(2);
    if (wanted[0]) g[0] = mode_product(c, in[1], mode_, !transposed_);
    if (wanted[1]) g[1] = transposed_ ? mode_contract(in[0], c, mode_) : mode_contract(c, in[0], mode_);
    return g;
  }

 private:
  int mode_;
  bool transposed_;
};

// A_(mode) B_(mode)^T
class ModeContract : public Primitive {
 public:
  explicit ModeContract(int mode) : mode_(mode) {}
  const char* name() const override { return "mode_contract"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array &a = in[0], &b = in[1];
    const ModeView v = view_of(a.shape(), mode_);
    const Index m = v.n, n = b.dim(mode_);
    Array out = Array::zeros({m, n}, a.dtype());
    if (out.empty() || v.left * v.right == 0) return {out};
    dispatch_real(name(), a.dtype(), [&]<class T>(T) {
      const T *x = a.data<T>(), *y = b.data<T>();
      T* g = out.mutable_data<T>();
      if (v.left == 1) return gemm<T>(m, n, v.right, {x, v.right}, {y, v.right, true}, g, n);
      if (v.right == 1) return gemm<T>(m, n, v.left, {x, m, true}, {y, n}, g, n);
      out = array_of(cross_gram(x, v, y, n), a.dtype());
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    Arrays g(2);
    if (wanted[0]) g[0] = mode_product(in[1], cotangents[0], mode_);
    if (wanted[1]) g[1] = mode_product(in[0], cotangents[0], mode_, true);
    return g;
  }

 private:
  int mode_;
};

class Gram : public Primitive {
 public:
  explicit Gram(int mode) : mode_(mode) {}
  const char* name() const override { return "gram"; }
  Arrays eval_cpu(const Arrays& in) const override {
    Array out;
    dispatch_real(name(), in[0].dtype(), [&]<class T>(T) {
      out = array_of(mode_gram(in[0].data<T>(), view_of(in[0].shape(), mode_)), DType::f64);
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array both = cotangents[0] + transpose(cotangents[0]);
    return {mode_product(in[0], cast(both, in[0].dtype()), mode_)};
  }

 private:
  int mode_;
};

// From a tensor to its unfolding, or back.
class Unfold : public Primitive {
 public:
  Unfold(int mode, Shape shape, bool back) : mode_(mode), shape_(std::move(shape)), back_(back) {}
  const char* name() const override { return back_ ? "fold" : "unfold"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const ModeView v = view_of(shape_, mode_);
    Array out = Array::uninitialized(back_ ? shape_ : Shape{v.n, v.left * v.right}, in[0].dtype());
    dispatch_any(out.dtype(), [&]<class T>(T) {
      const T* from = in[0].data<T>();
      T* to = out.mutable_data<T>();
      for (Index l = 0; l < v.left; ++l)
        for (Index i = 0; i < v.n; ++i) {
          const Index tensor = (l * v.n + i) * v.right, matrix = (i * v.left + l) * v.right;
          std::copy_n(from + (back_ ? matrix : tensor), v.right, to + (back_ ? tensor : matrix));
        }
    });
    return {out};
  }
  Arrays vjp(const Arrays&, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    return {run(std::make_shared<Unfold>(mode_, shape_, !back_), cotangents)};
  }

 private:
  int mode_;
  Shape shape_;
  bool back_;
};

// Of two matrices.
class KhatriRao : public Primitive {
 public:
  const char* name() const override { return "khatri_rao"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Index m = in[0].dim(0), n = in[1].dim(0), rank = in[0].dim(1);
    Array z = Array::uninitialized({m * n, rank}, in[0].dtype());
    dispatch_real(name(), z.dtype(), [&]<class T>(T) {
      const T *p = in[0].data<T>(), *q = in[1].data<T>();
      T* to = z.mutable_data<T>();
      parallel_for(m, std::max<Index>(1, 4096 / std::max<Index>(1, n * rank)), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          for (Index j = 0; j < n; ++j)
            for (Index r = 0; r < rank; ++r) to[(i * n + j) * rank + r] = p[i * rank + r] * q[j * rank + r];
      });
    });
    return {z};
  }
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Index m = in[0].dim(0), n = in[1].dim(0), rank = in[0].dim(1);
    const Array c = reshape(cotangents[0], {m, n, rank});
    Arrays g(2);
    if (wanted[0]) g[0] = sum(c * reshape(in[1], {1, n, rank}), 1);
    if (wanted[1]) g[1] = sum(c * reshape(in[0], {m, 1, rank}), 0);
    return g;
  }
};

// Inputs: x, then the factors but the mode's.
class Mttkrp : public Primitive {
 public:
  Mttkrp(int mode, Index rank) : mode_(mode), rank_(rank) {}
  const char* name() const override { return "mttkrp"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays&, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const std::vector<Array> factors = with_mode(in, cotangents[0]);
    Arrays g(in.size());
    if (wanted[0]) g[0] = canonical_full(factors);
    for (std::size_t k = 0, j = 1; k < factors.size(); ++k)
      if (static_cast<int>(k) != mode_) {
        if (wanted[j]) g[j] = mttkrp(in[0], factors, static_cast<int>(k));
        ++j;
      }
    return g;
  }

 private:
  std::vector<Array> with_mode(const Arrays& in, const Array& a) const {
    std::vector<Array> factors(in.begin() + 1, in.end());
    factors.insert(factors.begin() + mode_, a);
    return factors;
  }
  int mode_;
  Index rank_;
};

}  // namespace

ModeProduct::ModeProduct(const Shape& shape, DType dtype, int mode, Index rows)
    : shape_(shape), output_(shape), dtype_(dtype), rows_(rows) {
  require(is_real(dtype), "[mode_product] elements are ", dtype, "; use float32 or float64");
  require(rows >= 0, "[mode_product] extent ", rows);
  mode_ = mode = checked_mode("mode_product", shape, mode);
  const ModeView v = view_of(shape, mode);
  left_ = v.left;
  n_ = v.n;
  right_ = v.right;
  output_[static_cast<std::size_t>(mode)] = rows;
}

Array ModeProduct::operator()(const Array& x, const Array& m, bool transpose) const {
  require(x.shape() == shape_ && x.dtype() == dtype_, "[mode_product] the plan is for ", dtype_, " of shape ",
          shape_, ", the tensor is ", x.dtype(), " of shape ", x.shape());
  require(m.dtype() == dtype_, "[mode_product] types ", dtype_, " and ", m.dtype(), " differ");
  const Shape expected = transpose ? Shape{n_, rows_} : Shape{rows_, n_};
  require(m.shape() == expected, "[mode_product] the matrix has shape ", m.shape(), ", expected ", expected);
  return run(std::make_shared<ModeProductForm>(mode_, transpose), {x, m});
}

const char* ModeProduct::algorithm() const {
  return left_ == 1 || right_ == 1 ? "one product" : "a product for each leading index";
}

double ModeProduct::flops() const {
  return 2.0 * static_cast<double>(rows_) * static_cast<double>(size_of(shape_));
}

double ModeProduct::bytes() const {
  return static_cast<double>(size_of(dtype_)) *
         (static_cast<double>(size_of(shape_)) + static_cast<double>(size_of(output_)) +
          static_cast<double>(rows_) * static_cast<double>(n_));
}

Array mode_product(const Array& x, const Array& m, int mode, bool transpose) {
  require(m.ndim() == 2, "[mode_product] the matrix has shape ", m.shape());
  return ModeProduct(x.shape(), x.dtype(), mode, m.dim(transpose ? 1 : 0))(x, m, transpose);
}

Array mode_products(const Array& x, const std::vector<Array>& matrices, bool transpose) {
  require(static_cast<int>(matrices.size()) == x.ndim(), "[mode_products] ", matrices.size(),
          " matrices for a tensor of shape ", x.shape());
  // Those that shrink the tensor most first.
  std::vector<std::pair<double, int>> order;
  for (int k = 0; k < x.ndim(); ++k) {
    const Array& m = matrices[static_cast<std::size_t>(k)];
    if (m.shape() == Shape{0} && m.ndim() == 1) continue;
    require(m.ndim() == 2, "[mode_products] matrix ", k, " has shape ", m.shape());
    const double in = static_cast<double>(m.dim(transpose ? 0 : 1)),
                 out = static_cast<double>(m.dim(transpose ? 1 : 0));
    // p / (n (n - p)) ranks two orders of one pair by their flops: contracting k costs p, leaves p / n of the
    // rest.
    order.emplace_back(in > 0 ? (1 - out / in) / std::max(out, 1.0) : 0.0, k);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  Array y = x;
  for (const auto& [gain, k] : order)
    y = mode_product(y, matrices[static_cast<std::size_t>(k)], k, transpose);
  return y;
}

Array unfold(const Array& x, int mode) {
  mode = checked_mode("unfold", x.shape(), mode);
  return run(std::make_shared<Unfold>(mode, x.shape(), false), {x});
}

Array fold(const Array& matrix, int mode, const Shape& shape) {
  mode = checked_mode("fold", shape, mode);
  const ModeView v = view_of(shape, mode);
  const Shape expected{v.n, v.left * v.right};
  require(matrix.shape() == expected, "[fold] a matrix of shape ", matrix.shape(), ", expected ", expected);
  return run(std::make_shared<Unfold>(mode, shape, true), {matrix});
}

Array gram(const Array& x, int mode) {
  mode = checked_mode("gram", x.shape(), mode);
  require(is_real(x.dtype()), "[gram] elements are ", x.dtype(), "; use float32 or float64");
  return run(std::make_shared<Gram>(mode), {x});
}

Array mode_contract(const Array& a, const Array& b, int mode) {
  mode = checked_mode("mode_contract", a.shape(), mode);
  Shape expected = a.shape();
  require(b.ndim() == a.ndim(), "[mode_contract] tensors of shapes ", a.shape(), " and ", b.shape());
  expected[static_cast<std::size_t>(mode)] = b.dim(mode);
  require(b.shape() == expected, "[mode_contract] tensors of shapes ", a.shape(), " and ", b.shape(),
          " differ in another mode than ", mode);
  require(is_real(a.dtype()) && a.dtype() == b.dtype(), "[mode_contract] types ", a.dtype(), " and ",
          b.dtype(), "; use float32 or float64 for both");
  return run(std::make_shared<ModeContract>(mode), {a, b});
}

Array khatri_rao(const std::vector<Array>& factors) {
  require(!factors.empty(), "[khatri_rao] no matrices");
  Array y = factors[0];
  require(y.ndim() == 2, "[khatri_rao] a matrix of shape ", y.shape());
  for (std::size_t k = 1; k < factors.size(); ++k) {
    const Array& b = factors[k];
    require(b.ndim() == 2 && b.dim(1) == y.dim(1), "[khatri_rao] matrices of shapes ", y.shape(), " and ",
            b.shape(), ": numbers of columns differ");
    require(b.dtype() == y.dtype(), "[khatri_rao] types ", y.dtype(), " and ", b.dtype(), " differ");
    require(is_real(y.dtype()), "[khatri_rao] elements are ", y.dtype(), "; use float32 or float64");
    y = run(std::make_shared<KhatriRao>(), {y, b});
  }
  return y;
}

Array mttkrp(const Array& x, const std::vector<Array>& factors, int mode) {
  mode = checked_mode("mttkrp", x.shape(), mode);
  require(static_cast<int>(factors.size()) == x.ndim(), "[mttkrp] ", factors.size(),
          " factors for a tensor of shape ", x.shape());
  Index rank = -1;
  for (int k = 0; k < x.ndim(); ++k) {
    if (k == mode) continue;
    const Array& f = factors[static_cast<std::size_t>(k)];
    if (rank < 0 && f.ndim() == 2) rank = f.dim(1);
    require(f.ndim() == 2 && f.dim(0) == x.dim(k) && f.dim(1) == rank, "[mttkrp] factor ", k, " has shape ",
            f.shape(), " for a tensor of shape ", x.shape());
    require(f.dtype() == x.dtype(), "[mttkrp] types ", x.dtype(), " and ", f.dtype(), " differ");
  }
  if (rank < 0) {  // order 1: the empty product is 1, the number of columns that of the unused factor
    const Array& f = factors[0];
    rank = f.ndim() == 2 ? f.dim(1) : 1;
  }
  require(is_real(x.dtype()), "[mttkrp] elements are ", x.dtype(), "; use float32 or float64");
  Arrays inputs{x};
  for (int k = 0; k < x.ndim(); ++k)
    if (k != mode) inputs.push_back(factors[static_cast<std::size_t>(k)]);
  return run(std::make_shared<Mttkrp>(mode, rank), std::move(inputs));
}

Arrays Mttkrp::eval_cpu(const Arrays& in) const {
  const Recording off(false);
  const Array& x = in[0];
  const int mode = mode_;
  const Index rank = rank_;
  const std::vector<Array> factors = with_mode(in, Array());
  Array out = Array::uninitialized({x.dim(mode), rank}, x.dtype());
  if (out.empty()) return {out};
  if (x.empty()) return {Array::zeros(out.shape(), x.dtype())};
  dispatch_real("mttkrp", x.dtype(), [&]<class T>(T) {
    std::vector<const T*> f;
    for (int k = 0; k < x.ndim(); ++k)
      f.push_back(k == mode ? nullptr : factors[static_cast<std::size_t>(k)].data<T>());
    const std::size_t m = static_cast<std::size_t>(mode);
    // The larger side of the other modes is contracted first, in one product with its Khatri-Rao product.
    const Shape& s = x.shape();
    const ModeView v = view_of(s, mode);
    auto joined = [&](std::size_t first, std::size_t last) {
      std::vector<Array> part;
      for (std::size_t k = first; k < last; ++k) part.push_back(factors[k]);
      return khatri_rao(part);
    };
    T* y = out.mutable_data<T>();
    if (s.size() == 1) {
      for (Index i = 0; i < v.n; ++i) std::fill_n(y + i * rank, rank, x.data<T>()[i]);
    } else if (v.left == 1 && mode == 0) {
      const Array right = joined(1, s.size());
      gemm<T>(v.n, rank, v.right, {x.data<T>(), v.right}, {right.data<T>(), rank}, y, rank);
    } else if (m + 1 == s.size()) {
      const Array left = joined(0, m);
      contract_rows<T>(x.data<T>(), v.left, v.n, left.data<T>(), rank, y);
    } else {
      const Array left = joined(0, m), right = joined(m + 1, s.size());
      const Index half = v.left * v.n;
      std::vector<T> z(static_cast<std::size_t>(half * rank));  // (left, n, rank)
      gemm<T>(half, rank, v.right, {x.data<T>(), v.right}, {right.data<T>(), rank}, z.data(), rank);
      contract_left<T>(z.data(), {v.left, v.n, rank}, left.data<T>(), y);
    }
  });
  return {out};
}

}  // namespace cartan::linalg
