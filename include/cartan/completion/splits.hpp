#pragma once
/// Parts of the known entries by a seed.

#include <cstdint>

#include <cartan/completion/sparse.hpp>
#include <cartan/core/config.hpp>

namespace cartan::completion {

struct SplitOptions {
  double validation = 0.1;  ///< share of the entries that guide a fit
  double test = 0.1;        ///< share that no fit sees
  std::uint64_t seed = 0;
};
void describe(config::Fields& f, SplitOptions& o);

struct Split {
  SparseTensor train, validation, test;  ///< all of the full shape
};

/// Every entry in one part, drawn by the seed alone; shares are rounded to whole entries. Throws
/// std::invalid_argument where nothing is left to train on.
Split split(const SparseTensor& tensor, const SplitOptions& options = {});

/// `folds` parts of nearly one size for cross-validation: the entries' numbers of each.
std::vector<std::vector<Index>> folds(const SparseTensor& tensor, int count, std::uint64_t seed);

}  // namespace cartan::completion
