#include "cartan/linalg/modes.hpp"

#include <algorithm>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "linalg/gemm.hpp"
#include "linalg/kernels.hpp"

namespace cartan::linalg {
namespace {

int checked_mode(const char* caller, const Shape& shape, int mode) {
  const int d = static_cast<int>(shape.size());
  require(d >= 1 && mode >= -d && mode < d, "[", caller, "] mode ", mode, " of a tensor of shape ", shape);
  return mode < 0 ? mode + d : mode;
}

}  // namespace

ModeProduct::ModeProduct(const Shape& shape, DType dtype, int mode, Index rows)
    : shape_(shape), output_(shape), dtype_(dtype), rows_(rows) {
  require(is_real(dtype), "[mode_product] elements are ", dtype, "; use float32 or float64");
  require(rows >= 0, "[mode_product] extent ", rows);
  mode = checked_mode("mode_product", shape, mode);
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
  Array y = Array::uninitialized(output_, dtype_);
  if (y.empty()) return y;
  if (n_ == 0) return Array::zeros(output_, dtype_);
  dispatch_real("mode_product", dtype_, [&]<class T>(T) {
    mode_product<T>(x.data<T>(), {left_, n_, right_}, {m.data<T>(), m.dim(1), transpose}, rows_,
                    y.mutable_data<T>());
  });
  return y;
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
  const ModeView v = view_of(x.shape(), mode);
  Array y = Array::uninitialized({v.n, v.left * v.right}, x.dtype());
  dispatch_any(x.dtype(), [&]<class T>(T) {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    for (Index l = 0; l < v.left; ++l)
      for (Index i = 0; i < v.n; ++i)
        std::copy_n(from + (l * v.n + i) * v.right, v.right, to + (i * v.left + l) * v.right);
  });
  return y;
}

Array fold(const Array& matrix, int mode, const Shape& shape) {
  mode = checked_mode("fold", shape, mode);
  const ModeView v = view_of(shape, mode);
  const Shape expected{v.n, v.left * v.right};
  require(matrix.shape() == expected, "[fold] a matrix of shape ", matrix.shape(), ", expected ", expected);
  Array y = Array::uninitialized(shape, matrix.dtype());
  dispatch_any(matrix.dtype(), [&]<class T>(T) {
    const T* from = matrix.data<T>();
    T* to = y.mutable_data<T>();
    for (Index l = 0; l < v.left; ++l)
      for (Index i = 0; i < v.n; ++i)
        std::copy_n(from + (i * v.left + l) * v.right, v.right, to + (l * v.n + i) * v.right);
  });
  return y;
}

Array gram(const Array& x, int mode) {
  mode = checked_mode("gram", x.shape(), mode);
  Array out;
  dispatch_real("gram", x.dtype(), [&]<class T>(T) {
    out = array_of(mode_gram(x.data<T>(), view_of(x.shape(), mode)), DType::f64);
  });
  return out;
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
    const Index m = y.dim(0), n = b.dim(0), rank = b.dim(1);
    Array z = Array::uninitialized({m * n, rank}, y.dtype());
    dispatch_real("khatri_rao", y.dtype(), [&]<class T>(T) {
      const T *p = y.data<T>(), *q = b.data<T>();
      T* to = z.mutable_data<T>();
      parallel_for(m, std::max<Index>(1, 4096 / std::max<Index>(1, n * rank)), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          for (Index j = 0; j < n; ++j)
            for (Index r = 0; r < rank; ++r) to[(i * n + j) * rank + r] = p[i * rank + r] * q[j * rank + r];
      });
    });
    y = std::move(z);
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
  Array out = Array::uninitialized({x.dim(mode), rank}, x.dtype());
  if (out.empty()) return out;
  if (x.empty()) return Array::zeros(out.shape(), x.dtype());
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
      multiply<T>(v.n, rank, v.right, {x.data<T>(), v.right}, {right.data<T>(), rank}, y, rank);
    } else if (m + 1 == s.size()) {
      const Array left = joined(0, m);
      contract_rows<T>(x.data<T>(), v.left, v.n, left.data<T>(), rank, y);
    } else {
      const Array left = joined(0, m), right = joined(m + 1, s.size());
      const Index half = v.left * v.n;
      std::vector<T> z(static_cast<std::size_t>(half * rank));  // (left, n, rank)
      multiply<T>(half, rank, v.right, {x.data<T>(), v.right}, {right.data<T>(), rank}, z.data(), rank);
      contract_left<T>(z.data(), {v.left, v.n, rank}, left.data<T>(), y);
    }
  });
  return out;
}

}  // namespace cartan::linalg
