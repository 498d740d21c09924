// The parallel-in-time scan and the square-root form of the filter and smoother.

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "cartan/core/parallel.hpp"
#include "core/workspace.hpp"
#include "functional/chain.hpp"
#include "functional/chain_pass.hpp"

namespace cartan::functional {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

constexpr Index smallest_block = 64;
constexpr Index most_blocks = 64;

// What a block of coordinates does to the state x before its first message:
//   x after its last one given x: N(phi x + b, c);   its messages as a function of x: exp(-x^T j x/2 + e^T
//   x).
struct Element {
  Matrix phi, c, j;
  Vector b, e;
};

// a with a a^T = p, for a positive semi-definite p.
Matrix root_of(const Matrix& p) {
  const int n = static_cast<int>(p.rows());
  Matrix l(n, n);
  cholesky_semidefinite(n, p.data(), l.data());
  return l;
}

// Lower triangle t with t t^T = sum of rows: the triangular factor of the transpose.
Matrix triangle(const Matrix& wide) {
  const Index n = wide.rows();
  Eigen::HouseholderQR<Eigen::MatrixXd> qr(wide.transpose());
  const Index k = std::min<Index>(n, wide.cols());
  Matrix r = Matrix::Zero(n, n);
  r.topRows(k) = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  return r.transpose();
}

}  // namespace

// The scan of S. Sarkka, A. F. Garcia-Fernandez, Temporal parallelization of Bayesian smoothers, IEEE Trans.
// Automat. Control 66 (2021): blocks are reduced to elements at a time, elements are combined from both ends,
// then the blocks run again from what is known at their ends. An element comes from the ordinary filter and
// smoother with no prior variance: then the derivatives r and N are those of the messages themselves.
double Chain::scan(const double* precision, const double* shift, double* mean, double* covariance) {
  const Index n = size(), d = states_;
  const Index grain = std::max(smallest_block, (n + most_blocks - 1) / most_blocks);
  const Index blocks = (n + grain - 1) / grain;
  if (blocks < 2) {
    const double evidence = forward(precision, shift);
    backward(precision, shift, mean, covariance, nullptr);
    return evidence;
  }
  std::vector<Element> element(static_cast<std::size_t>(blocks));
  std::vector<double> evidence(static_cast<std::size_t>(blocks));
  // the transition into block k, its own elements from the state before that transition
  parallel_for(blocks, 1, [&](Index k, Index) {
    Pass<Blocks> pass(*this);
    const Index begin = k * grain, end = std::min(n, begin + grain);
    Element& x = element[static_cast<std::size_t>(k)];
    x.b = Vector::Zero(d), x.e = Vector::Zero(d);
    x.c = Matrix::Zero(d, d), x.j = Matrix::Zero(d, d);
    Scratch<double> room(Tables::numbers(end - begin, d, components()));
    const Tables t(room.data(), begin, end - begin, states_, components());
    double unused = 0;  // no variance before the block
    pass.forward(begin, end, x.b.data(), x.c.data(), precision, shift, &t, unused);
    x.phi = Matrix::Identity(d, d);
    Matrix vt(components(), d), hu(components(), d);
    for (Index i = begin; i < end; ++i) {
      if (i > begin || k > 0) {
        Matrix moved(d, d);
        for (Index column = 0; column < d; ++column) {
          const Vector from = x.phi.col(column);
          Vector to(d);
          pass.advance(pass.a(i), from.data(), to.data());
          moved.col(column) = to;
        }
        x.phi = moved;
      }
      const Index c = components();
      pass.spread(i, static_cast<int>(c), t.u(i), hu.data());
      std::copy_n(t.v(i), c * d, vt.data());
      x.phi -= vt.transpose() * (hu * x.phi);
    }
    pass.recurse(begin, end, x.e.data(), x.j.data(), precision, shift, t);
  });
  // from the left: the posterior after each block; from the right: the messages of later blocks
  std::vector<Vector> m(static_cast<std::size_t>(blocks)), e(m.size());
  std::vector<Matrix> p(m.size()), j(m.size());
  m[0] = element[0].b, p[0] = element[0].c;
  const Matrix one = Matrix::Identity(d, d);
  for (std::size_t k = 1; k < m.size(); ++k) {
    const Element& x = element[k];
    const Eigen::PartialPivLU<Matrix> lu(one + p[k - 1] * x.j);
    const Vector mean_before = lu.solve(m[k - 1] + p[k - 1] * x.e);
    const Matrix before = lu.solve(p[k - 1]);
    m[k] = x.phi * mean_before + x.b;
    p[k] = x.phi * before * x.phi.transpose() + x.c;
    p[k] = (p[k] + p[k].transpose()).eval() / 2;
  }
  e.back() = Vector::Zero(d), j.back() = Matrix::Zero(d, d);
  for (std::size_t k = m.size() - 1; k > 0; --k) {
    const Element& x = element[k];
    const Eigen::PartialPivLU<Matrix> lu(one + j[k] * x.c);
    const Matrix later = lu.solve(j[k]);
    j[k - 1] = x.j + x.phi.transpose() * later * x.phi;
    j[k - 1] = (j[k - 1] + j[k - 1].transpose()).eval() / 2;
    e[k - 1] = x.e + x.phi.transpose() * lu.solve(e[k] - j[k] * x.b);
  }
  parallel_for(blocks, 1, [&](Index k, Index) {
    Pass<Blocks> pass(*this);
    const Index begin = k * grain, end = std::min(n, begin + grain);
    Vector mk = Vector::Zero(d), r = Vector::Zero(d);
    Matrix pk = Matrix::Zero(d, d), nk = Matrix::Zero(d, d);
    if (k > 0) mk = m[static_cast<std::size_t>(k - 1)], pk = p[static_cast<std::size_t>(k - 1)];
    Scratch<double> room(Tables::numbers(end - begin, d, components()));
    const Tables t(room.data(), begin, end - begin, states_, components());
    pass.forward(begin, end, mk.data(), pk.data(), precision, shift, &t,
                 evidence[static_cast<std::size_t>(k)]);
    // r and N by the moments after the block, from the messages of later ones
    const Matrix& later = j[static_cast<std::size_t>(k)];
    const Eigen::PartialPivLU<Matrix> lu(one + later * pk);
    nk = lu.solve(later);
    nk = (nk + nk.transpose()).eval() / 2;
    r = lu.solve(e[static_cast<std::size_t>(k)] - later * mk);
    pass.recurse(begin, end, r.data(), nk.data(), precision, shift, t);
    pass.outputs(begin, end, t, mean, covariance, nullptr, nullptr);
  });
  double sum = 0;
  for (const double x : evidence) sum += x;
  return sum;
}

// Covariances as triangular factors throughout: P- = S S^T from the QR factorisation of [A S, root of Q], the
// update from [1, 0; ..], the smoother from [(1 - G A) S, G root of Q, G S_next]: sums of squares alone.
double Chain::square_root(const double* precision, const double* shift, double* mean, double* covariance) {
  const Index n = size(), d = states_, c = components();
  if (n == 0) return 0;
  Pass<Blocks> pass(*this);
  std::vector<Matrix> prior(static_cast<std::size_t>(n)), post(prior.size()), noise(prior.size());
  std::vector<Vector> mp(prior.size()), mf(prior.size());
  const auto full = [&](Index i) {
    Matrix a = Matrix::Zero(d, d);
    for (std::size_t k = 0; k < kernels_.size(); ++k) {
      const Index size = kernels_[k].states(), f = first_[k];
      for (Index row = 0; row < size; ++row)
        for (Index col = 0; col < size; ++col) a(f + row, f + col) = pass.a(i)[place_[k] + row * size + col];
    }
    return a;
  };
  const auto reads = [&](Index i) {
    Matrix h = Matrix::Zero(c, d);
    for (Index k = 0; k < c; ++k)
      for (Index s = first_[static_cast<std::size_t>(k)];
           s < first_[static_cast<std::size_t>(k)] + kernels_[static_cast<std::size_t>(k)].states(); ++s)
        h(k, s) = pass.h(i)[s];
    return h;
  };
  Matrix rest = Matrix::Zero(d, d);
  pass.add_stationary(1, rest.data());
  double evidence = 0;
  for (Index i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (i == 0) {
      mp[at] = Vector::Zero(d), prior[at] = root_of(rest);
    } else {
      const Matrix a = full(i);
      Matrix q = rest - a * rest * a.transpose();
      q = ((q + q.transpose()) / 2).eval();
      noise[at] = root_of(q);
      mp[at] = a * mf[at - 1];
      Matrix wide(d, 2 * d);
      wide << a * post[at - 1], noise[at];
      prior[at] = triangle(wide);
    }
    const Eigen::Map<const Matrix> w(precision + i * c * c, c, c);
    const Eigen::Map<const Vector> e(shift + i * c, c);
    const Matrix h = reads(i), l = root_of(w), hs = h * prior[at];
    // [1, L^T H S; 0, S] to a triangle: its corner is the root of P, its first block that of B
    Matrix wide = Matrix::Zero(c + d, c + d);
    wide.topLeftCorner(c, c).setIdentity();
    wide.topRightCorner(c, d) = l.transpose() * hs;
    wide.bottomRightCorner(d, d) = prior[at];
    const Matrix t = triangle(wide);
    post[at] = t.bottomRightCorner(d, d);
    for (Index k = 0; k < c; ++k) evidence -= std::log(std::abs(t(k, k)));
    const Vector hm = h * mp[at], q = e - w * hm;
    const Vector step = post[at].transpose() * (h.transpose() * q);
    mf[at] = mp[at] + post[at] * step;
    evidence += -0.5 * hm.dot(w * hm) + e.dot(hm) + 0.5 * step.squaredNorm();
  }
  Vector ms = mf.back();
  Matrix s = post.back();
  for (Index i = n - 1; i >= 0; --i) {
    const auto at = static_cast<std::size_t>(i);
    if (i < n - 1) {
      const Matrix a = full(i + 1);
      // G = P A^T (P-)^-1 by the singular values of the root: the directions that P- lacks stay out
      const Eigen::JacobiSVD<Eigen::MatrixXd> svd(prior[at + 1], Eigen::ComputeFullU | Eigen::ComputeFullV);
      Vector inverse = svd.singularValues();
      for (Index k = 0; k < d; ++k)
        inverse[k] = inverse[k] > 1e-13 * svd.singularValues()[0] ? 1 / (inverse[k] * inverse[k]) : 0;
      const Matrix solve = svd.matrixU() * inverse.asDiagonal() * svd.matrixU().transpose();
      const Matrix g = post[at] * (a * post[at]).transpose() * solve;
      ms = (mf[at] + g * (ms - mp[at + 1])).eval();
      Matrix wide(d, 3 * d);
      wide << (Matrix::Identity(d, d) - g * a) * post[at], g * noise[at + 1], g * s;
      s = triangle(wide);
    }
    const Matrix h = reads(i), hs = h * s;
    if (mean) Eigen::Map<Vector>(mean + i * c, c) = h * ms;
    if (covariance) Eigen::Map<Matrix>(covariance + i * c * c, c, c) = hs * hs.transpose();
  }
  return evidence;
}

}  // namespace cartan::functional
