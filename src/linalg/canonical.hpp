#pragma once
// Pieces of canonical tensors that conversions use as well.

#include <vector>

#include "cartan/linalg/canonical.hpp"
#include "linalg/matrix.hpp"

namespace cartan::linalg {

/// Row r - begin holds the outer product of column r of the factors first_mode, ..., d-1: terms x (n_first
/// ... n_d).
template <class T>
std::vector<T> khatri_rao_rows(const Canonical& x, int first_mode, Index begin, Index terms);

/// A vector (n x 1) of the norm of x: its coordinates after all modes but the last went through QR.
Matrix orthogonal_remainder(const Canonical& x);

/// The terms `chosen`, in that order.
Canonical terms_of(const std::vector<double>& w, const std::vector<Matrix>& f,
                   const std::vector<Index>& chosen, DType dtype);

/// 2-norms of the columns, without overflow.
std::vector<double> column_norms(const Matrix& a);
std::vector<double> column_norms(const Array& a);

}  // namespace cartan::linalg
