#pragma once
// What the truncated decompositions share.

#include "cartan/linalg/hosvd.hpp"

namespace cartan::linalg {

/// Throws std::invalid_argument for a tensor without entries or options that do not fit it.
void check_options(const char* caller, const Shape& shape, DType dtype, const HosvdOptions& o);
/// What options and shape allow.
Index largest_rank(const HosvdOptions& o, const Shape& shape, int mode);
/// Sets the error and whether it meets what was asked.
void finish_report(Report& report, double error, const HosvdOptions& o, double floor);

/// Modes by extent, unless the options say otherwise.
std::vector<int> mode_order(const Shape& shape, const HosvdOptions& o, bool largest_first);
/// Adds a method to the report unless it is there.
void note_method(Report& report, const char* method);
/// An iteration's relative error changed by no more than `change`, or its square by no more than rounding.
bool settled(double last, double error, double change, DType dtype);
/// Rank 1, with orthonormal factors.
Result<Tucker> zero_tucker(const Shape& shape, DType dtype);

}  // namespace cartan::linalg
