// Cholesky factors and triangular systems of batches of matrices.
#include <Eigen/Cholesky>
#include <cmath>

#include "cartan/autodiff/ops.hpp"
#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "cartan/linalg/ops.hpp"
#include "core/dispatch.hpp"

namespace cartan::linalg {
namespace {

template <class T>
using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void check_square(const char* op, const char* what, const Array& a) {
  require(a.ndim() >= 2 && a.dim(-1) == a.dim(-2), "[", op, "] ", what, " of shape ", a.shape(),
          "; the last two axes must be equal");
  require(is_real(a.dtype()), "[", op, "] elements are ", a.dtype(), "; use float32 or float64");
}

Shape leading(const Array& a) {
  return Shape(a.shape().begin(), a.shape().end() - 2);
}

// body(e) for every matrix of a batch.
template <class Body>
void for_matrices(Index batch, double flops, const Body& body) {
  const Index grain = std::max<Index>(1, static_cast<Index>(1e5 / (flops + 1)));
  parallel_for(batch, grain, [&](Index begin, Index end) {
    for (Index e = begin; e < end; ++e) body(e);
  });
}

// 1 below the diagonal of n x n, `diagonal` on it, 0 above.
Array lower_mask(Index n, double diagonal, const Array& like) {
  std::vector<double> mask(static_cast<std::size_t>(n * n), 0.0);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j <= i; ++j) mask[i * n + j] = i == j ? diagonal : 1;
  return Array::from(mask, {n, n}).as(like.dtype()).to(like.device());
}

class Cholesky : public Primitive {
 public:
  const char* name() const override { return "cholesky"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array& a = in[0];
    const Index n = a.dim(-1);
    Array out = Array::zeros(a.shape(), a.dtype());
    if (out.empty()) return {out};
    dispatch_real(name(), a.dtype(), [&]<class T>(T) {
      const T* from = a.data<T>();
      T* to = out.mutable_data<T>();
      const double size = static_cast<double>(n);
      for_matrices(a.size() / (n * n), size * size * size / 3, [&](Index e) {
        const Eigen::LLT<Dense<T>> f(Eigen::Map<const Dense<T>>(from + e * n * n, n, n));
        bool good = f.info() == Eigen::Success;
        T* l = to + e * n * n;
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j <= i; ++j) {
            l[i * n + j] = f.matrixLLT()(i, j);
            good = good && std::isfinite(l[i * n + j]);
          }
        require(good, "[cholesky] matrix ", e, " of ", a.shape(),
                " is not positive definite, or not finite; add to its diagonal");
      });
    });
    return {out};
  }
  // S = L^-T P L^-1 with P the lower triangle of L^T C, its diagonal halved; the derivative by a symmetric
  // matrix is (S + S^T) / 2 (I. Murray, arXiv:1602.07527).
  Arrays vjp(const Arrays&, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>&) const override {
    const Array& l = outputs[0];
    const Array p = matmul(l, cotangents[0], true, false) * lower_mask(l.dim(-1), 0.5, l);
    const Array s = solve_triangular(l, transpose(solve_triangular(l, p, true)), true);
    return {scale(s + transpose(s), 0.5)};
  }
};

// Both with the same leading axes.
class SolveTriangular : public Primitive {
 public:
  explicit SolveTriangular(bool transposed) : transposed_(transposed) {}
  const char* name() const override { return "solve_triangular"; }
  Arrays eval_cpu(const Arrays& in) const override {
    const Array &a = in[0], &b = in[1];
    const Index n = a.dim(-1), m = b.dim(-1);
    Array out = Array::uninitialized(b.shape(), b.dtype());
    if (out.empty()) return {out};
    dispatch_real(name(), b.dtype(), [&]<class T>(T) {
      const T *l = a.data<T>(), *from = b.data<T>();
      T* to = out.mutable_data<T>();
      for_matrices(b.size() / (n * m), static_cast<double>(n * n) * static_cast<double>(m), [&](Index e) {
        const T* matrix = l + e * n * n;
        for (Index i = 0; i < n; ++i)
          require(matrix[i * n + i] != T(0), "[solve_triangular] element ", i, " of the diagonal of matrix ",
                  e, " of ", a.shape(), " is zero");
        const Eigen::Map<const Dense<T>> lower(matrix, n, n);
        Eigen::Map<Dense<T>> x(to + e * n * m, n, m);
        x = Eigen::Map<const Dense<T>>(from + e * n * m, n, m);
        if (transposed_)
          lower.transpose().template triangularView<Eigen::Upper>().solveInPlace(x);
        else
          lower.template triangularView<Eigen::Lower>().solveInPlace(x);
      });
    });
    return {out};
  }
  Arrays vjp(const Arrays& in, const Arrays& outputs, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override {
    const Array &l = in[0], &x = outputs[0];
    const Array by_b = solve_triangular(l, cotangents[0], !transposed_);
    Arrays g(2);
    if (wanted[0])
      g[0] = negative((transposed_ ? matmul(x, by_b, false, true) : matmul(by_b, x, false, true)) *
                      lower_mask(l.dim(-1), 1, l));
    if (wanted[1]) g[1] = by_b;
    return g;
  }

 private:
  bool transposed_;
};

}  // namespace

Array cholesky(const Array& a) {
  check_square("cholesky", "a matrix", a);
  return run(std::make_shared<Cholesky>(), {scale(a + transpose(a), 0.5)});
}

Array solve_triangular(const Array& l, const Array& b, bool transposed) {
  check_square("solve_triangular", "a triangular matrix", l);
  const Index n = l.dim(-1);
  require(b.ndim() >= 2 && b.dim(-2) == n, "[solve_triangular] a right side of shape ", b.shape(),
          " for a matrix of shape ", l.shape(), "; expected (..., ", n, ", m)");
  require(b.dtype() == l.dtype(), "[solve_triangular] types ", l.dtype(), " and ", b.dtype(),
          " differ; use cast");
  const auto solve = [&](const Array& matrix, const Array& right) {
    return run(std::make_shared<SolveTriangular>(transposed), {matrix, right});
  };
  const Shape of_l = leading(l), of_b = leading(b);
  if (of_l == of_b) return solve(l, b);
  require(of_l.empty() || of_b.empty(), "[solve_triangular] leading axes of ", l.shape(), " and ", b.shape(),
          " differ");
  if (of_b.empty()) {
    Shape shape = of_l;
    shape.insert(shape.end(), b.shape().begin(), b.shape().end());
    return solve(l, broadcast_to(b, shape));
  }
  // one matrix for all: the columns of all right sides side by side
  const Index m = b.dim(-1), batch = size_of(of_b);
  const Array columns = reshape(permute(reshape(b, {batch, n, m}), {1, 0, 2}), {n, batch * m});
  return reshape(permute(reshape(solve(l, columns), {n, batch, m}), {1, 0, 2}), b.shape());
}

Array solve_cholesky(const Array& l, const Array& b) {
  return solve_triangular(l, solve_triangular(l, b), true);
}

Array diagonal(const Array& a) {
  require(a.ndim() >= 2 && a.dim(-1) == a.dim(-2), "[diagonal] an array of shape ", a.shape(),
          "; the last two axes must be equal");
  const Index n = a.dim(-1), batch = size_of(leading(a));
  require(n <= 46340, "[diagonal] ", n, " rows; at most 46340");  // places are 32-bit
  std::vector<std::int32_t> places(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) places[i] = static_cast<std::int32_t>(i * (n + 1));
  Shape shape = leading(a);
  shape.push_back(n);
  const Array rows = permute(reshape(a, {batch, n * n}), {1, 0});
  return reshape(permute(gather(rows, Indices(places, n * n)), {1, 0}), shape);
}

}  // namespace cartan::linalg
