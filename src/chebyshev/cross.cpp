// Fibre cross approximation of the tensor of node values.
#include <Eigen/QR>

#include <algorithm>
#include <cmath>

#include "cartan/core/error.hpp"
#include "cartan/linalg/modes.hpp"
#include "chebyshev/sampler.hpp"

namespace cartan::chebyshev {
namespace {

using Matrix = Eigen::MatrixXd;

// An orthonormal basis of the columns of a, up to `allowed` in the norm of what is left of any column.
Matrix range_of(const Matrix& a, double allowed, Index most) {
  const Eigen::ColPivHouseholderQR<Matrix> qr(a);
  const auto r = qr.matrixR().diagonal().cwiseAbs();
  Index rank = 0;
  while (rank < r.size() && rank < most && r[rank] > allowed) ++rank;
  rank = std::max<Index>(rank, 1);
  return qr.householderQ() * Matrix::Identity(a.rows(), rank);
}

// Discrete empirical interpolation: rows at which the basis is well conditioned, one for each column
// (S. Chaturantabut, D. Sorensen, SIAM J. Sci. Comput. 32, 2010), here by the pivoted QR of the transposed
// (Drmac, Gugercin).
std::vector<Index> rows_of(const Matrix& q) {
  const Eigen::ColPivHouseholderQR<Matrix> qr(q.transpose());
  std::vector<Index> rows;
  for (Index i = 0; i < q.cols(); ++i) rows.push_back(qr.colsPermutation().indices()[i]);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<Index> all_of(Index m) {
  std::vector<Index> out;
  for (Index j = 0; j < m; ++j) out.push_back(j);
  return out;
}

Matrix dense(const Array& unfolded) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(unfolded.data<double>(), unfolded.dim(0), unfolded.dim(1));
}

// The largest rank with which a sweep (d m r^(d-1) values) and the core stay within `room`.
Index affordable_rank(const std::vector<Index>& m, double room) {
  const double d = static_cast<double>(m.size()),
               longest = static_cast<double>(*std::max_element(m.begin(), m.end()));
  Index r = 1;
  const auto cost = [&](double rank) { return (d * longest + rank) * std::pow(rank, d - 1); };
  while (r < *std::max_element(m.begin(), m.end()) && cost(static_cast<double>(r + 1)) <= room) ++r;
  return r;
}

}  // namespace

linalg::Tucker cross_approximation(Sampler& f, const std::vector<Index>& m,
                                   std::vector<std::vector<Index>> rows, double tolerance,
                                   const std::vector<Index>& ranks, bool& capped) {
  constexpr int most_sweeps = 8;
  const int d = f.dim();
  std::vector<Matrix> q(d);
  const Index affordable = affordable_rank(m, static_cast<double>(f.room()) / 4);
  for (auto& list : rows)
    if (static_cast<Index>(list.size()) > affordable) list.resize(affordable);
  // Fibres of one variable through all combinations of the indices chosen in the others; the indices chosen
  // from their span serve the next variable. Sweeps until the ranks stay.
  std::vector<Index> before;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    std::vector<Index> now;
    const Index evaluated = f.evaluations();
    for (int k = 0; k < d; ++k) {
      auto indices = rows;
      indices[k] = all_of(m[k]);
      const Matrix fibres = dense(linalg::unfold(f.at_nodes(m, indices), k));
      const Index most = std::min({m[k], affordable, ranks.empty() ? m[k] : ranks[k]});
      q[k] = range_of(fibres, tolerance * f.largest(), most);
      capped = capped || (q[k].cols() == affordable && affordable < m[k]);
      rows[k] = rows_of(q[k]);
      now.push_back(q[k].cols());
    }
    const bool settled = now == before;
    before = now;
    if (settled || f.room() < 2 * (f.evaluations() - evaluated)) break;
  }
  linalg::Tucker t;
  t.core = f.at_nodes(m, rows);
  for (int k = 0; k < d; ++k) {
    const Matrix& basis = q[k];
    Matrix chosen(basis.cols(), basis.cols());
    for (Index i = 0; i < basis.cols(); ++i) chosen.row(i) = basis.row(rows[k][i]);
    // U = Q Q(rows)^-1, so that U(rows) is the identity: an interpolation
    const Matrix u = chosen.transpose().colPivHouseholderQr().solve(basis.transpose()).transpose();
    Array factor = Array::uninitialized({u.rows(), u.cols()}, DType::f64);
    for (Index i = 0; i < u.rows(); ++i)
      for (Index a = 0; a < u.cols(); ++a) factor.mutable_data<double>()[i * u.cols() + a] = u(i, a);
    t.factors.push_back(factor);
  }
  return t;
}

}  // namespace cartan::chebyshev
