#pragma once
/// Functions on a box in Chebyshev-Tucker format.

#include <memory>
#include <string>
#include <vector>

#include <cartan/core/array.hpp>
#include <cartan/data/group.hpp>
#include <cartan/linalg/report.hpp>
#include <cartan/linalg/tucker.hpp>

namespace cartan::chebyshev {

/// A box [low_1, high_1] x ... x [low_d, high_d].
struct Box {
  std::vector<double> low, high;

  int dim() const { return static_cast<int>(low.size()); }
  /// Throws std::invalid_argument unless d >= 1 and every low < high is finite.
  void check(const char* caller) const;
  double half_width(int k) const;
  double centre(int k) const;
  double volume() const;
  bool contains(const double* point) const;
  bool operator==(const Box& other) const { return low == other.low && high == other.high; }
};

/// [-a, a]^d
Box cube(int dim, double a);

/// What a function is outside of its box.
enum class Outside {
  error,    ///< std::invalid_argument that names the point
  nearest,  ///< the value at the nearest point of the box; derivatives across the face are zero
  zero      ///< zero, with its derivatives
};
const char* name_of(Outside outside);
Outside outside_from_name(const std::string& name);

/// Values and derivatives at N points.
struct Jet {
  Array value;     ///< (N)
  Array gradient;  ///< (N, d)
  Array hessian;   ///< (N, d, d)
};

/// f(x) = sum_{i_1 .. i_d} C[i_1, .., i_d] prod_k T_{i_k}(xi_k), xi_k the place of x_k in the box scaled to
/// [-1, 1], whose coefficient tensor C has Tucker format: f(x) = sum_a core[a_1, .., a_d] prod_k
/// v_{k,a_k}(x_k) with the functions v_{k,a}(x) = sum_i factors[k][i, a] T_i(xi) (P. Benner, B. N.
/// Khoromskij, V. Khoromskaia, B. Sun, A mesh-free hybrid Chebyshev-Tucker tensor format, arXiv:2503.01696).
/// Any number of variables, each with a degree of its own. A value: cheap to copy, never changed, may be used
/// by several threads. Numbers are those of the element type of the coefficients, float64 or float32.
class ChebyshevTucker {
 public:
  ChebyshevTucker() = default;  ///< no function: dim() is 0
  /// Throws std::invalid_argument unless box and coefficients fit.
  ChebyshevTucker(Box box, linalg::Tucker coefficients);

  int dim() const { return box_.dim(); }
  const Box& box() const { return box_; }
  const linalg::Tucker& coefficients() const { return tucker_; }
  DType dtype() const { return tucker_.dtype(); }
  const Shape& ranks() const { return tucker_.ranks(); }
  std::vector<Index> degrees() const;  ///< of the polynomial in each variable: coefficients less one
  /// Size of the full coefficient tensor over the numbers stored.
  double compression() const;

  /// Values at points (N, d), or one point (d): (N). Cost: about 2 prod r_k flops a point.
  /// Throws std::invalid_argument for points that are not finite, and as `outside` says.
  Array operator()(const Array& points, Outside outside = Outside::error) const;
  double operator()(const std::vector<double>& point, Outside outside = Outside::error) const;
  /// Values and, for order 1 and 2, gradients and Hessians, in one pass.
  Jet evaluate(const Array& points, int order, Outside outside = Outside::error) const;
  Array gradient(const Array& points, Outside outside = Outside::error) const;
  Array hessian(const Array& points, Outside outside = Outside::error) const;
  /// The same into memory of the caller, points as N x d numbers in float64. Null pointers are left out.
  void evaluate(const double* points, Index n, double* value, double* gradient, double* hessian,
                Outside outside = Outside::error) const;

  /// Values on the grid coordinates[0] x ... x coordinates[d-1]: an array (n_1, .., n_d). About 2 r_d flops a
  /// value. The grid must lie in the box.
  Array on_grid(const std::vector<Array>& coordinates) const;

  /// The integral over the box.
  double integral() const;
  /// The derivative by variable k, a function on the same box of one degree less.
  ChebyshevTucker derivative(int k) const;
  /// The integral over variable k: a function of the other variables (dim() >= 2).
  ChebyshevTucker integrated(int k) const;
  /// With coefficients of another element type.
  ChebyshevTucker as(DType dtype) const;

  /// Arrays `core`, `factors/k`, and the box as attributes `low`, `high`.
  void save(data::Group& group) const;
  /// Throws FormatError naming the object for anything but what save() writes.
  static ChebyshevTucker load(const data::Group& group);

 private:
  struct Tables;  // the factors, their derivatives, and the order of contractions
  Box box_;
  linalg::Tucker tucker_;
  std::shared_ptr<const Tables> tables_;
};

/// Sums and multiples. Boxes must be equal; ranks add, degrees are the larger ones. Follow by round().
ChebyshevTucker operator+(const ChebyshevTucker& f, const ChebyshevTucker& g);
ChebyshevTucker operator-(const ChebyshevTucker& f, const ChebyshevTucker& g);
ChebyshevTucker operator*(double a, const ChebyshevTucker& f);
/// Smaller ranks, then smaller degrees: the coefficient tensor changes by at most tolerance in the relative
/// Frobenius norm, so that max |f - g| <= sum |C - C'| <= sqrt(prod m_k) tolerance ||C||.
linalg::Result<ChebyshevTucker> round(const ChebyshevTucker& f, double tolerance,
                                      const std::vector<Index>& max_ranks = {});

}  // namespace cartan::chebyshev
