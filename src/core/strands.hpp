#pragma once
// Sums of the terms of one row.

#include "cartan/core/parallel.hpp"

namespace cartan {

/// The sum of term(0) .. term(n - 1) in float64, in eight strands, which vectorise.
template <class Term>
double sum_in_strands(Index n, Term term) {
  double strand[8] = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8)
    for (Index k = 0; k < 8; ++k) strand[k] += term(i + k);
  for (; i < n; ++i) strand[0] += term(i);
  return ((strand[0] + strand[1]) + (strand[2] + strand[3])) +
         ((strand[4] + strand[5]) + (strand[6] + strand[7]));
}

}  // namespace cartan
