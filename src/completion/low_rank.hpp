#pragma once
// The loop that all low-rank formats share.

#include <memory>

#include "cartan/completion/low_rank.hpp"
#include "completion/parts.hpp"

namespace cartan::completion {

struct Completed {
  std::unique_ptr<Parts> parts;  ///< of the values over `scale`
  double scale = 1;
  Summary summary;
};
Completed complete(const char* caller, const SparseTensor& train, const SparseTensor& validation,
                   const LowRankOptions& options, const FitContext& context, const Parts& prototype);

}  // namespace cartan::completion
