#include "linalg/matrix.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cartan/core/error.hpp"
#include "core/dispatch.hpp"

namespace cartan::linalg {
namespace {

using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColMajor = Eigen::MatrixXd;
using Map = Eigen::Map<Dense>;
using ConstMap = Eigen::Map<const Dense>;

ConstMap map(const Matrix& a) {
  return {a.data.data(), a.rows, a.cols};
}
template <class Derived>
Matrix from(const Eigen::MatrixBase<Derived>& e) {
  Matrix a(e.rows(), e.cols());
  Map(a.data.data(), a.rows, a.cols) = e;
  return a;
}

}  // namespace

double near_one(double x) {
  return x > 0 && std::isfinite(x) ? std::ldexp(1.0, std::clamp(-std::ilogb(x), -1000, 1000)) : 1;
}

Matrix identity(Index n) {
  Matrix a(n, n);
  for (Index i = 0; i < n; ++i) a(i, i) = 1;
  return a;
}

Matrix product(const Matrix& a, const Matrix& b, bool ta, bool tb) {
  const Index m = ta ? a.cols : a.rows, k = ta ? a.rows : a.cols, n = tb ? b.rows : b.cols;
  require((tb ? b.cols : b.rows) == k, "[product] inner extents ", k, " and ", tb ? b.cols : b.rows,
          " differ");
  Matrix c(m, n);
  if (k > 0)
    gemm<double>(m, n, k, {a.data.data(), a.cols, ta}, {b.data.data(), b.cols, tb}, c.data.data(), n);
  return c;
}

Matrix transposed(const Matrix& a) {
  return from(map(a).transpose());
}

Matrix first_columns(const Matrix& a, Index count) {
  return from(map(a).leftCols(count));
}

Matrix reshaped(Matrix a, Index rows, Index cols) {
  require(rows * cols == a.rows * a.cols, "[reshaped] ", a.rows, " x ", a.cols, " to ", rows, " x ", cols);
  a.rows = rows;
  a.cols = cols;
  return a;
}

void scale_columns(Matrix& a, const std::vector<double>& s) {
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.cols; ++j) a(i, j) *= s[static_cast<std::size_t>(j)];
}

Matrix matrix_of(const Array& a, Index rows, Index cols) {
  require(a.size() == rows * cols, "[linalg] ", a.shape(), " is not ", rows, " x ", cols);
  Matrix m;
  m.rows = rows;
  m.cols = cols;
  m.data = a.to_vector<double>();
  return m;
}

Matrix matrix_of(const Array& a) {
  return matrix_of(a, a.dim(0), a.dim(1));
}

Array array_of(const Matrix& a, Shape shape, DType dtype) {
  return Array::from(a.data, std::move(shape)).as(dtype);
}

Array array_of(const Matrix& a, DType dtype) {
  return array_of(a, {a.rows, a.cols}, dtype);
}

QR qr(const Matrix& a) {
  const Index k = std::min(a.rows, a.cols);
  // Eigen takes columns for zero whose squares vanish: the largest entry is brought near to 1.
  const double largest = a.data.empty() ? 0 : map(a).cwiseAbs().maxCoeff();
  const double scale = near_one(largest);
  const Eigen::HouseholderQR<ColMajor> f(map(a) * scale);
  ColMajor q = ColMajor::Identity(a.rows, k);
  q.applyOnTheLeft(f.householderQ());
  const ColMajor r = f.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  return {from(q), from(r / scale)};
}

void TriangularFactor::add(const double* rows, Index count) {
  ColMajor stacked(r_.rows + count, n_);
  stacked.topRows(r_.rows) = map(r_);
  stacked.bottomRows(count) = ConstMap(rows, count, n_);
  const Index k = std::min(stacked.rows(), n_);
  Eigen::HouseholderQR<Eigen::Ref<ColMajor>> f(stacked);
  const ColMajor r = stacked.topRows(k).triangularView<Eigen::Upper>();
  r_ = from(r);
}

Eigensystem eigensystem(const Matrix& a) {
  const Eigen::SelfAdjointEigenSolver<ColMajor> f(map(a));
  Eigensystem e;
  e.values.assign(static_cast<std::size_t>(a.rows), std::numeric_limits<double>::quiet_NaN());
  for (Index i = 0; i < a.rows && f.info() == Eigen::Success; ++i)
    e.values[static_cast<std::size_t>(i)] = f.eigenvalues()[a.rows - 1 - i];
  e.vectors = from(f.eigenvectors().rowwise().reverse());
  return e;
}

Eigensystem leading_eigensystem(const Matrix& a, double negligible) {
  // Pivoted Cholesky: a - L L^T is positive, `rest` its diagonal.
  const Index n = a.rows, most = n < 24 ? 0 : n / 2;
  Matrix l(n, most);
  std::vector<double> rest(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) rest[static_cast<std::size_t>(i)] = a(i, i);
  auto left = [&] { return std::accumulate(rest.begin(), rest.end(), 0.0); };
  Index p = 0;
  for (; p < most && !(left() <= negligible); ++p) {
    const Index pivot = std::max_element(rest.begin(), rest.end()) - rest.begin();
    if (!(rest[static_cast<std::size_t>(pivot)] > 0)) break;
    const double root = std::sqrt(rest[static_cast<std::size_t>(pivot)]);
    const Eigen::Map<const Eigen::VectorXd> row(l.row(pivot), p);
    for (Index i = 0; i < n; ++i) {
      double& r = rest[static_cast<std::size_t>(i)];
      l(i, p) = (a(i, pivot) - Eigen::Map<const Eigen::VectorXd>(l.row(i), p).dot(row)) / root;
      r = std::max(0.0, r - l(i, p) * l(i, p));
    }
    rest[static_cast<std::size_t>(pivot)] = 0;
  }
  if (p == 0 || !(left() <= negligible)) return eigensystem(a);
  l = first_columns(l, p);
  Eigensystem e = eigensystem(product(l, l, true));  // L L^T has the same eigenvalues
  e.vectors = qr(product(l, e.vectors)).q;
  return e;
}

Matrix solve_symmetric(const Matrix& a, const Matrix& b) {
  const Eigen::LLT<ColMajor> f(map(a));
  if (f.info() == Eigen::Success && f.rcond() > 1e-12) {
    const ColMajor x = f.solve(map(b).transpose());
    return from(x.transpose());
  }
  const Eigen::SelfAdjointEigenSolver<ColMajor> e(map(a));
  const double floor =
      1e-14 * static_cast<double>(a.rows) * std::max(e.eigenvalues().cwiseAbs().maxCoeff(), 1e-300);
  const Eigen::VectorXd inverse =
      (e.eigenvalues().array() > floor).select(e.eigenvalues().array().inverse(), 0.0).matrix();
  const ColMajor y = map(b) * e.eigenvectors();
  const ColMajor x = y * inverse.asDiagonal() * e.eigenvectors().transpose();
  return from(x);
}

Index rank_of(const std::vector<double>& s, double allowed) {
  Index r = static_cast<Index>(s.size());
  double sum = 0;
  while (r > 1) {
    const double v = s[static_cast<std::size_t>(r - 1)];
    sum += v * v;
    if (!(sum <= allowed * allowed)) break;
    --r;
  }
  return std::max<Index>(r, 1);
}

double tail(const std::vector<double>& s, Index first) {
  double sum = 0;
  for (Index i = static_cast<Index>(s.size()) - 1; i >= first; --i)
    sum += s[static_cast<std::size_t>(i)] * s[static_cast<std::size_t>(i)];
  return std::sqrt(sum);
}

double norm(const Matrix& a) {
  // Eigen's stableNorm() sums in an order that depends on where in memory the elements lie.
  if (a.data.empty()) return 0;
  const double largest = map(a).cwiseAbs().maxCoeff();
  if (!map(a).allFinite()) return map(a).cwiseAbs().sum();
  const double scale = near_one(largest);
  return std::sqrt((map(a) * scale).squaredNorm()) / scale;
}

}  // namespace cartan::linalg
