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
/// False where sums of squares of T overflow, lose digits, or are not finite.
template <class T>
bool in_range(double square, Index size);
/// max |x|; throws std::invalid_argument unless every entry is finite.
template <class T>
double largest_entry(const char* caller, const T* x, Index size);
/// Rank 1, with orthonormal factors.
Result<Tucker> zero_tucker(const Shape& shape, DType dtype);

}  // namespace cartan::linalg
