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

}  // namespace cartan::linalg
