#pragma once
// Errors of predictions at known entries.

#include <functional>
#include <string>

#include "cartan/completion/method.hpp"

namespace cartan::completion {

double mean_of(const SparseTensor& x);
/// sum of squares of the values
double square_of(const SparseTensor& x);
/// Root mean square of x's values minus `mean` (N), float64; 0 without entries.
double rmse_of(const SparseTensor& x, const Array& mean);

/// Fills in what a summary says at the end: method, relative_error and, where the course has none, the RMSE
/// of both sets.
void finish(Summary& s, const std::string& method, const SparseTensor& train, const SparseTensor& validation,
            const std::function<Array(const SparseTensor&)>& predict);

}  // namespace cartan::completion
