#pragma once
// Where alternating least squares begin.

#include "cartan/completion/low_rank.hpp"
#include "cartan/core/progress.hpp"
#include "completion/row_als.hpp"

namespace cartan::completion {

/// Fills `parts`, from random numbers of (seed, restart): the best of some short runs where little is known,
/// the solution of a compressed tensor where a CP has most entries, or a random start that soon is better.
/// @param stop  looked at before each sweep; throws Stopped
void start(Parts& parts, RowAls& als, const LowRankOptions& options, int restart, const SparseTensor& train,
           const SparseTensor& validation, bool positive, const StopFlag* stop = nullptr);

}  // namespace cartan::completion
