#pragma once
// What the truncated decompositions share.

#include "cartan/linalg/hosvd.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

/// Throws std::invalid_argument for a tensor without entries or options that do not fit it.
void check_options(const char* caller, const Shape& shape, DType dtype, const HosvdOptions& o);
/// What options and shape allow.
Index largest_rank(const HosvdOptions& o, const Shape& shape, int mode);
/// Sets the error and whether it meets, to rounding, what was asked.
void finish_report(Report& report, double error, const HosvdOptions& o, double floor);

/// Modes by extent, unless the options say otherwise.
std::vector<int> mode_order(const Shape& shape, const HosvdOptions& o, bool largest_first);
/// Adds a method to the report unless it is there.
void note_method(Report& report, const char* method);
/// An iteration's relative error changed by no more than `change`, or its square by no more than rounding.
bool settled(double last, double error, double change, DType dtype);
/// Rank 1, with orthonormal factors.
Result<Tucker> zero_tucker(const Shape& shape, DType dtype);

/// A decomposition under way: X ~ x with the factors so far.
struct Steps {
  Shape shape;  ///< of X
  Array x;
  Tucker tensor;  ///< factors in float64, with one axis where there is none yet
  Report report;
  double tolerance = 0, square = -1,
         spent = 0;  ///< relative; ||X||^2, once it is known; squared error so far

  bool turn = true;  ///< modes that keep their extent get their singular vectors

  Steps(Shape shape, double tolerance, std::vector<int> order);
  /// What the next of `left` truncations may leave behind, squared.
  double budget(std::size_t left) const;
  /// x is reduced to y = u^T x.
  void take(int mode, Matrix u, Array y, double residual);
};

/// Truncates the modes of s.report.order from number `done` on. After sketches, of these or (`sketched`) of
/// earlier modes, the core is truncated once more, in all modes.
template <class T>
void truncate_rest(Steps& s, std::size_t done, const HosvdOptions& o, bool sketches, bool sketched);
/// Factors and core in type `dtype`, the core times `scale`, and the report.
Result<Tucker> finished(Steps s, const HosvdOptions& o, DType dtype, double scale);

}  // namespace cartan::linalg
