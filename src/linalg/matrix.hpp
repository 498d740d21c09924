#pragma once
// Small matrices in float64: everything that is not the big tensor itself.

#include <vector>

#include "cartan/core/array.hpp"
#include "core/gemm.hpp"

namespace cartan::linalg {

/// Row-major matrix of doubles.
struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(Index r, Index c) : rows(r), cols(c), data(static_cast<std::size_t>(r * c), 0.0) {}
  double& operator()(Index i, Index j) { return data[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(Index i, Index j) const { return data[static_cast<std::size_t>(i * cols + j)]; }
  double* row(Index i) { return data.data() + i * cols; }
  const double* row(Index i) const { return data.data() + i * cols; }
  MatrixView<double> view() const { return {data.data(), cols, false}; }
};

/// The power of two that brings x > 0 near to one; 1 for anything else.
double near_one(double x);
Matrix identity(Index n);
/// op(a) op(b)
Matrix product(const Matrix& a, const Matrix& b, bool ta = false, bool tb = false);
Matrix transposed(const Matrix& a);
Matrix first_columns(const Matrix& a, Index count);
/// The same elements as rows x cols.
Matrix reshaped(Matrix a, Index rows, Index cols);
/// Columns times s_c.
void scale_columns(Matrix& a, const std::vector<double>& s);

/// The elements of a real array as a rows x cols matrix, and back.
Matrix matrix_of(const Array& a, Index rows, Index cols);
Matrix matrix_of(const Array& a);  ///< of an array with two axes
Array array_of(const Matrix& a, Shape shape, DType dtype);
Array array_of(const Matrix& a, DType dtype);

/// a = q r with orthonormal columns of q: m x min(m, n).
struct QR {
  Matrix q, r;
};
QR qr(const Matrix& a);
/// The factor r alone, min(m, n) x n, of a matrix given in row blocks by calls of add(); Householder.
class TriangularFactor {
 public:
  explicit TriangularFactor(Index columns) : n_(columns), r_(0, columns) {}
  void add(const double* rows, Index count);  ///< rows x columns, row-major
  const Matrix& r() const { return r_; }

 private:
  Index n_;
  Matrix r_;
};

/// a = u diag(s) v^T, s falling; u m x k, v n x k with k = min(m, n). Orthonormal to rounding, whatever the
/// rank; s is NaN where a is not finite.
struct SVD {
  Matrix u;
  std::vector<double> s;
  Matrix v;
};
SVD svd(const Matrix& a);

/// Eigenvalues, falling, and eigenvectors (columns) of a symmetric matrix (lower triangle).
struct Eigensystem {
  std::vector<double> values;
  Matrix vectors;
};
Eigensystem eigensystem(const Matrix& a);
/// Of a positive semi-definite matrix: the leading ones alone where few of them make up all but `negligible`
/// of the trace.
Eigensystem leading_eigensystem(const Matrix& a, double negligible);

/// x with x a = b for a symmetric positive semi-definite a: the minimum-norm solution where a is singular.
Matrix solve_symmetric(const Matrix& a, const Matrix& b);

/// Smallest r >= 1 with sum_{i >= r} s_i^2 <= allowed^2.
Index rank_of(const std::vector<double>& s, double allowed);
/// sqrt(sum_{i >= first} s_i^2), from the small end.
double tail(const std::vector<double>& s, Index first);

/// Without squares that overflow or vanish; the same bits wherever the elements lie.
double norm(const Matrix& a);

}  // namespace cartan::linalg
