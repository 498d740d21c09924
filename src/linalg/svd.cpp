// Singular value decompositions by rotations alone. Eigen 3.4's divide and conquer returns anything, NaN
// included, or reads beyond its arrays, where singular values repeat or vanish.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "linalg/matrix.hpp"

namespace cartan::linalg {
namespace {

using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColMajor = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double epsilon = std::numeric_limits<double>::epsilon();

Matrix from(const ColMajor& e) {
  Matrix a(e.rows(), e.cols());
  Eigen::Map<Dense>(a.data.data(), a.rows, a.cols) = e;
  return a;
}

struct Parts {
  ColMajor u;
  Vector s;
  ColMajor v;
};

/// Most of that: columns of w nearly orthogonal and falling in size. Eigenvectors of w^T w are sure for seven
/// digits of size, those of the columns that are smaller come from these alone.
void turn_by_eigenvectors(ColMajor& w, ColMajor& turns) {
  for (Eigen::Index first = 0; first < w.cols();) {
    const Eigen::Index count = w.cols() - first;
    auto columns = w.rightCols(count);
    const ColMajor g = columns.transpose() * columns;
    const ColMajor e = Eigen::SelfAdjointEigenSolver<ColMajor>(g).eigenvectors().rowwise().reverse();
    columns = columns * e;
    turns.rightCols(count) = turns.rightCols(count) * e;
    const double small = 1e-7 * w.col(first).norm();
    for (++first; first < w.cols() && w.col(first).norm() > small;) ++first;
  }
}

/// Columns of w orthogonal to each other, by plane rotations from the right, which `turns` collects.
void orthogonalize_columns(ColMajor& w, ColMajor& turns) {
  constexpr int most_sweeps = 60;
  const double small = epsilon * std::sqrt(static_cast<double>(w.rows()));
  bool turned = true;
  for (int sweep = 0; turned && sweep < most_sweeps; ++sweep) {
    turned = false;
    Vector square = w.colwise().squaredNorm();
    for (Eigen::Index i = 0; i + 1 < w.cols(); ++i)
      for (Eigen::Index j = i + 1; j < w.cols(); ++j) {
        const double both = w.col(i).dot(w.col(j));
        if (!(std::abs(both) > small * std::sqrt(square[i]) * std::sqrt(square[j]))) continue;
        turned = true;
        const double half = (square[j] - square[i]) / (2 * both);
        const double tangent = std::copysign(1.0, half) / (std::abs(half) + std::sqrt(1 + half * half));
        const double cosine = 1 / std::sqrt(1 + tangent * tangent);
        const Eigen::JacobiRotation<double> turn(cosine, cosine * tangent);
        w.applyOnTheRight(i, j, turn);
        turns.applyOnTheRight(i, j, turn);
        square[i] = w.col(i).squaredNorm();
        square[j] = w.col(j).squaredNorm();
      }
  }
}

/// k orthonormal columns, the first of them the columns of a, which are so but for some 1e-14.
ColMajor completed(const ColMajor& a, Eigen::Index k) {
  const Eigen::HouseholderQR<ColMajor> f(a);
  ColMajor q = f.householderQ() * ColMajor::Identity(a.rows(), k);
  for (Eigen::Index i = 0; i < a.cols(); ++i)
    if (f.matrixQR()(i, i) < 0) q.col(i) *= -1;
  return q;
}

/// Of a matrix with no more columns than rows and its largest entry near 1. A P = Q R with pivots, and the
/// columns of R^T are made orthogonal (Drmac and Veselic, SIAM J. Matrix Anal. Appl. 29, 2008): by
/// eigenvectors of R R^T, then by rotations.
Parts rotated(const ColMajor& a) {
  const Eigen::Index k = a.cols();
  Eigen::ColPivHouseholderQR<ColMajor> f(a);
  f.setThreshold(1e-100);  // squares of more vanish
  const Eigen::Index rank = f.rank();
  Parts p{ColMajor::Identity(a.rows(), k), Vector::Zero(k), ColMajor::Identity(k, k)};
  if (rank == 0) return p;
  const ColMajor r = f.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  ColMajor w = r.topRows(rank).transpose();
  ColMajor turns = ColMajor::Identity(rank, rank);
  turn_by_eigenvectors(w, turns);
  orthogonalize_columns(w, turns);
  const Vector norms = w.colwise().norm();
  std::vector<Eigen::Index> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return norms[i] > norms[j]; });
  ColMajor u(rank, rank), v(k, rank);
  for (Eigen::Index i = 0; i < rank; ++i) {
    const Eigen::Index c = order[static_cast<std::size_t>(i)];
    p.s[i] = norms[c];
    u.col(i) = turns.col(c);
    v.col(i) = w.col(c) / norms[c];
  }
  p.u.topLeftCorner(rank, rank) = completed(u, rank);
  p.u.applyOnTheLeft(f.householderQ());
  p.v = f.colsPermutation() * completed(v, k);
  return p;
}

Parts decomposed(const ColMajor& a) {
  if (a.cols() > 32) return rotated(a);
  const Eigen::JacobiSVD<ColMajor> f(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {f.matrixU(), f.singularValues(), f.matrixV()};
}

}  // namespace

SVD svd(const Matrix& a) {
  const Index k = std::min(a.rows, a.cols);
  if (k == 0) return {Matrix(a.rows, 0), {}, Matrix(a.cols, 0)};
  const Eigen::Map<const Dense> all(a.data.data(), a.rows, a.cols);
  if (!all.allFinite()) {  // overflow on the way here
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {Matrix(a.rows, k), std::vector<double>(static_cast<std::size_t>(k), nan), Matrix(a.cols, k)};
  }
  const double scale = near_one(all.cwiseAbs().maxCoeff());
  const bool wide = a.cols > a.rows;
  Parts p = decomposed(wide ? ColMajor(all.transpose() * scale) : ColMajor(all * scale));
  if (wide) p.u.swap(p.v);
  p.s /= scale;
  return {from(p.u), std::vector<double>(p.s.data(), p.s.data() + k), from(p.v)};
}

}  // namespace cartan::linalg
